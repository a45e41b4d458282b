using Gateway.Machines;
using Gateway.Sessions;

namespace Gateway.Provisioning;

/// <summary>What asking the platform for another image and size came to; not done: as it was, or gone.</summary>
internal readonly record struct ReplacementOutcome(bool Done, bool Gone, string Reason, string Detail);

/// <summary>
/// The platform's side of an upgrade. Its own lease is taken first and its nonce goes with the call, so that the late call of a paused owner is refused; the
/// configuration is read under that lease and sent back whole, since an update replaces all of it.
/// </summary>
internal sealed class MachineReplacement(IMachines machines, TimeProvider time)
{
    /// <summary>Long enough for one call; a takeover waits for it to end.</summary>
    private static readonly TimeSpan PlatformLease = TimeSpan.FromSeconds(20);

    private static readonly TimeSpan SettleLimit = TimeSpan.FromSeconds(60);
    private static readonly TimeSpan Pause = TimeSpan.FromSeconds(1);
    private const int Tries = 5;

    /// <param name="evenIfStarted">It runs and is of no use: it never gave a good answer.</param>
    public async Task<ReplacementOutcome> RunAsync(string app, MachineId machine, MachineSpec wanted, bool evenIfStarted, CancellationToken cancellationToken)
    {
        var lease = await LeaseAsync(app, machine, cancellationToken);
        if (!lease.IsOk)
        {
            return Failed(lease.Failure);
        }

        ReplacementOutcome outcome;
        try
        {
            outcome = await ReplaceAsync(app, machine, wanted, evenIfStarted, lease.Value.Nonce, cancellationToken);
        }
        finally
        {
            await machines.ReleaseLeaseAsync(app, machine, lease.Value.Nonce, CancellationToken.None);
        }

        if (outcome.Done)
        {
            // A start waits for this as well; here nobody is kept waiting by it.
            await machines.WaitAsync(app, machine, "settled", null, SettleLimit, cancellationToken);
        }

        return outcome;
    }

    /// <summary>A lease that a dead owner left is waited out.</summary>
    private async Task<MachinesResult<MachineLease>> LeaseAsync(string app, MachineId machine, CancellationToken cancellationToken)
    {
        var until = time.GetUtcNow() + PlatformLease * 2;
        while (true)
        {
            var lease = await machines.LeaseAsync(app, machine, PlatformLease, "upgrade", cancellationToken);
            if (lease.Failure is not { Kind: MachinesFailureKind.LeaseHeld or MachinesFailureKind.Unavailable or MachinesFailureKind.Ambiguous or MachinesFailureKind.RateLimited } || time.GetUtcNow() >= until)
            {
                return lease;
            }

            await Task.Delay(Pause, time, cancellationToken);
        }
    }

    private async Task<ReplacementOutcome> ReplaceAsync(string app, MachineId machine, MachineSpec wanted, bool evenIfStarted, string nonce, CancellationToken cancellationToken)
    {
        var last = new MachinesFailure(MachinesFailureKind.NotYet, 0, "The machine does not come to rest.");
        for (var attempt = 1; attempt <= Tries; attempt++)
        {
            var read = await machines.GetAsync(app, machine, cancellationToken);
            switch (read)
            {
                case { Failure: { Kind: MachinesFailureKind.NotFound } failure }:
                    return Failed(failure);
                case { Failure: { } failure }:
                    last = failure;
                    break;
                case { Value: { Config: { } config } found } when WorkspaceTemplate.SpecOf(config) == wanted:
                    return new ReplacementOutcome(Done: true, found.State is PlatformState.Destroyed, "", "");
                case { Value.State: PlatformState.Destroyed }:
                    return new ReplacementOutcome(Done: false, Gone: true, "gone", "The machine no longer exists.");
                case { Value.State: PlatformState.Starting or PlatformState.Started } when !evenIfStarted:
                    return new ReplacementOutcome(Done: false, Gone: false, "in_use", "The machine was started meanwhile; it is not interrupted.");
                case { Value: { Config: { } config, State: not (PlatformState.Transient or PlatformState.Starting or PlatformState.Stopping or PlatformState.Suspending or PlatformState.Updating) } found }:
                    var updated = await machines.UpdateAsync(app, machine, WorkspaceTemplate.With(config, wanted), found.Version, nonce, launch: false, cancellationToken);
                    if (updated.IsOk)
                    {
                        return new ReplacementOutcome(Done: true, Gone: false, "", "");
                    }

                    last = updated.Failure;
                    if (!IsPassing(last.Kind))
                    {
                        return Failed(last);
                    }

                    break;
            }

            await Task.Delay(last.RetryAfter is { } asked && asked < Pause * 3 ? asked : Pause, time, cancellationToken);
        }

        return Failed(last);
    }

    private static bool IsPassing(MachinesFailureKind kind) => kind is MachinesFailureKind.Ambiguous or MachinesFailureKind.Changed or MachinesFailureKind.NotYet
        or MachinesFailureKind.Unavailable or MachinesFailureKind.RateLimited;

    private static ReplacementOutcome Failed(MachinesFailure failure) => new(Done: false, failure.Kind is MachinesFailureKind.NotFound, failure.Kind switch
    {
        MachinesFailureKind.Invalid => "image_or_size_refused",
        MachinesFailureKind.Forbidden => "forbidden",
        MachinesFailureKind.QuotaExceeded => "quota_exceeded",
        MachinesFailureKind.HostFull or MachinesFailureKind.RegionFull => "host_full",
        MachinesFailureKind.LeaseHeld => "lease_held",
        MachinesFailureKind.NotFound => "gone",
        _ => "platform_unavailable",
    }, failure.Message);
}
