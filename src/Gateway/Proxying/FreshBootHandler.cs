namespace Gateway.Proxying;

/// <summary>
/// Sends a safe request again, once and on another connection, when the workspace cut it off before any answer shortly after its boot: what comes up, or was
/// suspended, resets connections that it took a moment ago. Later a cut connection is news, and goes to the client as such.
/// </summary>
internal sealed class FreshBootHandler(HttpMessageHandler inner) : DelegatingHandler(inner)
{
    protected override async Task<HttpResponseMessage> SendAsync(HttpRequestMessage request, CancellationToken cancellationToken)
    {
        try
        {
            return await base.SendAsync(request, cancellationToken);
        }
        catch (HttpRequestException cut) when (WasCut(cut) && MayGoAgain(request) && !cancellationToken.IsCancellationRequested)
        {
            try
            {
                return await base.SendAsync(request, cancellationToken);
            }
            catch (HttpRequestException)
            {
                // The first one reached the workspace, whatever became of the second: it is not to be taken for one that never did.
                throw cut;
            }
        }
    }

    private static bool WasCut(HttpRequestException exception) =>
        exception.HttpRequestError is HttpRequestError.ResponseEnded || (exception.HttpRequestError is HttpRequestError.Unknown && exception.InnerException is IOException);

    private static bool MayGoAgain(HttpRequestMessage request) => request.Content is null && SendOnceHandler.IsSafe(request.Method);
}
