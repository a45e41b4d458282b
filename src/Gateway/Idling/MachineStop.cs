using Gateway.Machines;
using Gateway.Sessions;
using Microsoft.Extensions.Options;

namespace Gateway.Idling;

/// <summary>How a machine is put to sleep.</summary>
internal enum StopKind
{
    /// <summary>Suspended where it allows that, otherwise stopped.</summary>
    Suspend,

    /// <summary>Stopped, whatever it could do.</summary>
    Stop,

    /// <summary>Stopped only if it is suspended: its snapshot is given up.</summary>
    DiscardSnapshot,
}

/// <summary>
/// From <c>stopping</c> to asleep, as the record's owner and with the platform's lease: whoever finds this owner gone takes that lease first, so that a
/// late call of ours is refused by the platform itself. What the machine came to is read, never assumed.
/// </summary>
internal sealed partial class MachineStop(ISessionMap map, IMachines machines, Replica replica, IOptions<IdlingOptions> options, TimeProvider time, ILogger<MachineStop> logger)
{
    /// <summary>One call is made under it. Short, because a wake that takes over after our death waits for its end.</summary>
    private static readonly TimeSpan PlatformLease = TimeSpan.FromSeconds(10);

    /// <summary>No failure: the platform was not asked.</summary>
    private const string TooLate = "what the others agreed to does not hold any more";

    private static readonly TimeSpan OneWait = TimeSpan.FromSeconds(10);
    private static readonly TimeSpan BetweenWaits = TimeSpan.FromMilliseconds(500);

    /// <summary>Stops a machine whose record is <paramref name="current"/>; null when another write was first.</summary>
    /// <param name="current">The record as it stands.</param>
    /// <param name="before">What the record goes back to when nothing was done.</param>
    /// <param name="kind">How.</param>
    /// <param name="notAfter">The stop is not asked for later than this, by the clock's timestamp: what others agreed to does not hold for ever. Null: no bound.</param>
    /// <param name="farewell">How long the record says so before the platform is asked: time to close sockets with a word.</param>
    /// <param name="cancellationToken">Leaves the machine to whoever takes over.</param>
    public async Task<IdleStopOutcome?> RunAsync(
        MachineRecord current, MachineRecordState before, StopKind kind, long? notAfter, TimeSpan farewell, CancellationToken cancellationToken)
    {
        // Before the record says so: whoever takes that over from then on waits for this lease, or finds it given up, whatever their clocks say.
        var lease = await machines.LeaseAsync(current.App, current.Machine, PlatformLease, "stop", cancellationToken);
        if (!lease.IsOk)
        {
            return await GiveBackAsync(current, before, lease.Failure, cancellationToken);
        }

        var isReleased = false;
        try
        {
            // This process may have been paused meanwhile, and a record that says so closes the sockets of whoever has come since.
            if (notAfter < time.GetTimestamp())
            {
                return await GiveBackAsync(current, before, null, cancellationToken);
            }

            return await AsOwnerAsync(current, async (claim, token) =>
            {
                if (farewell > TimeSpan.Zero)
                {
                    await Task.Delay(farewell, time, token);
                }

                try
                {
                    if (await AskAsync(claim, before, kind, notAfter, lease.Value.Nonce, token) is { } ended)
                    {
                        return ended;
                    }
                }
                finally
                {
                    // Before the record says that it sleeps: a wake would find the lease in its way.
                    isReleased = true;
                    await ReleaseAsync();
                }

                return await WriteTruthAsync(claim, token);
            }, cancellationToken);
        }
        finally
        {
            if (!isReleased)
            {
                await ReleaseAsync();
            }
        }

        Task ReleaseAsync() => machines.ReleaseLeaseAsync(current.App, current.Machine, lease.Value.Nonce, CancellationToken.None);
    }

    /// <summary>Finishes what an owner began who is gone, or only paused. Stops nothing: whoever consented to that may have changed their mind by now.</summary>
    public Task<IdleStopOutcome?> TakeOverAsync(MachineRecord overdue, CancellationToken cancellationToken) => AsOwnerAsync(overdue, async (claim, token) =>
    {
        var record = claim.Record;
        var fence = await MachineFence.RaiseAsync(machines, record.App, record.Machine, PlatformLease * 2, time, token);
        if (!fence.IsOk && fence.Failure.Kind is not MachinesFailureKind.NotFound)
        {
            return await LeaveAsync(claim, fence.Failure, token);
        }

        // Its stop may never end: it is looked at again by whoever comes next, and no sweep waits for it.
        await machines.WaitAsync(record.App, record.Machine, "settled", null, OneWait, token);
        return await WriteTruthAsync(claim, token);
    }, cancellationToken);

    private async Task<IdleStopOutcome?> AsOwnerAsync(MachineRecord record, Func<RecordClaim, CancellationToken, Task<IdleStopOutcome>> work, CancellationToken cancellationToken)
    {
        var stopping = record with { State = MachineRecordState.Stopping, ChangedAt = time.GetUtcNow() };
        if (await RecordClaim.TakeAsync(map, stopping, replica, time, cancellationToken) is not { } claim)
        {
            return null;
        }

        await using (claim)
        {
            using var either = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken, claim.Lost);
            try
            {
                return await work(claim, either.Token);
            }
            catch (OperationCanceledException) when (claim.Lost.IsCancellationRequested && !cancellationToken.IsCancellationRequested)
            {
                return IdleStopOutcome.Failed;
            }
        }
    }

    /// <summary>Null: it was asked for, and what came of it is to be read.</summary>
    private async Task<IdleStopOutcome?> AskAsync(RecordClaim claim, MachineRecordState before, StopKind kind, long? notAfter, string nonce, CancellationToken cancellationToken)
    {
        var record = claim.Record;
        var read = await machines.GetAsync(record.App, record.Machine, cancellationToken);
        if (!read.IsOk)
        {
            return await RevertAsync(claim, before, read.Failure, cancellationToken);
        }

        var machine = read.Value;
        if (IsDone(machine, kind))
        {
            return await WriteAsync(claim, machine, cancellationToken);
        }

        if (notAfter < time.GetTimestamp())
        {
            return await RevertAsync(claim, before, null, cancellationToken);
        }

        var suspend = kind is StopKind.Suspend && MaySuspend(machine);
        var (done, target) = await AskAsync(record, suspend, nonce, cancellationToken);
        if (!done.IsOk && WasRefused(done.Failure))
        {
            return await RevertAsync(claim, before, done.Failure, cancellationToken);
        }

        await WaitUntilRestsAsync(record, machine.Version, target, cancellationToken);
        return null;
    }

    private async Task<(MachinesResult<Done> Done, string Target)> AskAsync(MachineRecord record, bool suspend, string nonce, CancellationToken cancellationToken)
    {
        if (suspend)
        {
            var suspended = await machines.SuspendAsync(record.App, record.Machine, nonce, cancellationToken);
            if (suspended.IsOk || suspended.Failure.Kind is not (MachinesFailureKind.Invalid or MachinesFailureKind.NotYet))
            {
                return (suspended, "suspended");
            }

            // Not everything that forbids a suspend can be seen from here; a machine that cannot is not awake for ever.
            Log.SuspendRefused(logger, record.Machine.Value, suspended.Failure.Message);
        }

        return (await machines.StopAsync(record.App, record.Machine, options.Value.StopGrace, nonce, cancellationToken), "stopped");
    }

    /// <summary>Waits in short turns; the record's lease is renewed meanwhile, so that a waiting wake sees a living owner.</summary>
    private async Task WaitUntilRestsAsync(MachineRecord record, string? version, string state, CancellationToken cancellationToken)
    {
        var started = time.GetTimestamp();
        while (time.GetElapsedTime(started) < options.Value.StopGrace + (OneWait * 2))
        {
            var waited = await machines.WaitAsync(record.App, record.Machine, state, version, OneWait, cancellationToken);
            if (waited.IsOk || waited.Failure.Kind is not (MachinesFailureKind.NotReached or MachinesFailureKind.RateLimited or MachinesFailureKind.Unavailable))
            {
                return;
            }

            await Task.Delay(BetweenWaits, time, cancellationToken);
        }
    }

    private async Task<IdleStopOutcome> WriteTruthAsync(RecordClaim claim, CancellationToken cancellationToken)
    {
        var read = await machines.GetAsync(claim.Record.App, claim.Record.Machine, cancellationToken);
        return read.IsOk ? await WriteAsync(claim, read.Value, cancellationToken) : await LeaveAsync(claim, read.Failure, cancellationToken);
    }

    private async Task<IdleStopOutcome> WriteAsync(RecordClaim claim, Machine machine, CancellationToken cancellationToken)
    {
        var record = claim.Record;
        switch (machine.State)
        {
            case PlatformState.Stopped or PlatformState.Suspended or PlatformState.Failed:
                var suspended = machine.State is PlatformState.Suspended;
                await claim.EndAsync(record with { State = MachineRecordState.Asleep, Suspended = suspended, Address = null }, cancellationToken);
                Log.MachinePutToSleep(logger, record.Machine.Value, suspended ? "suspended" : "stopped");
                return IdleStopOutcome.Asleep;
            case PlatformState.Destroyed:
                await claim.EndAsync(record with { State = MachineRecordState.Gone, Address = null }, cancellationToken);
                return IdleStopOutcome.Asleep;
            case PlatformState.Started:
                await claim.EndAsync(record.Found(time.GetUtcNow()), cancellationToken);
                return IdleStopOutcome.Failed;
            default:
                return await LeaveAsync(claim, null, cancellationToken);
        }
    }

    /// <summary>The platform gave no lease, or too late, so nothing was begun: a record that says it would be goes back.</summary>
    private async Task<IdleStopOutcome?> GiveBackAsync(MachineRecord current, MachineRecordState before, MachinesFailure? failure, CancellationToken cancellationToken)
    {
        Log.StopFailed(logger, current.Machine.Value, failure?.Kind, failure?.Message ?? TooLate);
        if (failure is { Kind: MachinesFailureKind.NotFound })
        {
            await map.WriteAsync(current with { State = MachineRecordState.Gone, Address = null, Lease = null, ChangedAt = time.GetUtcNow() }, cancellationToken);
        }
        else if (current.State != before)
        {
            await map.WriteAsync(current with { State = before, Lease = null, ChangedAt = time.GetUtcNow() }, cancellationToken);
        }

        return IdleStopOutcome.Failed;
    }

    /// <summary>Nothing was done to the machine.</summary>
    private async Task<IdleStopOutcome> RevertAsync(RecordClaim claim, MachineRecordState before, MachinesFailure? failure, CancellationToken cancellationToken)
    {
        Log.StopFailed(logger, claim.Record.Machine.Value, failure?.Kind, failure?.Message ?? TooLate);
        var gone = failure is { Kind: MachinesFailureKind.NotFound };
        await claim.EndAsync(claim.Record with { State = gone ? MachineRecordState.Gone : before, Address = gone ? null : claim.Record.Address }, cancellationToken);
        return IdleStopOutcome.Failed;
    }

    /// <summary>What became of it is not known: the record stays <c>stopping</c> and is nobody's, so that whoever comes next looks again.</summary>
    private async Task<IdleStopOutcome> LeaveAsync(RecordClaim claim, MachinesFailure? failure, CancellationToken cancellationToken)
    {
        if (failure is { Kind: MachinesFailureKind.NotFound })
        {
            return await RevertAsync(claim, MachineRecordState.Gone, failure, cancellationToken);
        }

        Log.StopFailed(logger, claim.Record.Machine.Value, failure?.Kind, failure?.Message);
        await claim.EndAsync(claim.Record, cancellationToken);
        return IdleStopOutcome.Failed;
    }

    private static bool IsDone(Machine machine, StopKind kind) => machine.State switch
    {
        PlatformState.Stopped or PlatformState.Destroyed => true,
        PlatformState.Suspended => kind is StopKind.Suspend,
        _ => kind is StopKind.DiscardSnapshot,
    };

    /// <summary>Answers that say it was not done. All others may hide that it was.</summary>
    private static bool WasRefused(MachinesFailure failure) => failure.Kind is MachinesFailureKind.LeaseHeld or MachinesFailureKind.RateLimited
        or MachinesFailureKind.Forbidden or MachinesFailureKind.Invalid or MachinesFailureKind.NotFound or MachinesFailureKind.NotYet;

    /// <summary>Fly suspends machines of at most 2 GB that have no swap and no schedule; others are stopped.</summary>
    private static bool MaySuspend(Machine machine) =>
        machine.Config is { Guest.MemoryMb: > 0 and <= 2048 } config
        && config.Init?.Rest?.ContainsKey("swap_size_mb") is not true
        && config.Rest?.ContainsKey("schedule") is not true;

    private static partial class Log
    {
        [LoggerMessage(6001, LogLevel.Information, "Machine {Machine} was put to sleep ({How})", EventName = "MachinePutToSleep")]
        public static partial void MachinePutToSleep(ILogger logger, string machine, string how);

        [LoggerMessage(6003, LogLevel.Warning, "Machine {Machine} could not be put to sleep ({Kind}): {Message}", EventName = "StopFailed")]
        public static partial void StopFailed(ILogger logger, string machine, MachinesFailureKind? kind, string? message);

        [LoggerMessage(6004, LogLevel.Information, "Machine {Machine} cannot be suspended and is stopped instead: {Message}", EventName = "SuspendRefused")]
        public static partial void SuspendRefused(ILogger logger, string machine, string message);
    }
}
