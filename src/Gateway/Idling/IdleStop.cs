using Gateway.Machines;
using Gateway.Sessions;
using Microsoft.Extensions.Options;

namespace Gateway.Idling;

/// <summary>What one attempt to put an idle machine to sleep came to.</summary>
internal enum IdleStopOutcome
{
    /// <summary>It sleeps.</summary>
    Asleep,

    /// <summary>Somebody uses it, or a replica did not answer in time.</summary>
    Abandoned,

    /// <summary>Its record is not one to stop: it sleeps already, wakes, or is somebody else's to finish.</summary>
    NotAwake,

    /// <summary>The platform did not carry it out; the truth was written down, and a later sweep tries again.</summary>
    Failed,
}

/// <summary>
/// Puts one machine to sleep: draining, the consent of every replica whose lease stands, stopping, asleep. Each step is a compare-and-set on the epoch
/// of the one before, so a visit that wins the machine back, or a paused owner that comes late, ends it.
/// </summary>
internal sealed partial class IdleStop(
    ISessionMap map,
    IVisitMap visitMap,
    IMachines machines,
    Replica replica,
    IOptions<IdlingOptions> options,
    TimeProvider time,
    ILogger<IdleStop> logger)
{
    /// <summary>A record's lease: longer than any single call made under it, renewed by each write.</summary>
    private static readonly TimeSpan Lease = TimeSpan.FromSeconds(30);

    /// <summary>Ends before the record's: when somebody takes the record over, the platform refuses what a paused owner still asks for.</summary>
    private static readonly TimeSpan PlatformLease = Lease * 2 / 3;

    private static readonly TimeSpan BetweenLooks = TimeSpan.FromMilliseconds(100);

    public async Task<IdleStopOutcome> RunAsync(MachineId machine, CancellationToken cancellationToken)
    {
        var record = await map.FindMachineAsync(machine, cancellationToken);
        if (record is null || record.State is MachineRecordState.Gone)
        {
            await visitMap.ForgetDueAsync(machine, cancellationToken);
            return IdleStopOutcome.NotAwake;
        }

        if (record.PinnedUntil is { } pinned && pinned > time.GetUtcNow() && record.State is not MachineRecordState.Stopping)
        {
            // Due again when the pin ends, so that the sweep does not come by all the while.
            await visitMap.ReportAsync([new IdleReport(machine, pinned, DateTimeOffset.UnixEpoch)], cancellationToken);
            return IdleStopOutcome.NotAwake;
        }

        if (record.State is MachineRecordState.Stopping or MachineRecordState.Draining && !IsOverdue(record))
        {
            return IdleStopOutcome.NotAwake;
        }

        if (record.State is MachineRecordState.Stopping)
        {
            return await TakeOverAsync(record, cancellationToken);
        }

        // A wake that nobody works on any more, such as that of a machine found running when the map was rebuilt, is put to sleep like one that is awake.
        if (record.State is not (MachineRecordState.Awake or MachineRecordState.Draining) && !(record.State is MachineRecordState.Waking && IsOverdue(record)))
        {
            if (record.State is MachineRecordState.Asleep or MachineRecordState.Failed)
            {
                await visitMap.ForgetDueAsync(machine, cancellationToken);
            }

            return IdleStopOutcome.NotAwake;
        }

        var draining = await WriteAsync(record with { State = MachineRecordState.Draining }, cancellationToken);
        return draining is null ? IdleStopOutcome.NotAwake : await StopWithConsentAsync(draining, record.State is MachineRecordState.Waking ? MachineRecordState.Waking : MachineRecordState.Awake, cancellationToken);
    }

    private async Task<IdleStopOutcome> StopWithConsentAsync(MachineRecord draining, MachineRecordState before, CancellationToken cancellationToken)
    {
        var asked = time.GetTimestamp();
        if (!await EveryoneConsentsAsync(draining, cancellationToken) || time.GetElapsedTime(asked) > options.Value.ConsentGrace * 2)
        {
            // A consent lapses: replicas keep their gates closed for a bounded time only, and this process may have been paused.
            await WriteAsync(draining with { State = before, Lease = null }, cancellationToken);
            Log.StopAbandoned(logger, draining.Machine.Value);
            return IdleStopOutcome.Abandoned;
        }

        var stopping = await WriteAsync(draining with { State = MachineRecordState.Stopping }, cancellationToken);
        return stopping is null ? IdleStopOutcome.Abandoned : await StopAsync(stopping, cancellationToken);
    }

    private async Task<bool> EveryoneConsentsAsync(MachineRecord draining, CancellationToken cancellationToken)
    {
        var deadline = time.GetUtcNow() + options.Value.ConsentGrace;
        await visitMap.AskConsentAsync(draining.Machine, draining.Epoch, cancellationToken);
        while (true)
        {
            var replicas = await visitMap.LiveReplicasAsync(cancellationToken);
            var consents = await visitMap.ReadConsentsAsync(draining.Machine, draining.Epoch, cancellationToken);
            if (replicas.Count > 0 && replicas.All(consents.Contains))
            {
                return true;
            }

            if (time.GetUtcNow() >= deadline)
            {
                return false;
            }

            // A visit that wins the machine back changes the record, which ends the wait at once.
            if (await map.WaitForChangeAsync(draining.Machine, draining.Epoch, BetweenLooks, cancellationToken) is not { } now || now.Epoch != draining.Epoch)
            {
                return false;
            }
        }
    }

    /// <summary>
    /// From here on the machine is ours alone: the platform's lease is taken first and its nonce goes with the call, so that the late call of a paused
    /// owner is refused by the platform itself.
    /// </summary>
    private async Task<IdleStopOutcome> StopAsync(MachineRecord stopping, CancellationToken cancellationToken)
    {
        var read = await machines.GetAsync(stopping.App, stopping.Machine, cancellationToken);
        if (!read.IsOk)
        {
            return await FinishAsync(stopping, read.Failure, cancellationToken);
        }

        var machine = read.Value;
        if (machine.State is PlatformState.Stopped or PlatformState.Suspended or PlatformState.Destroyed)
        {
            return await WriteTruthAsync(stopping, machine, cancellationToken);
        }

        var lease = await machines.LeaseAsync(stopping.App, stopping.Machine, PlatformLease, "idle stop", cancellationToken);
        if (!lease.IsOk)
        {
            return await FinishAsync(stopping, lease.Failure, cancellationToken);
        }

        try
        {
            var suspend = options.Value.Suspend && MaySuspend(machine);
            var done = suspend
                ? await machines.SuspendAsync(stopping.App, stopping.Machine, lease.Value.Nonce, cancellationToken)
                : await machines.StopAsync(stopping.App, stopping.Machine, options.Value.StopGrace, lease.Value.Nonce, cancellationToken);
            if (!done.IsOk && done.Failure.Kind is not MachinesFailureKind.Ambiguous)
            {
                return await FinishAsync(stopping, done.Failure, cancellationToken);
            }

            await WaitUntilRestsAsync(stopping, machine, suspend ? "suspended" : "stopped", cancellationToken);
        }
        finally
        {
            await machines.ReleaseLeaseAsync(stopping.App, stopping.Machine, lease.Value.Nonce, CancellationToken.None);
        }

        return await TakeOverAsync(stopping, cancellationToken);
    }

    /// <summary>Waits in short turns and renews the record's lease between them, so that a waiting wake sees a living owner.</summary>
    private async Task WaitUntilRestsAsync(MachineRecord stopping, Machine machine, string state, CancellationToken cancellationToken)
    {
        var deadline = time.GetUtcNow() + options.Value.StopGrace + TimeSpan.FromSeconds(20);
        while (time.GetUtcNow() < deadline)
        {
            var waited = await machines.WaitAsync(stopping.App, stopping.Machine, state, machine.Version, TimeSpan.FromSeconds(10), cancellationToken);
            if (waited.IsOk || waited.Failure.Kind is not (MachinesFailureKind.NotReached or MachinesFailureKind.RateLimited or MachinesFailureKind.Unavailable))
            {
                return;
            }

            await Task.Delay(TimeSpan.FromMilliseconds(500), time, cancellationToken);
        }
    }

    /// <summary>Reads what the machine came to, whoever began it, and writes that down.</summary>
    private async Task<IdleStopOutcome> TakeOverAsync(MachineRecord record, CancellationToken cancellationToken)
    {
        var read = await machines.GetAsync(record.App, record.Machine, cancellationToken);
        return read.IsOk
            ? await WriteTruthAsync(record, read.Value, cancellationToken)
            : await FinishAsync(record, read.Failure, cancellationToken);
    }

    private async Task<IdleStopOutcome> WriteTruthAsync(MachineRecord record, Machine machine, CancellationToken cancellationToken)
    {
        switch (machine.State)
        {
            case PlatformState.Stopped or PlatformState.Suspended:
                await WriteAsync(record with { State = MachineRecordState.Asleep, Suspended = machine.State is PlatformState.Suspended, Address = null, Lease = null }, cancellationToken);
                await visitMap.ForgetDueAsync(record.Machine, cancellationToken);
                Log.MachinePutToSleep(logger, record.Machine.Value, machine.State is PlatformState.Suspended ? "suspended" : "stopped");
                return IdleStopOutcome.Asleep;
            case PlatformState.Destroyed:
                await WriteAsync(record with { State = MachineRecordState.Gone, Address = null, Lease = null }, cancellationToken);
                await visitMap.ForgetDueAsync(record.Machine, cancellationToken);
                return IdleStopOutcome.Asleep;
            case PlatformState.Started:
                await WriteAsync(record with { State = MachineRecordState.Awake, Lease = null }, cancellationToken);
                return IdleStopOutcome.Failed;
            default:
                // On its way: the record stays as it is, and whoever wakes it or sweeps next reads again.
                return IdleStopOutcome.Failed;
        }
    }

    private async Task<IdleStopOutcome> FinishAsync(MachineRecord record, MachinesFailure failure, CancellationToken cancellationToken)
    {
        Log.StopFailed(logger, record.Machine.Value, failure.Kind, failure.Message);
        var next = failure.Kind is MachinesFailureKind.NotFound ? MachineRecordState.Gone : MachineRecordState.Awake;
        await WriteAsync(record with { State = next, Lease = null }, cancellationToken);
        return IdleStopOutcome.Failed;
    }

    /// <summary>Null: somebody else changed the record first, and theirs stands.</summary>
    private async Task<MachineRecord?> WriteAsync(MachineRecord next, CancellationToken cancellationToken)
    {
        var now = time.GetUtcNow();
        var mine = next.State is MachineRecordState.Draining or MachineRecordState.Stopping ? new RecordLease(replica.Name, now + Lease) : null;
        var write = await map.WriteAsync(next with { Lease = mine, ChangedAt = now }, cancellationToken);
        return write.Won ? write.Current : null;
    }

    private bool IsOverdue(MachineRecord record) => record.Lease is null || record.Lease.Until < time.GetUtcNow();

    /// <summary>Fly suspends machines of at most 2 GB that have no swap and no schedule; others are stopped.</summary>
    private static bool MaySuspend(Machine machine) =>
        machine.Config is { Guest.MemoryMb: > 0 and <= 2048 } config
        && config.Init?.Rest?.ContainsKey("swap_size_mb") is not true
        && config.Rest?.ContainsKey("schedule") is not true;

    private static partial class Log
    {
        [LoggerMessage(6001, LogLevel.Information, "Machine {Machine} was put to sleep ({How})", EventName = "MachinePutToSleep")]
        public static partial void MachinePutToSleep(ILogger logger, string machine, string how);

        [LoggerMessage(6002, LogLevel.Debug, "The stop of machine {Machine} was abandoned: not every replica consented", EventName = "StopAbandoned")]
        public static partial void StopAbandoned(ILogger logger, string machine);

        [LoggerMessage(6003, LogLevel.Warning, "Machine {Machine} could not be put to sleep ({Kind}): {Message}", EventName = "StopFailed")]
        public static partial void StopFailed(ILogger logger, string machine, MachinesFailureKind kind, string message);
    }
}
