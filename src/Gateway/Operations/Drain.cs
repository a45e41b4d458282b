namespace Gateway.Operations;

/// <summary>
/// Whether this replica is leaving. From the moment it is, health checks fail so that new traffic goes elsewhere, while what is here goes on.
/// Begun by the host's shutdown or by an operator; never taken back.
/// </summary>
internal sealed class Drain : IDisposable
{
    private readonly CancellationTokenSource _begun = new();
    private readonly CancellationTokenRegistration _stopping;

    public Drain(IHostApplicationLifetime lifetime)
    {
        _stopping = lifetime.ApplicationStopping.Register(Begin);
    }

    public bool IsDraining => _begun.IsCancellationRequested;

    /// <summary>Cancelled when draining begins.</summary>
    public CancellationToken Begun => _begun.Token;

    public void Begin() => _begun.Cancel();

    public void Dispose()
    {
        _stopping.Dispose();
        _begun.Dispose();
    }
}
