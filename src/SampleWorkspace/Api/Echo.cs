using Microsoft.AspNetCore.Http.Features;

namespace SampleWorkspace.Api;

/// <summary>The request as it arrived, so that what stands in between cannot change it unnoticed.</summary>
internal static class Echo
{
    public static async Task AnswerAsync(HttpContext context)
    {
        var request = context.Features.GetRequiredFeature<IHttpRequestFeature>();
        var headers = request.Headers.ToDictionary(header => header.Key, header => header.Value.Select(value => value ?? "").ToArray());
        var (sha256, length) = await BodyHash.ReadAsync(context);
        await Json.WriteAsync(context, new EchoAnswer(request.Method, request.RawTarget, headers, sha256, length));
    }
}
