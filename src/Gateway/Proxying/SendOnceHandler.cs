using System.Net;

namespace Gateway.Proxying;

/// <summary>
/// Sends an unsafe request at most once. <see cref="SocketsHttpHandler"/> sends a request again when a kept connection closes before the answer and
/// nothing of a body was written, DELETE and an empty POST included; the workspace may have carried the first one out. A body that can be written only
/// once makes the second attempt fail instead. Safe methods (RFC 9110, 9.2.1) keep the transport's behaviour.
/// </summary>
internal sealed class SendOnceHandler(HttpMessageHandler inner) : DelegatingHandler(inner)
{
    protected override Task<HttpResponseMessage> SendAsync(HttpRequestMessage request, CancellationToken cancellationToken)
    {
        if (!IsSafe(request.Method))
        {
            request.Content = new OnceContent(request.Content);
        }

        return base.SendAsync(request, cancellationToken);
    }

    private static bool IsSafe(HttpMethod method) =>
        method == HttpMethod.Get || method == HttpMethod.Head || method == HttpMethod.Options || method == HttpMethod.Trace || method == HttpMethod.Connect;

    /// <summary>The content of the request, or none, that refuses to be written a second time.</summary>
    private sealed class OnceContent : HttpContent
    {
        private readonly HttpContent? _content;
        private int _written;

        public OnceContent(HttpContent? content)
        {
            _content = content;
            if (content is null)
            {
                return;
            }

            foreach (var (name, values) in content.Headers.NonValidated)
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
                throw new RequestAlreadySentException();
            }

            return _content is null ? Task.CompletedTask : _content.CopyToAsync(stream, context, cancellationToken);
        }

        protected override bool TryComputeLength(out long length)
        {
            if (_content is null)
            {
                length = 0;
                return true;
            }

            length = _content.Headers.ContentLength ?? 0;
            return _content.Headers.ContentLength is not null;
        }

        protected override void Dispose(bool disposing)
        {
            if (disposing)
            {
                _content?.Dispose();
            }

            base.Dispose(disposing);
        }
    }
}

/// <summary>The transport wanted to send an unsafe request a second time.</summary>
internal sealed class RequestAlreadySentException() : IOException("The connection closed before the answer, and the request may have been carried out.");
