namespace Gateway.Waking;

/// <summary>The probe of one boot: aimed at the machine's address, aimed anew when that moves, and never two at once.</summary>
internal sealed class BootProbe(IReadinessProbe probe, ProbeTarget target, TimeSpan turn, Action connected, CancellationToken cancellationToken) : IAsyncDisposable
{
    private static readonly Task Never = new TaskCompletionSource().Task;

    private ProbeTarget _target = target;
    private CancellationTokenSource? _aim;
    private Task<ProbeOutcome>? _running;

    public string Address => _target.Address;

    /// <summary>The turn in progress, or a new one; without an address there is none.</summary>
    public Task Turn(TimeSpan left)
    {
        if (Address.Length == 0)
        {
            return Never;
        }

        _aim ??= CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        return _running ??= probe.ProbeAsync(_target, left < turn ? left : turn, connected, _aim.Token);
    }

    /// <summary>Takes the answer of a turn that has ended.</summary>
    public async Task<bool> IsReadyAsync()
    {
        if (_running is not { IsCompleted: true } ended)
        {
            return false;
        }

        _running = null;
        return await ended is ProbeOutcome.Ready;
    }

    /// <summary>From now on at this address.</summary>
    public async Task AimAsync(string? address, ProbePace pace)
    {
        if (address is null || address == Address)
        {
            return;
        }

        await EndAsync();
        _target = _target with { Address = address, Pace = pace };
    }

    public async ValueTask DisposeAsync() => await EndAsync();

    /// <summary>Waits for it, so that nothing is reported of a probe that is over.</summary>
    private async Task EndAsync()
    {
        _aim?.Cancel();
        if (_running is { } running)
        {
            await Task.WhenAny(running);
        }

        _aim?.Dispose();
        (_aim, _running) = (null, null);
    }
}
