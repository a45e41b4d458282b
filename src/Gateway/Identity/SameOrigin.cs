using Gateway.Identity.Operators;
using Microsoft.Extensions.Options;

namespace Gateway.Identity;

/// <summary>Whether a request was made by a page of this gateway.</summary>
internal sealed class SameOrigin(IOptions<IdentityOptions> options, CredentialsOrigin credentials)
{
    private readonly string? _publicOrigin = Read(options.Value.PublicUrl);
    private readonly string? _consoleOrigin = Read(options.Value.ConsoleUrl);

    public string OriginOf(HttpRequest request) =>
        (IOperatorsDoor.IsAt(request.HttpContext) ? _consoleOrigin : credentials.IsAt(request.HttpContext) ? credentials.Value : _publicOrigin) ?? $"{request.Scheme}://{request.Host.Value}";

    /// <summary>The <c>Origin</c> is there, once, and is ours. Browsers always send it with a WebSocket.</summary>
    public bool HasOurOrigin(HttpRequest request) =>
        request.Headers.Origin is [{ } origin] && string.Equals(origin, OriginOf(request), StringComparison.OrdinalIgnoreCase);

    /// <summary>A page of ours, the person themself (address bar), or no browser at all.</summary>
    public bool IsNotForeign(HttpRequest request)
    {
        string? site = request.Headers["Sec-Fetch-Site"];
        if (!string.IsNullOrEmpty(site))
        {
            return site is "same-origin" or "none";
        }

        // Without fetch metadata a GET could be anybody's link or image; a POST names its origin.
        return !HttpMethods.IsGet(request.Method) && (request.Headers.Origin.Count == 0 || HasOurOrigin(request));
    }

    private static string? Read(string origin) => origin.Length > 0 ? new Uri(origin).GetLeftPart(UriPartial.Authority) : null;
}
