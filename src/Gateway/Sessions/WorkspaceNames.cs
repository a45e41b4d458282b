using System.Buffers.Binary;
using System.Buffers.Text;
using System.Diagnostics.CodeAnalysis;
using System.Globalization;
using System.Security.Cryptography;
using System.Text;

namespace Gateway.Sessions;

/// <summary>
/// The names of users' machines and volumes, and the proof in a machine's metadata of whose it is. Code inside a machine can rewrite its metadata
/// but neither its name nor a MAC over it, so only what <see cref="UsersOf"/> accepts says anything.
/// </summary>
internal sealed class WorkspaceNames
{
    public const string UserKey = "gateway_user";
    public const string MacKey = "gateway_mac";

    /// <summary>What the names of machines made for one user begin with.</summary>
    public const string MachinePrefix = "ws-";

    /// <summary>For how long a creation that was asked for may still be carried out without anybody knowing of it.</summary>
    public static readonly TimeSpan AnswerLimit = TimeSpan.FromSeconds(10);

    private const string Alphabet = "abcdefghijklmnopqrstuvwxyz234567";

    // A user name that is no valid text must not be folded onto another's.
    private static readonly UTF8Encoding Utf8 = new(encoderShouldEmitUTF8Identifier: false, throwOnInvalidBytes: true);

    private readonly byte[] _key;

    /// <param name="app">The Fly app that new workspaces are made in.</param>
    /// <param name="key">The secret that names and MACs are derived with; another key finds none of the old workspaces.</param>
    public WorkspaceNames(string app, string key) => (App, _key) = (app, Utf8.GetBytes(key));

    public string App { get; }

    /// <summary>The name of the user's machine; a further <paramref name="copy"/> when an earlier one is gone and its name lingers.</summary>
    public string MachineName(UserId user, int copy = 0) =>
        copy == 0 ? MachinePrefix + Word("machine", user) : string.Create(CultureInfo.InvariantCulture, $"{MachinePrefix}{Word("machine", user)}-{copy + 1}");

    public string VolumeName(UserId user) => "ws_" + Word("volume", user);

    public string Mac(string app, string machineName, UserId user) => Convert.ToHexStringLower(Hash("mac", app, machineName, user.Value));

    /// <summary>The metadata that gives a machine to one user.</summary>
    public Dictionary<string, string> Metadata(string app, string machineName, UserId user) => new()
    {
        [UserKey] = Base64Url.EncodeToString(Utf8.GetBytes(user.Value)),
        [MacKey] = Mac(app, machineName, user),
    };

    /// <summary>The metadata that adds a user to a machine which several share: an entry beside the others'.</summary>
    public Dictionary<string, string> SharedMetadata(string app, string machineName, UserId user)
    {
        var suffix = "_" + Word("shared", user)[..8];
        return Metadata(app, machineName, user).ToDictionary(entry => entry.Key + suffix, entry => entry.Value);
    }

    /// <summary>The users that the machine is provably given to. <paramref name="forged"/>: it claims somebody without proof.</summary>
    public IReadOnlyList<UserId> UsersOf(string app, string machineName, IReadOnlyDictionary<string, string> metadata, out bool forged)
    {
        forged = false;
        var users = new List<UserId>();
        foreach (var (key, value) in metadata)
        {
            if (key != UserKey && !key.StartsWith(UserKey + "_", StringComparison.Ordinal))
            {
                continue;
            }

            var mac = metadata.GetValueOrDefault(MacKey + key[UserKey.Length..]);
            if (TryDecode(value, out var user) && mac is not null && Proves(mac, app, machineName, user))
            {
                users.Add(user);
            }
            else
            {
                forged = true;
            }
        }

        return users;
    }

    /// <summary>A metadata key that says whose a machine is.</summary>
    public static bool IsProof(string key) =>
        key is UserKey or MacKey || key.StartsWith(UserKey + "_", StringComparison.Ordinal) || key.StartsWith(MacKey + "_", StringComparison.Ordinal);

    public bool IsOf(UserId user, string app, string machineName, IReadOnlyDictionary<string, string> metadata) =>
        UsersOf(app, machineName, metadata, out _).Contains(user);

    private bool Proves(string mac, string app, string machineName, UserId user) =>
        CryptographicOperations.FixedTimeEquals(Encoding.ASCII.GetBytes(Mac(app, machineName, user)), Encoding.ASCII.GetBytes(mac));

    private static bool TryDecode(string value, [NotNullWhen(true)] out UserId user)
    {
        user = default;
        try
        {
            user = new UserId(Utf8.GetString(Base64Url.DecodeFromChars(value)));
            return user.Value.Length > 0;
        }
        catch (Exception e) when (e is FormatException or ArgumentException)
        {
            return false;
        }
    }

    // 100 bits in the letters that machine names, volume names and DNS all take.
    private string Word(string purpose, UserId user)
    {
        var hash = Hash(purpose, App, user.Value);
        Span<char> word = stackalloc char[20];
        for (var n = 0; n < word.Length; n++)
        {
            var bit = n * 5;
            var window = (hash[bit / 8] << 8) | hash[(bit / 8) + 1];
            word[n] = Alphabet[(window >> (11 - (bit % 8))) & 31];
        }

        return new string(word);
    }

    // Each part with its length before it, so that no two lists of parts read alike.
    private byte[] Hash(params ReadOnlySpan<string> parts)
    {
        var length = 0;
        foreach (var part in parts)
        {
            length += sizeof(int) + Utf8.GetByteCount(part);
        }

        var text = new byte[length];
        var rest = text.AsSpan();
        foreach (var part in parts)
        {
            var written = Utf8.GetBytes(part, rest[sizeof(int)..]);
            BinaryPrimitives.WriteInt32LittleEndian(rest, written);
            rest = rest[(sizeof(int) + written)..];
        }

        return HMACSHA256.HashData(_key, text);
    }
}
