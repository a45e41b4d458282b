using Microsoft.Net.Http.Headers;
using Yarp.ReverseProxy.Forwarder;
using Yarp.ReverseProxy.Transforms;
using Yarp.ReverseProxy.Transforms.Builder;

namespace Gateway.Proxying;

/// <summary>Which cookies are the gateway's own: a workspace neither sees nor sets them.</summary>
internal sealed record OwnCookies(Func<string, bool> IsOurs);

/// <summary>What changes between the client's request and the workspace's, and back. Built once, by YARP's transform builder.</summary>
internal sealed class WorkspaceTransforms(OwnCookies cookies, ProxyingMetrics metrics)
{
    private const string ReplayType = "application/vnd.fly.replay+json";

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
            if (IsPlatforms(name))
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

        // YARP makes a key of its own when it turns an extended CONNECT into an upgrade; two would be one too many.
        if (request.Protocol == "HTTP/2")
        {
            headers.Remove("Sec-WebSocket-Key");
        }

        return default;
    }

    /// <summary>Fly's proxy and hops before us speak in these names; from here on only the gateway does.</summary>
    private static bool IsPlatforms(string name) =>
        name.StartsWith("Fly-", StringComparison.OrdinalIgnoreCase)
        || name.StartsWith("X-Gateway-", StringComparison.OrdinalIgnoreCase)
        || (name.StartsWith("Gateway-", StringComparison.OrdinalIgnoreCase) && !name.Equals("Gateway-Assertion", StringComparison.OrdinalIgnoreCase))
        || (name.StartsWith("X-Forwarded-", StringComparison.OrdinalIgnoreCase) && !IsSetByUs(name))
        || name.Equals("Forwarded", StringComparison.OrdinalIgnoreCase)
        || name.Equals("X-Real-IP", StringComparison.OrdinalIgnoreCase);

    private static bool IsSetByUs(string name) => name.Length switch
    {
        15 => name.EndsWith("For", StringComparison.OrdinalIgnoreCase),
        16 => name.EndsWith("Host", StringComparison.OrdinalIgnoreCase),
        17 => name.EndsWith("Proto", StringComparison.OrdinalIgnoreCase),
        _ => false,
    };

    private async ValueTask TransformResponseAsync(ResponseTransformContext transform)
    {
        if (transform.ProxyResponse is null)
        {
            return;
        }

        var response = transform.HttpContext.Response;
        List<string>? steering = null;
        foreach (var (name, value) in response.Headers)
        {
            if (name.StartsWith("fly-replay", StringComparison.OrdinalIgnoreCase))
            {
                (steering ??= []).Add(name);
            }
            else if (name.Equals(HeaderNames.SetCookie, StringComparison.OrdinalIgnoreCase) && SetCookieHeader.Without(value, cookies.IsOurs) is { } others)
            {
                response.Headers.SetCookie = others;
            }
        }

        if (steering is not null)
        {
            // Fly's proxy would act on these: a workspace could send the next request to another app.
            steering.ForEach(name => response.Headers.Remove(name));
            metrics.SteeringStripped();
        }

        // Wherever it stands: an answer may carry the header twice, and which of the two the platform's proxy reads is not ours to guess.
        if (response.Headers.ContentType.Any(static type => type is not null && type.Contains(ReplayType, StringComparison.OrdinalIgnoreCase)))
        {
            response.ContentType = "application/octet-stream";
            metrics.SteeringStripped();
        }
        else if (response.ContentType is { } stream && stream.StartsWith("text/event-stream", StringComparison.OrdinalIgnoreCase))
        {
            // A page waits for the head of an event stream to call it open; the first event may be long in coming.
            await response.BodyWriter.FlushAsync(transform.CancellationToken);
        }
    }
}
