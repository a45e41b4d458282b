using Gateway.Operations;
using Gateway.Proxying;
using Microsoft.AspNetCore.Http.Features;
using Microsoft.Net.Http.Headers;

namespace Gateway;

/// <summary>What is refused before anybody is asked who they are: it would mean something else to one of the servers on the way than to another.</summary>
internal static class EdgeGuard
{
    public static void UseEdgeGuard(this WebApplication app)
    {
        var marker = app.Services.GetRequiredService<HopMarker>();
        var limits = app.Services.GetRequiredService<RequestLimits>();
        app.Use((context, next) => RefusalOf(context, marker, limits) is { } refusal ? RefusalResponse.WriteAsync(context, refusal) : next(context));
    }

    /// <summary>What is for a workspace by the listener it came through and by its path, whoever sent it.</summary>
    public static bool IsForWorkspace(HttpContext context) =>
        !OperationsListener.IsOperations(context) && WorkspacePath.OwnerOf(context.Features.GetRequiredFeature<IHttpRequestFeature>().RawTarget) is PathOwner.Workspace;

    /// <summary>
    /// Whose a path is, is decided on what was sent, before routing has a say: the server has resolved dot segments by then, and a path that means the
    /// gateway to one of us and the workspace to the other belongs to nobody.
    /// </summary>
    private static Refusal? RefusalOf(HttpContext context, HopMarker marker, RequestLimits limits)
    {
        var target = context.Features.GetRequiredFeature<IHttpRequestFeature>().RawTarget;
        // By HTTP/2 a path may be anything: a blank would stand in the middle of HTTP/1.1's first line, and what is not ASCII cannot be written into it.
        if (target.AsSpan().ContainsAnyExceptInRange('!', '~'))
        {
            return Outcomes.MalformedTarget;
        }

        var owner = WorkspacePath.OwnerOf(target);
        if (owner is PathOwner.Disputed)
        {
            return Outcomes.DisputedPath;
        }

        if (owner is PathOwner.Gateway)
        {
            Enclose(context.Response.Headers);
        }

        if (IsAmbiguous(context.Request))
        {
            // Whatever follows on this connection may be what somebody before us takes for its body.
            context.Response.Headers.Connection = "close";
            return Outcomes.AmbiguousBody;
        }

        if (HttpProtocol.IsHttp2(context.Request.Protocol) && HasFieldsOfOneConnection(context.Request.Headers))
        {
            return Outcomes.FieldsOfOneConnection;
        }

        if (HttpMethods.IsConnect(context.Request.Method) && context.Features.Get<IHttpExtendedConnectFeature>() is not { IsExtendedConnect: true })
        {
            return Outcomes.NoTunnels;
        }

        if (OperationsListener.IsOperations(context))
        {
            return null;
        }

        if (limits.Refuse(context.Connection.RemoteIpAddress) is { } later)
        {
            return Outcomes.TooMany(later);
        }

        return marker.IsOn(context.Request) ? Outcomes.Loop
            : IsRootServiceWorker(context.Request) ? Outcomes.RootServiceWorker
            : null;
    }

    /// <summary>A workspace's page shares the origin, and must not show one of ours inside of itself. A page with a stricter policy of its own replaces this one.</summary>
    private static void Enclose(IHeaderDictionary headers)
    {
        headers.ContentSecurityPolicy = "default-src 'none'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'";
        headers.XFrameOptions = "DENY";
        headers.XContentTypeOptions = "nosniff";
        headers["Referrer-Policy"] = "no-referrer";
        headers["Cross-Origin-Resource-Policy"] = "same-origin";
    }

    /// <summary>
    /// A body that says its length and is chunked (RFC 9112, 6.3), or is coded in ways of which the server reads the last alone. The server takes both for
    /// chunked and renames the length, to which an older server before us might listen.
    /// </summary>
    private static bool IsAmbiguous(HttpRequest request) =>
        request.Headers.TransferEncoding.Count > 0
        && (!request.Headers.TransferEncoding.ToString().Equals("chunked", StringComparison.OrdinalIgnoreCase)
            || request.Headers.ContainsKey("X-Content-Length")
            || request.Headers.ContentLength is not null);

    /// <summary>
    /// They make a request malformed (RFC 9113, 8.2.2), and mean something once it goes on as HTTP/1.1. The server refuses <c>Connection</c> and foreign
    /// values of <c>TE</c> itself.
    /// </summary>
    private static bool HasFieldsOfOneConnection(IHeaderDictionary headers) =>
        headers.TransferEncoding.Count > 0 || headers.Upgrade.Count > 0 || headers.KeepAlive.Count > 0 || headers.ContainsKey(HeaderNames.ProxyConnection);

    /// <summary>A worker's scope is its script's folder: one at the root would answer for the gateway's own pages, and outlive the sign-in.</summary>
    private static bool IsRootServiceWorker(HttpRequest request) =>
        request.Headers.ContainsKey("Service-Worker") && request.Path.Value is { } path && path.LastIndexOf('/') == 0;
}
