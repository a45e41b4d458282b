using Microsoft.AspNetCore.Http.Features;

namespace Gateway.Proxying;

/// <summary>The URI that puts the client's request target on the wire byte for byte. Parsing and printing a path, as YARP does, changes <c>/a%2Fb</c> and others.</summary>
internal static class TargetUri
{
    private static readonly UriCreationOptions AsIs = new() { DangerousDisablePathAndQueryCanonicalization = true };

    public static Uri Of(string destinationPrefix, HttpContext context)
    {
        var target = context.Features.GetRequiredFeature<IHttpRequestFeature>().RawTarget;
        if (!target.StartsWith('/'))
        {
            target = OriginForm(target, context.Request);
        }

        return new Uri(string.Concat(destinationPrefix, target), AsIs);
    }

    /// <summary>An absolute-form target (RFC 9112, 3.2.2) loses its authority, of which Host says the same; what has no raw form is printed.</summary>
    private static string OriginForm(string target, HttpRequest request)
    {
        var scheme = target.IndexOf("://", StringComparison.Ordinal);
        if (scheme < 0)
        {
            return string.Concat(request.Path.ToUriComponent(), request.QueryString.ToUriComponent()) is { Length: > 0 } path ? path : "/";
        }

        var end = target.AsSpan(scheme + 3).IndexOfAny('/', '?');
        if (end < 0)
        {
            return "/";
        }

        var rest = target[(scheme + 3 + end)..];
        return rest[0] == '/' ? rest : "/" + rest;
    }
}
