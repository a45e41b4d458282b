using Microsoft.AspNetCore.Http.Features;

namespace SampleWorkspace.Api;

/// <summary>The request as it arrived, so that what stands in between cannot change it unnoticed.</summary>
internal static class Echo
{
    public static async Task AnswerAsync(HttpContext context)
    {
        var request = context.Features.GetRequiredFeature<IHttpRequestFeature>();
        var headers = Plain(request.Headers);
        var (sha256, length) = await BodyHash.ReadAsync(context);

        // Trailers are there once the body has been read.
        var trailers = context.Features.Get<IHttpRequestTrailersFeature>() is { Available: true } feature ? Plain(feature.Trailers) : [];
        await Json.WriteAsync(context, new EchoAnswer(request.Method, request.RawTarget, headers, trailers, sha256, length));
    }

    private static Dictionary<string, string[]> Plain(IHeaderDictionary headers) =>
        headers.ToDictionary(header => header.Key, header => header.Value.Select(value => value ?? "").ToArray());
}
