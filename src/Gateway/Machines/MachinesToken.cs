using System.Net.Http.Headers;

namespace Gateway.Machines;

/// <summary>The platform's token as a header. Never printed.</summary>
internal static class MachinesToken
{
    /// <summary>
    /// Tokens are handed round with their scheme in front, sometimes twice. Macaroons go under <c>FlyV1</c>, everything else under <c>Bearer</c>, as Fly's own client does.
    /// </summary>
    public static AuthenticationHeaderValue Header(string token)
    {
        var bare = token.Trim();
        while (true)
        {
            var space = bare.IndexOf(' ', StringComparison.Ordinal);
            if (space < 0 || !IsScheme(bare.AsSpan(0, space)))
            {
                break;
            }

            bare = bare[(space + 1)..].TrimStart();
        }

        var macaroon = bare.StartsWith("fm1r", StringComparison.Ordinal) || bare.StartsWith("fm1a", StringComparison.Ordinal) || bare.StartsWith("fm2", StringComparison.Ordinal);
        return new AuthenticationHeaderValue(macaroon ? "FlyV1" : "Bearer", bare);
    }

    private static bool IsScheme(ReadOnlySpan<char> word) =>
        word.Equals("Bearer", StringComparison.OrdinalIgnoreCase) || word.Equals("FlyV1", StringComparison.OrdinalIgnoreCase);
}
