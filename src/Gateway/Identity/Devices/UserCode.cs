using System.Security.Cryptography;

namespace Gateway.Identity.Devices;

/// <summary>The code a person types (RFC 8628, section 6.1): consonants only, so that it spells nothing and no two look alike.</summary>
internal static class UserCode
{
    private const string Letters = "BCDFGHJKLMNPQRSTVWXZ";
    private const int Length = 8;

    public static string New() => RandomNumberGenerator.GetString(Letters, Length);

    /// <summary>As it is shown: in two halves.</summary>
    public static string Show(string code) => $"{code[..4]}-{code[4..]}";

    /// <summary>However it was typed; null: it cannot be one.</summary>
    public static string? Parse(string? typed)
    {
        if (typed is null || typed.Length > 32)
        {
            return null;
        }

        var letters = string.Concat(typed.Where(char.IsAsciiLetter)).ToUpperInvariant();
        return letters.Length == Length && letters.All(Letters.Contains) ? letters : null;
    }
}
