using Microsoft.Extensions.Primitives;

namespace Gateway.Proxying;

/// <summary>The <c>Cookie</c> header of a request (RFC 6265, 4.2.1).</summary>
internal static class CookieHeader
{
    /// <summary>What is left without our own cookies, the others as they were sent; null when there is none of ours and nothing changes.</summary>
    public static string? Without(StringValues header, Func<string, bool> isOurs)
    {
        List<string>? kept = null;
        var dropped = false;
        foreach (var line in header)
        {
            foreach (var pair in (line ?? "").Split(';'))
            {
                var name = pair.AsSpan().Trim();
                var equals = name.IndexOf('=');
                if (isOurs((equals < 0 ? name : name[..equals].TrimEnd()).ToString()))
                {
                    dropped = true;
                }
                else if (!pair.AsSpan().Trim().IsEmpty)
                {
                    (kept ??= []).Add(pair.Trim());
                }
            }
        }

        return dropped ? string.Join("; ", kept ?? []) : null;
    }
}

/// <summary>The <c>Set-Cookie</c> headers of an answer.</summary>
internal static class SetCookieHeader
{
    /// <summary>The ones whose name is not ours; null when none is ours and nothing changes.</summary>
    public static StringValues? Without(StringValues headers, Func<string, bool> isOurs)
    {
        var others = headers.Where(header => !isOurs(NameOf(header ?? ""))).ToArray();
        return others.Length == headers.Count ? (StringValues?)null : new StringValues(others);
    }

    private static string NameOf(string header)
    {
        // A cookie without a name is sent back as its value alone: "=gateway=x" is a gateway cookie to whoever reads it.
        var pair = header.AsSpan().TrimStart("= \t");
        var end = pair.IndexOfAny('=', ';');
        return (end < 0 ? pair : pair[..end]).Trim().ToString();
    }
}
