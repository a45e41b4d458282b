using System.Net.Http.Headers;

namespace Gateway.Machines;

/// <summary>The platform's token as a header. Never printed.</summary>
internal static class MachinesToken
{
    /// <summary>The token as configured.</summary>
    public static string Of(MachinesOptions options) => string.IsNullOrEmpty(options.Token) ? File.ReadAllText(options.TokenFile) : options.Token;

    /// <summary>Whether something is left of it without its scheme, and only what a header can carry.</summary>
    public static bool IsUsable(string token) => Bare(token) is { Length: > 0 } bare && bare.All(static c => c is > ' ' and < (char)127);

    /// <summary>
    /// Tokens are handed round with their scheme in front, sometimes twice. Macaroons go under <c>FlyV1</c>, everything else under <c>Bearer</c>, as Fly's own client does.
    /// </summary>
    public static AuthenticationHeaderValue Header(string token)
    {
        var bare = Bare(token);
        var macaroon = bare.StartsWith("fm1r", StringComparison.Ordinal) || bare.StartsWith("fm1a", StringComparison.Ordinal) || bare.StartsWith("fm2", StringComparison.Ordinal);
        return new AuthenticationHeaderValue(macaroon ? "FlyV1" : "Bearer", bare);
    }

    /// <summary>Without its scheme.</summary>
    public static string Bare(string token)
    {
        var bare = token.Trim();
        while (true)
        {
            var end = bare.AsSpan().IndexOfAny(' ', '\t');
            var word = end < 0 ? bare : bare[..end];
            if (!IsScheme(word))
            {
                return bare;
            }

            bare = bare[word.Length..].TrimStart();
        }
    }

    private static bool IsScheme(ReadOnlySpan<char> word) =>
        word.Equals("Bearer", StringComparison.OrdinalIgnoreCase) || word.Equals("FlyV1", StringComparison.OrdinalIgnoreCase);
}
