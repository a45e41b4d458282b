using System.Text;

namespace Gateway.Proxying;

/// <summary>
/// Sends an unsafe request at most once. <see cref="SocketsHttpHandler"/> sends a request again when a kept connection closes before the answer and
/// nothing of a body was written: DELETE, an empty POST, one that waits for 100 (Continue). The workspace may have carried the first one out. Safe
/// methods (RFC 9110, 9.2.1) keep the transport's behaviour.
/// </summary>
internal sealed class SendOnceHandler(HttpMessageHandler inner) : DelegatingHandler(inner)
{
    private static readonly HttpRequestOptionsKey<Sending> Key = new("gateway.send-once");

    protected override Task<HttpResponseMessage> SendAsync(HttpRequestMessage request, CancellationToken cancellationToken)
    {
        var sending = default(Sending);
        if (!IsSafe(request.Method))
        {
            sending = new Sending();
            request.Options.Set(Key, sending);
            // The header that is watched must be there; this is what the transport would write by itself.
            request.Headers.Host ??= request.RequestUri!.Authority;
        }

        if (request.Content is { Headers.ContentLength: null } content)
        {
            request.Content = new FlushingContent(content);
        }

        return sending is null ? base.SendAsync(request, cancellationToken) : SendOnceAsync(request, sending, cancellationToken);
    }

    private async Task<HttpResponseMessage> SendOnceAsync(HttpRequestMessage request, Sending sending, CancellationToken cancellationToken)
    {
        try
        {
            return await base.SendAsync(request, cancellationToken);
        }
        catch (HttpRequestException exception) when (sending.HasBegun && exception.HttpRequestError is HttpRequestError.ConnectionError or HttpRequestError.NameResolutionError)
        {
            // It was sent, and only the transport's second try took no connection: that it never reached the workspace is not true.
            throw new RequestAlreadySentException();
        }
    }

    /// <summary>
    /// The transport's choice of an encoding for one header. It is asked each time a request is written, before any byte of it is sent, and is the only
    /// place below the transport's own retries that can refuse without changing how the request is framed (a body of ours would bring a length with it).
    /// </summary>
    public static Encoding? EncodingOf(string header, HttpRequestMessage request)
    {
        // Asking a request for its options makes them, so a safe one is not asked.
        if (!IsSafe(request.Method) && header.Equals("Host", StringComparison.OrdinalIgnoreCase) && request.Options.TryGetValue(Key, out var sending))
        {
            sending.Begin();
        }

        // Headers come in as Latin-1, one character for one byte, and leave as the same bytes.
        return Encoding.Latin1;
    }

    public static bool IsSafe(HttpMethod method) =>
        method == HttpMethod.Get || method == HttpMethod.Head || method == HttpMethod.Options || method == HttpMethod.Trace || method == HttpMethod.Connect;

    private sealed class Sending
    {
        private int _begun;

        public bool HasBegun => Volatile.Read(ref _begun) != 0;

        public void Begin()
        {
            if (Interlocked.Exchange(ref _begun, 1) != 0)
            {
                throw new RequestAlreadySentException();
            }
        }
    }
}

/// <summary>The transport wanted to send an unsafe request a second time.</summary>
internal sealed class RequestAlreadySentException()
    : HttpRequestException(HttpRequestError.ResponseEnded, "The connection closed before the answer, and the request may have been carried out.");
