using LocalCloud;
using Xunit;

namespace Gateway.FunctionalTests.Cloud;

/// <summary>Whether all parts answer, while the cloud starts and may be stopped again.</summary>
public sealed class ReadyCheckTests
{
    [Fact]
    public async Task StoppedWhileNobodyTakesTheConnection_IsACancellation_NotAnError()
    {
        using var stop = new CancellationTokenSource();
        using var client = new HttpMessageInvoker(new RefusedAsItIsStopped(stop));

        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => ReadyCheck.WaitAsync(client, [new Uri("http://localhost/")], stop.Token).WaitAsync(Eventually.Limit));
    }

    private sealed class RefusedAsItIsStopped(CancellationTokenSource stop) : HttpMessageHandler
    {
        protected override Task<HttpResponseMessage> SendAsync(HttpRequestMessage request, CancellationToken cancellationToken)
        {
            stop.Cancel();
            throw new HttpRequestException(HttpRequestError.ConnectionError, "refused");
        }
    }
}
