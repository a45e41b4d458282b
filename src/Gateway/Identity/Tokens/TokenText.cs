using System.Buffers.Text;
using System.Security.Cryptography;
using System.Text;

namespace Gateway.Identity.Tokens;

/// <summary>
/// How a personal access token is written: a prefix that secret scanners can look for, 256 random bits, and a check that tells a typing error or somebody
/// else's token from one of ours without asking Redis.
/// </summary>
internal static class TokenText
{
    public const string Prefix = "mjd_";

    private const int RandomLength = 43;
    private const int CheckLength = 6;
    private const int Length = 4 + RandomLength + CheckLength;

    public static string New()
    {
        var open = Prefix + Base64Url.EncodeToString(RandomNumberGenerator.GetBytes(32));
        return open + CheckOf(open);
    }

    /// <summary>Whether a text claims to be one of ours, good or bad.</summary>
    public static bool LooksOurs(ReadOnlySpan<char> text) => text.StartsWith(Prefix, StringComparison.Ordinal);

    public static bool IsWellFormed(string text)
    {
        if (text.Length != Length || !LooksOurs(text))
        {
            return false;
        }

        foreach (var c in text.AsSpan(Prefix.Length))
        {
            if (!char.IsAsciiLetterOrDigit(c) && c is not ('-' or '_'))
            {
                return false;
            }
        }

        return text.AsSpan(Length - CheckLength).SequenceEqual(CheckOf(text.AsSpan(0, Length - CheckLength)));
    }

    private static string CheckOf(ReadOnlySpan<char> text)
    {
        Span<byte> bytes = stackalloc byte[Length];
        Span<byte> hash = stackalloc byte[SHA256.HashSizeInBytes];
        SHA256.HashData(bytes[..Encoding.ASCII.GetBytes(text, bytes)], hash);
        return Base64Url.EncodeToString(hash[..4]);
    }
}
