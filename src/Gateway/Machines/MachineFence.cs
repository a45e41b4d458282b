namespace Gateway.Machines;

/// <summary>
/// Shuts out whoever worked on a machine before and may only be paused: the platform gives its lease to one at a time, so once it was ours, no call with an
/// earlier nonce is carried out any more. Nobody needs to hold it for longer than that.
/// </summary>
internal static class MachineFence
{
    /// <summary>How long it stands at most: one that could not be given back ends by itself.</summary>
    public static readonly TimeSpan Lease = TimeSpan.FromSeconds(10);

    private static readonly TimeSpan BetweenTries = TimeSpan.FromSeconds(1);

    /// <summary>Somebody waits for the machine.</summary>
    private static readonly TimeSpan ReleaseLimit = TimeSpan.FromSeconds(2);

    /// <summary>Waits for a lease that stands to end, at most for <paramref name="limit"/>. The failure is the last one seen.</summary>
    public static async Task<MachinesResult<Done>> RaiseAsync(IMachines machines, string app, MachineId machine, TimeSpan limit, TimeProvider time, CancellationToken cancellationToken)
    {
        var lease = await TakeAsync(machines, app, machine, Lease, "taking over", limit, time, cancellationToken);
        if (!lease.IsOk)
        {
            return lease.Failure;
        }

        using var limited = new CancellationTokenSource(ReleaseLimit, time);
        var release = machines.ReleaseLeaseAsync(app, machine, lease.Value.Nonce, limited.Token);
        await ((Task)release).ConfigureAwait(ConfigureAwaitOptions.ContinueOnCapturedContext | ConfigureAwaitOptions.SuppressThrowing);
        return default(Done);
    }

    /// <summary>A lease of the platform's, once one that stands has ended; waits for that for <paramref name="limit"/> at most. The failure is the last one seen.</summary>
    public static async Task<MachinesResult<MachineLease>> TakeAsync(
        IMachines machines, string app, MachineId machine, TimeSpan duration, string description, TimeSpan limit, TimeProvider time, CancellationToken cancellationToken)
    {
        var started = time.GetTimestamp();
        while (true)
        {
            var lease = await machines.LeaseAsync(app, machine, duration, description, cancellationToken);
            var left = limit - time.GetElapsedTime(started);
            if (lease.IsOk || left <= TimeSpan.Zero || lease.Failure.Kind is MachinesFailureKind.NotFound or MachinesFailureKind.Forbidden or MachinesFailureKind.Invalid)
            {
                return lease;
            }

            await Task.Delay(left < BetweenTries ? left : BetweenTries, time, cancellationToken);
        }
    }
}
