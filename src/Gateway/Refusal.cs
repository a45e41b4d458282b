using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using System.Text.Encodings.Web;
using System.Text.Json;

namespace Gateway;

/// <summary>Why a request is not answered by a workspace, in words a person and a program can act on. Never carries a secret.</summary>
/// <param name="Status">The HTTP status.</param>
/// <param name="Type">A stable slug: <c>not-allowed</c>, <c>host-full</c>, … The problem's type is <c>urn:gateway:problem:&lt;slug&gt;</c>.</param>
/// <param name="Title">A few words.</param>
/// <param name="Detail">One or two sentences: what happened, and what to do.</param>
internal sealed record Refusal(int Status, string Type, string Title, string Detail)
{
    /// <summary>The header <c>Gateway-State</c>: <c>waking</c>, <c>asleep</c>, <c>unknown</c>, …; null: not said.</summary>
    public string? GatewayState { get; init; }

    /// <summary>Set where trying again helps.</summary>
    public TimeSpan? RetryAfter { get; init; }

    /// <summary>It is on its way and only the hold is over: a person is shown how far, and taken on when it is ready.</summary>
    public ProgressReport? Progress { get; init; }

    /// <summary>Further members of the problem document.</summary>
    public IReadOnlyDictionary<string, string> Extras { get; init; } = new Dictionary<string, string>();

    /// <summary>Where the page offers to go instead: a local path or an address of ours, and the words on it.</summary>
    public (string Path, string Text)? Link { get; init; }
}

/// <summary>Writes a <see cref="Refusal"/>: a problem document (RFC 9457) for programs, a small page for people.</summary>
internal static class RefusalResponse
{
    public static Task WriteAsync(HttpContext context, Refusal refusal) => WriteAsync(context, refusal, context.Request.GetClientKind());

    public static Task WriteAsync(HttpContext context, Refusal refusal, ClientKind kind)
    {
        var response = context.Response;
        if (response.HasStarted)
        {
            // Half an answer has left: cutting the connection is the only honest end.
            context.Abort();
            return Task.CompletedTask;
        }

        response.StatusCode = refusal.Status;
        response.Headers.CacheControl = "no-store";
        response.Headers.XContentTypeOptions = "nosniff";
        response.Headers["Referrer-Policy"] = "no-referrer";
        if (refusal.GatewayState is { } state)
        {
            response.Headers["Gateway-State"] = state;
        }

        if (refusal.RetryAfter is { } retryAfter)
        {
            response.Headers.RetryAfter = Seconds(retryAfter).ToString(CultureInfo.InvariantCulture);
        }

        return kind == ClientKind.Navigation ? WritePageAsync(response, refusal) : WriteProblemAsync(response, refusal);
    }

    // At least one: "Retry-After: 0" invites a tight loop.
    private static long Seconds(TimeSpan span) => Math.Max(1, (long)Math.Ceiling(span.TotalSeconds));

    private static Task WriteProblemAsync(HttpResponse response, Refusal refusal)
    {
        using var buffer = new MemoryStream();
        using (var json = new Utf8JsonWriter(buffer))
        {
            json.WriteStartObject();
            json.WriteString("type", "urn:gateway:problem:" + refusal.Type);
            json.WriteString("title", refusal.Title);
            json.WriteNumber("status", refusal.Status);
            json.WriteString("detail", refusal.Detail);
            foreach (var (name, value) in refusal.Extras)
            {
                json.WriteString(name, value);
            }

            if (refusal.Progress?.Queue is { } queue)
            {
                json.WriteNumber("queue_position", queue.Position);
                json.WriteNumber("expected_wait", Seconds(queue.Wait));
            }

            json.WriteEndObject();
        }

        return WriteBodyAsync(response, "application/problem+json", buffer.ToArray());
    }

    private static Task WritePageAsync(HttpResponse response, Refusal refusal)
    {
        response.Headers.ContentSecurityPolicy = refusal.Progress is null ? RefusalPage.ContentSecurityPolicy : WaitingPage.ContentSecurityPolicy;
        response.Headers.XFrameOptions = "DENY";
        var page = refusal.Progress is { } progress ? WaitingPage.Render(refusal, progress) : RefusalPage.Render(refusal);
        return WriteBodyAsync(response, "text/html; charset=utf-8", Encoding.UTF8.GetBytes(page));
    }

    private static Task WriteBodyAsync(HttpResponse response, string contentType, byte[] body)
    {
        response.ContentType = contentType;
        response.ContentLength = body.Length;
        return response.Body.WriteAsync(body).AsTask();
    }
}

/// <summary>The page of a refusal: nothing loaded from anywhere, no script, light and dark, readable on a phone.</summary>
internal static class RefusalPage
{
    public const string Style =
        ":root{color-scheme:light dark}body{margin:0;min-height:100vh;display:grid;place-items:center;font:16px/1.5 system-ui,sans-serif;"
        + "background:light-dark(#f6f7f9,#14161a);color:light-dark(#1b1f24,#e6e8eb)}main{max-width:34rem;padding:2rem 1.5rem}"
        + "h1{font-size:1.4rem;margin:0 0 .75rem}p{margin:0 0 1rem}small{opacity:.65}a{color:light-dark(#0b5cad,#7db7ff)}";

    /// <summary>The hash lets in this one style and nothing else.</summary>
    public static readonly string ContentSecurityPolicy =
        $"default-src 'none'; style-src 'sha256-{Convert.ToBase64String(SHA256.HashData(Encoding.UTF8.GetBytes(Style)))}'; "
        + "base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

    public static string Render(Refusal refusal)
    {
        var encoder = HtmlEncoder.Default;
        var title = encoder.Encode(refusal.Title);
        // An empty link is the page itself: the address is never echoed.
        var (path, text) = refusal.Link ?? (refusal.RetryAfter is null ? ("/", "Back to the start") : ("", "Try again"));
        return $"""
            <!doctype html>
            <html lang="en">
            <head>
            <meta charset="utf-8">
            <meta name="viewport" content="width=device-width, initial-scale=1">
            <meta name="robots" content="noindex">
            <title>{title}</title>
            <style>{Style}</style>
            </head>
            <body>
            <main>
            <h1>{title}</h1>
            <p>{encoder.Encode(refusal.Detail)}</p>
            <p><a href="{encoder.Encode(path)}">{encoder.Encode(text)}</a></p>
            <p><small>{refusal.Status.ToString(CultureInfo.InvariantCulture)} {encoder.Encode(refusal.Type)}</small></p>
            </main>
            </body>
            </html>
            """;
    }
}
