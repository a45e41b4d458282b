using System.Collections.Concurrent;
using System.Net;
using System.Text;

namespace Gateway.Tests.Machines;

/// <summary>What the client sent, as it would have gone over the wire.</summary>
internal sealed record SentRequest(HttpMethod Method, string PathAndQuery, string? Body, string? ContentType, string? Nonce, string? Authorization);

/// <summary>Stands where the network is: remembers each request and answers as it was told, the last answer again and again.</summary>
internal sealed class StubApi : HttpMessageHandler
{
    private readonly ConcurrentQueue<Func<CancellationToken, Task<HttpResponseMessage>>> _answers = [];
    private Func<CancellationToken, Task<HttpResponseMessage>>? _last;

    public ConcurrentQueue<SentRequest> Requests { get; } = [];

    public SentRequest Only => Requests.Single();

    public StubApi Answers(HttpStatusCode status, string body = "{}", params (string Name, string Value)[] headers)
    {
        _answers.Enqueue(_ => Task.FromResult(Answer(status, new StringContent(body, Encoding.UTF8, body.StartsWith('{') ? "application/json" : "text/plain"), headers)));
        return this;
    }

    public StubApi Answers(string json, params (string Name, string Value)[] headers) => Answers(HttpStatusCode.OK, json, headers);

    public StubApi Breaks(Exception exception)
    {
        _answers.Enqueue(_ => Task.FromException<HttpResponseMessage>(exception));
        return this;
    }

    /// <summary>Never answers.</summary>
    public StubApi IsSilent()
    {
        _answers.Enqueue(async cancellationToken =>
        {
            await Forever(cancellationToken);
            throw new InvalidOperationException();
        });
        return this;
    }

    /// <summary>Answers with a head and never with the whole body.</summary>
    public StubApi Stalls()
    {
        _answers.Enqueue(static _ => Task.FromResult(Answer(HttpStatusCode.OK, new StalledContent(), [])));
        return this;
    }

    public static Task Forever(CancellationToken cancellationToken)
    {
        var never = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        cancellationToken.Register(() => never.TrySetCanceled(cancellationToken));
        return never.Task;
    }

    protected override async Task<HttpResponseMessage> SendAsync(HttpRequestMessage request, CancellationToken cancellationToken)
    {
        Requests.Enqueue(new SentRequest(
            request.Method,
            request.RequestUri!.PathAndQuery,
            request.Content is null ? null : await request.Content.ReadAsStringAsync(cancellationToken),
            request.Content?.Headers.ContentType?.MediaType,
            request.Headers.TryGetValues("fly-machine-lease-nonce", out var nonces) ? nonces.Single() : null,
            request.Headers.Authorization?.ToString()));
        var answer = _answers.TryDequeue(out var next) ? _last = next : _last;
        return await (answer ?? throw new InvalidOperationException("The stub was given no answer."))(cancellationToken);
    }

    private static HttpResponseMessage Answer(HttpStatusCode status, HttpContent content, (string Name, string Value)[] headers)
    {
        var response = new HttpResponseMessage(status) { Content = content };
        foreach (var (name, value) in headers)
        {
            response.Headers.TryAddWithoutValidation(name, value);
        }

        return response;
    }

    private sealed class StalledContent : HttpContent
    {
        protected override Task SerializeToStreamAsync(Stream stream, TransportContext? context) => SerializeToStreamAsync(stream, context, CancellationToken.None);

        protected override Task SerializeToStreamAsync(Stream stream, TransportContext? context, CancellationToken cancellationToken) => Forever(cancellationToken);

        protected override bool TryComputeLength(out long length)
        {
            length = 0;
            return false;
        }
    }
}
