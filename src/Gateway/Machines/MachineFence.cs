namespace Gateway.Machines;

/// <summary>
/// Shuts out whoever worked on a machine before and may only be paused: the platform gives its lease to one at a time, so once it was ours, no call with an
/// earlier nonce is carried out any more. Nobody needs to hold it for longer than that.
/// </summary>
internal static class MachineFence
{
    private static readonly TimeSpan Lease = TimeSpan.FromSeconds(10);
    private static readonly TimeSpan BetweenTries = TimeSpan.FromSeconds(1);

    /// <summary>Somebody waits for the machine, and the lease ends by itself.</summary>
    private static readonly TimeSpan ReleaseLimit = TimeSpan.FromSeconds(2);

    /// <summary>Waits for a lease that stands to end, at most for <paramref name="limit"/>. The failure is the last one seen.</summary>
    public static async Task<MachinesResult<Done>> RaiseAsync(IMachines machines, string app, MachineId machine, TimeSpan limit, TimeProvider time, CancellationToken cancellationToken)
    {
        var started = time.GetTimestamp();
        while (true)
        {
            var lease = await machines.LeaseAsync(app, machine, Lease, "taking over", cancellationToken);
            if (lease.IsOk)
            {
                using var limited = new CancellationTokenSource(ReleaseLimit, time);
                var release = machines.ReleaseLeaseAsync(app, machine, lease.Value.Nonce, limited.Token);
                await ((Task)release).ConfigureAwait(ConfigureAwaitOptions.ContinueOnCapturedContext | ConfigureAwaitOptions.SuppressThrowing);
                return default(Done);
            }

            var left = limit - time.GetElapsedTime(started);
            if (lease.Failure.Kind is MachinesFailureKind.NotFound or MachinesFailureKind.Forbidden or MachinesFailureKind.Invalid || left <= TimeSpan.Zero)
            {
                return lease.Failure;
            }

            await Task.Delay(left < BetweenTries ? left : BetweenTries, time, cancellationToken);
        }
    }
}
