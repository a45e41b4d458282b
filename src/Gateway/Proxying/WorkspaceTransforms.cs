using System.Diagnostics;
using System.Net;
using Microsoft.Extensions.Options;
using Microsoft.Net.Http.Headers;
using Yarp.ReverseProxy.Forwarder;

namespace Gateway.Proxying;

/// <summary>Which cookies are the gateway's own: a workspace neither sees nor sets them.</summary>
internal sealed record OwnCookies(CookieNames IsOurs);

/// <summary>
/// What changes between the client's request and the workspace's, and back. Everything is copied first, by YARP's rules for what is of one hop only; what
/// must not pass is taken out of the copy, whose headers can be read through without an allocation.
/// </summary>
internal sealed class WorkspaceTransforms(OwnCookies cookies, WorkspaceConnections connections, HopMarker marker, ProxyingMetrics metrics, IOptions<ProxyingOptions> options) : HttpTransformer
{
    /// <summary>Carries the signed word of whom a request is from.</summary>
    public const string AssertionHeader = "Gateway-Assertion";

    private const string ForwardedFor = "X-Forwarded-For";
    private const string ForwardedHost = "X-Forwarded-Host";
    private const string ForwardedProto = "X-Forwarded-Proto";

    private readonly AnswerHeaders _answers = new(cookies, connections, metrics, options.Value.WorkspacePort);

    public override async ValueTask TransformRequestAsync(HttpContext httpContext, HttpRequestMessage proxyRequest, string destinationPrefix, CancellationToken cancellationToken)
    {
        await base.TransformRequestAsync(httpContext, proxyRequest, destinationPrefix, cancellationToken);
        var request = httpContext.Request;
        var headers = proxyRequest.Headers;
        proxyRequest.RequestUri = TargetUri.Of(destinationPrefix, httpContext);
        List<string>? claimed = null;
        foreach (var (name, _) in headers.NonValidated)
        {
            if (HopHeaders.IsClaimed(name))
            {
                (claimed ??= []).Add(name);
            }
        }

        foreach (var name in claimed ?? [])
        {
            headers.Remove(name);
        }

        if (request.Headers.Cookie is { Count: > 0 } cookie && CookieHeader.Without(cookie, cookies.IsOurs) is { } others)
        {
            headers.Remove(HeaderNames.Cookie);
            if (others.Length > 0)
            {
                headers.TryAddWithoutValidation(HeaderNames.Cookie, others);
            }
        }

        // Set, never appended to: what the client claims of itself is not passed on.
        headers.TryAddWithoutValidation(ForwardedProto, request.Scheme);
        if (request.Host is { HasValue: true } host)
        {
            headers.TryAddWithoutValidation(ForwardedHost, host.ToUriComponent());
        }

        if (httpContext.Connection.RemoteIpAddress is { } address)
        {
            headers.TryAddWithoutValidation(ForwardedFor, TextOf(address));
        }

        if (OpenAnswer.Of(httpContext).Assertion is { } assertion)
        {
            headers.TryAddWithoutValidation(AssertionHeader, assertion);
        }

        var before = request.Headers[HopMarker.Header];
        if (before.Count > 0)
        {
            headers.Remove(HopMarker.Header);
        }

        headers.TryAddWithoutValidation(HopMarker.Header, marker.After(before));

        if (Activity.Current is { Recorded: true } span && span.OperationName == GatewayTelemetry.Forward)
        {
            headers.Remove(HeaderNames.TraceParent);
            headers.TryAddWithoutValidation(HeaderNames.TraceParent, span.Id);
        }

        // YARP makes a key of its own when it turns an extended CONNECT into an upgrade; two would be one too many.
        if (request.Protocol == "HTTP/2")
        {
            headers.Remove("Sec-WebSocket-Key");
        }
    }

    public override async ValueTask<bool> TransformResponseAsync(HttpContext httpContext, HttpResponseMessage? proxyResponse, CancellationToken cancellationToken)
    {
        var copied = await base.TransformResponseAsync(httpContext, proxyResponse, cancellationToken);
        if (proxyResponse is null)
        {
            return copied;
        }

        var (response, answer) = (httpContext.Response, OpenAnswer.Of(httpContext));
        if (!httpContext.Request.IsUpgrade())
        {
            answer.Began();
        }

        if (!_answers.Disarm(response, proxyResponse))
        {
            answer.IsSteering = true;
            return false;
        }

        if (response.ContentType is { } stream && stream.StartsWith("text/event-stream", StringComparison.OrdinalIgnoreCase))
        {
            // A page waits for the head of an event stream to call it open; the first event may be long in coming.
            await response.BodyWriter.FlushAsync(cancellationToken);
        }

        return copied;
    }

    private static string TextOf(IPAddress address) => (address.IsIPv4MappedToIPv6 ? address.MapToIPv4() : address).ToString();
}
