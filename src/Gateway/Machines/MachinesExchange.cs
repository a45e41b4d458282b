using System.Net;

namespace Gateway.Machines;

/// <summary>
/// One try of one call, whole. It ends when the answer's body has been read, so that a body that stalls counts against the try's time like a head that does.
/// A call that is not repeatable is written at most once: <see cref="SocketsHttpHandler"/> sends a request again when a kept connection closes
/// before the answer and nothing of a body was written, an empty POST and a DELETE included.
/// </summary>
internal sealed class MachinesExchange : DelegatingHandler
{
    /// <summary>A full page of machines with their histories is some megabytes.</summary>
    private const int LargestAnswer = 64 * 1024 * 1024;

    protected override async Task<HttpResponseMessage> SendAsync(HttpRequestMessage request, CancellationToken cancellationToken)
    {
        var body = request.Content;
        var repeatable = request.Options.TryGetValue(MachinesResilience.Turn, out var turn) && turn.Call.IsRepeatable();
        if (!repeatable)
        {
            request.Content = new OnceContent(body);
        }

        try
        {
            var response = await base.SendAsync(request, cancellationToken);
            try
            {
                await response.Content.LoadIntoBufferAsync(LargestAnswer, cancellationToken);
                return response;
            }
            catch
            {
                response.Dispose();
                throw;
            }
        }
        finally
        {
            // A further try, after a refusal, may write it again.
            request.Content = body;
        }
    }

    /// <summary>A body, or none, that refuses to be written a second time. It does not own the body.</summary>
    private sealed class OnceContent : HttpContent
    {
        private readonly HttpContent? _body;
        private int _written;

        public OnceContent(HttpContent? body)
        {
            _body = body;
            foreach (var (name, values) in body?.Headers.NonValidated ?? default)
            {
                Headers.TryAddWithoutValidation(name, values);
            }
        }

        protected override Task SerializeToStreamAsync(Stream stream, TransportContext? context) =>
            SerializeToStreamAsync(stream, context, CancellationToken.None);

        protected override Task SerializeToStreamAsync(Stream stream, TransportContext? context, CancellationToken cancellationToken)
        {
            if (Interlocked.Exchange(ref _written, 1) != 0)
            {
                throw new IOException("The connection closed before the answer, and the call may have been carried out.");
            }

            return _body?.CopyToAsync(stream, context, cancellationToken) ?? Task.CompletedTask;
        }

        protected override bool TryComputeLength(out long length)
        {
            length = _body is null ? 0 : _body.Headers.ContentLength ?? -1;
            return length >= 0;
        }
    }
}
