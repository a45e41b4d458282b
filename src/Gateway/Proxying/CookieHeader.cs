using System.Buffers;
using Microsoft.Extensions.Primitives;

namespace Gateway.Proxying;

/// <summary>Whether cookies of that name are meant.</summary>
internal delegate bool CookieNames(ReadOnlySpan<char> name);

/// <summary>The <c>Cookie</c> header of a request (RFC 6265, 4.2.1).</summary>
internal static class CookieHeader
{
    private const string Separator = "; ";

    /// <summary>What is left without our own cookies, the others as they were sent; null when there is none of ours and nothing changes.</summary>
    public static string? Without(StringValues header, CookieNames isOurs)
    {
        foreach (var line in header)
        {
            foreach (var range in line.AsSpan().Split(';'))
            {
                if (isOurs(NameOf(line.AsSpan(range))))
                {
                    return WithoutOurs(header, isOurs);
                }
            }
        }

        return null;
    }

    private static string WithoutOurs(StringValues header, CookieNames isOurs)
    {
        var most = 0;
        foreach (var line in header)
        {
            most += (line?.Length ?? 0) + Separator.Length;
        }

        // A browser's every request comes here.
        var kept = ArrayPool<char>.Shared.Rent(Math.Max(1, 2 * most));
        var length = 0;
        foreach (var line in header)
        {
            foreach (var range in line.AsSpan().Split(';'))
            {
                var pair = line.AsSpan(range).Trim();
                if (pair.IsEmpty || isOurs(NameOf(pair)))
                {
                    continue;
                }

                if (length > 0)
                {
                    Separator.CopyTo(kept.AsSpan(length));
                    length += Separator.Length;
                }

                pair.CopyTo(kept.AsSpan(length));
                length += pair.Length;
            }
        }

        var left = new string(kept, 0, length);
        ArrayPool<char>.Shared.Return(kept, clearArray: true);
        return left;
    }

    private static ReadOnlySpan<char> NameOf(ReadOnlySpan<char> pair)
    {
        pair = pair.Trim();
        var equals = pair.IndexOf('=');
        return equals < 0 ? pair : pair[..equals].TrimEnd();
    }
}

/// <summary>The <c>Set-Cookie</c> headers of an answer.</summary>
internal static class SetCookieHeader
{
    /// <summary>The ones whose name is not ours; null when none is ours and nothing changes.</summary>
    public static StringValues? Without(StringValues headers, CookieNames isOurs)
    {
        var others = headers.Where(header => !isOurs(NameOf(header ?? ""))).ToArray();
        return others.Length == headers.Count ? (StringValues?)null : new StringValues(others);
    }

    private static ReadOnlySpan<char> NameOf(string header)
    {
        // A cookie without a name is sent back as its value alone: "=gateway=x" is a gateway cookie to whoever reads it.
        var pair = header.AsSpan().TrimStart("= \t");
        var end = pair.IndexOfAny('=', ';');
        return (end < 0 ? pair : pair[..end]).Trim();
    }
}
