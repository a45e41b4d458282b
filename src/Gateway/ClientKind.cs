using Microsoft.Net.Http.Headers;

namespace Gateway;

/// <summary>Who asks: a person's browser going somewhere (it can show a page and follow a redirect to sign in), or anything else.</summary>
internal enum ClientKind
{
    Navigation,
    Program,
}

/// <summary>Tells clients apart by fetch metadata, which pages cannot forge, and only without it by <c>Accept</c>.</summary>
internal static class ClientKinds
{
    public static ClientKind GetClientKind(this HttpRequest request)
    {
        if (IsUpgrade(request))
        {
            return ClientKind.Program;
        }

        string? mode = request.Headers["Sec-Fetch-Mode"];
        var navigates = string.IsNullOrEmpty(mode) ? PrefersHtml(request) : mode == "navigate" && LoadsDocument(request);
        return navigates ? ClientKind.Navigation : ClientKind.Program;
    }

    /// <summary>
    /// A read that a page or the browser makes by itself (polls, prefetches, icons), so nobody need be waiting for it. A browser without fetch
    /// metadata and a program are taken at their word: they mean it.
    /// </summary>
    public static bool IsBackground(this HttpRequest request)
    {
        if (!(HttpMethods.IsGet(request.Method) || HttpMethods.IsHead(request.Method)) || IsUpgrade(request))
        {
            return false;
        }

        string? mode = request.Headers["Sec-Fetch-Mode"];
        return !string.IsNullOrEmpty(mode) && (mode != "navigate" || IsPrefetch(request));
    }

    /// <summary>Over HTTP/1.1 an <c>Upgrade</c>, over HTTP/2 an extended CONNECT (RFC 8441).</summary>
    public static bool IsUpgrade(this HttpRequest request) =>
        HttpMethods.IsConnect(request.Method)
        || (request.Headers.Upgrade.Count > 0 && request.Headers.Connection.ToString().Contains("upgrade", StringComparison.OrdinalIgnoreCase));

    private static bool LoadsDocument(HttpRequest request) =>
        (string?)request.Headers["Sec-Fetch-Dest"] is null or "" or "document" or "iframe" or "frame" or "embed" or "object";

    private static bool IsPrefetch(HttpRequest request) =>
        request.Headers["Sec-Purpose"].ToString().StartsWith("prefetch", StringComparison.OrdinalIgnoreCase);

    private static bool PrefersHtml(HttpRequest request)
    {
        foreach (var value in request.Headers.Accept)
        {
            if (value is null || !value.Contains("html", StringComparison.OrdinalIgnoreCase))
            {
                continue;
            }

            if (MediaTypeHeaderValue.TryParseList([value], out var types)
                && types.Any(type => type.MediaType.Value is "text/html" or "application/xhtml+xml" && type.Quality is not 0))
            {
                return true;
            }
        }

        return false;
    }
}
