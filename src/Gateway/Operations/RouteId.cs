using System.Buffers.Text;
using System.Diagnostics.CodeAnalysis;
using System.Text;

namespace Gateway.Operations;

/// <summary>A user's route in addresses: a plain user name is itself, any other is <c>~</c> and its base64url. One user, one id.</summary>
internal static class RouteId
{
    private const int MaximumPlainLength = 64;
    private static readonly UTF8Encoding Strict = new(encoderShouldEmitUTF8Identifier: false, throwOnInvalidBytes: true);

    public static string Of(UserId user) => IsPlain(user.Value) ? user.Value : "~" + Base64Url.EncodeToString(Encoding.UTF8.GetBytes(user.Value));

    public static bool TryParse(string id, [NotNullWhen(true)] out UserId? user)
    {
        user = Parse(id);
        // Only the one way to write it: caches and logs compare ids as text.
        if (user is { Value.Length: > 0 } parsed && Of(parsed) == id)
        {
            return true;
        }

        user = null;
        return false;
    }

    private static UserId? Parse(string id)
    {
        if (!id.StartsWith('~'))
        {
            return IsPlain(id) ? new UserId(id) : null;
        }

        try
        {
            return new UserId(Strict.GetString(Base64Url.DecodeFromChars(id.AsSpan(1))));
        }
        catch (Exception fault) when (fault is FormatException or ArgumentException)
        {
            return null;
        }
    }

    // A dot first could be a dot segment, which clients resolve away.
    private static bool IsPlain(string name) =>
        name.Length is > 0 and <= MaximumPlainLength
        && char.IsAsciiLetterOrDigit(name[0])
        && name.All(c => char.IsAsciiLetterOrDigit(c) || c is '-' or '_' or '.');
}
