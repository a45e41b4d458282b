using Microsoft.AspNetCore.Http.Features;
using Microsoft.Extensions.Options;
using Microsoft.Net.Http.Headers;
using Yarp.ReverseProxy.Forwarder;
using Yarp.ReverseProxy.Transforms;
using Yarp.ReverseProxy.Transforms.Builder;

namespace Gateway.Proxying;

/// <summary>Which cookies are the gateway's own: a workspace neither sees nor sets them.</summary>
internal sealed record OwnCookies(Func<string, bool> IsOurs);

/// <summary>What changes between the client's request and the workspace's, and back. Built once, by YARP's transform builder.</summary>
internal sealed class WorkspaceTransforms(OwnCookies cookies, WorkspaceConnections connections, HopMarker marker, ProxyingMetrics metrics, IOptions<ProxyingOptions> options)
{
    private readonly AnswerHeaders _answers = new(cookies, connections, metrics, options.Value.WorkspacePort);

    public HttpTransformer Build(ITransformBuilder builder) => builder.Create(context =>
    {
        context.CopyRequestHeaders = true;
        context.CopyResponseHeaders = true;
        context.AddOriginalHost();
        // Set, never appended to: what the client claims of itself is not passed on.
        context.AddXForwarded(ForwardedTransformActions.Set);
        context.AddXForwardedPrefix("X-Forwarded-Prefix", ForwardedTransformActions.Remove);
        context.AddRequestTransform(TransformRequest);
        context.AddResponseTransform(TransformResponseAsync);
    });

    private ValueTask TransformRequest(RequestTransformContext transform)
    {
        var request = transform.HttpContext.Request;
        var headers = transform.ProxyRequest.Headers;
        transform.ProxyRequest.RequestUri = TargetUri.Of(transform.DestinationPrefix, transform.HttpContext);
        foreach (var (name, value) in request.Headers)
        {
            if (HopHeaders.IsClaimed(name))
            {
                headers.Remove(name);
            }
            else if (name.Equals(HeaderNames.Cookie, StringComparison.OrdinalIgnoreCase) && CookieHeader.Without(value, cookies.IsOurs) is { } others)
            {
                headers.Remove(HeaderNames.Cookie);
                if (others.Length > 0)
                {
                    headers.TryAddWithoutValidation(HeaderNames.Cookie, others);
                }
            }
        }

        headers.Remove(HopMarker.Header);
        headers.TryAddWithoutValidation(HopMarker.Header, marker.After(request.Headers[HopMarker.Header]));

        // YARP makes a key of its own when it turns an extended CONNECT into an upgrade; two would be one too many.
        if (request.Protocol == "HTTP/2")
        {
            headers.Remove("Sec-WebSocket-Key");
        }

        return default;
    }

    private async ValueTask TransformResponseAsync(ResponseTransformContext transform)
    {
        if (transform.ProxyResponse is not { } answer)
        {
            return;
        }

        var response = transform.HttpContext.Response;
        if (!_answers.Disarm(response, answer.RequestMessage?.RequestUri?.Host))
        {
            transform.SuppressResponseBody = true;
            if (transform.HttpContext.Features.Get<IHttpResponseBodyFeature>() is CountedAnswer counted)
            {
                counted.IsSteering = true;
            }
        }
        else if (response.ContentType is { } stream && stream.StartsWith("text/event-stream", StringComparison.OrdinalIgnoreCase))
        {
            // A page waits for the head of an event stream to call it open; the first event may be long in coming.
            await response.BodyWriter.FlushAsync(transform.CancellationToken);
        }
    }
}
