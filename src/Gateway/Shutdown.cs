using Gateway.Proxying;
using Gateway.Proxying.Sockets;
using Microsoft.Extensions.Options;

namespace Gateway;

/// <summary>
/// Leaves without cutting anybody off: the health check fails first (so that traffic goes elsewhere), then open sockets are closed with 1012, spread over
/// the grace, then the listeners close and requests in progress end by themselves; whatever is left at the end is cut.
/// </summary>
internal sealed class Shutdown(OpenSockets sockets, IOptions<ProxyingOptions> options, TimeProvider time) : IHostedLifecycleService, IDisposable
{
    private const ushort ServiceRestart = 1012;

    private readonly CancellationTokenSource _over = new();
    private CancellationTokenRegistration _limit;

    /// <summary>Cancelled when what is still in progress must end.</summary>
    public CancellationToken Token => _over.Token;

    /// <summary>Runs before the listeners close.</summary>
    public async Task StoppingAsync(CancellationToken cancellationToken)
    {
        var grace = options.Value.ShutdownGrace;
        await Task.WhenAll(
            sockets.CloseAllAsync(ServiceRestart, "The gateway is restarting; please connect again.", grace),
            Task.Delay(grace, time, cancellationToken)).WaitAsync(cancellationToken).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
    }

    public Task StoppedAsync(CancellationToken cancellationToken) => _over.CancelAsync();

    public Task StartingAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public Task StartAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public Task StartedAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public Task StopAsync(CancellationToken cancellationToken)
    {
        // The host waits for requests until its own limit; a little before it, those left are ended with an answer rather than with a cut.
        _limit = cancellationToken.Register(static over => ((CancellationTokenSource)over!).Cancel(), _over);
        return Task.CompletedTask;
    }

    /// <summary>The source itself is left alone: it holds nothing, and a second stop may still come.</summary>
    public void Dispose() => _limit.Dispose();
}
