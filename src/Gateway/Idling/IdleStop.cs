using Gateway.Sessions;
using Microsoft.Extensions.Options;

namespace Gateway.Idling;

/// <summary>What one attempt to put a machine to sleep came to.</summary>
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

    /// <summary>It slept suspended for long, and is stopped now.</summary>
    SnapshotGivenUp,
}

/// <summary>
/// Decides the stop of one idle machine: draining, the consent of every replica whose lease stands, and then stopping, which is
/// <see cref="MachineStop"/>'s. Each step is a compare-and-set on the epoch of the one before, so a visit that wins the machine back ends it.
/// </summary>
internal sealed partial class IdleStop(
    ISessionMap map,
    IVisitMap visitMap,
    MachineStop machineStop,
    Replica replica,
    IOptions<IdlingOptions> options,
    TimeProvider time,
    ILogger<IdleStop> logger)
{
    // Consents come within milliseconds, and each moment of waiting for them is one in which a visit has to win the machine back; but each look is billed.
    private static readonly TimeSpan FirstLook = TimeSpan.FromMilliseconds(60);
    private static readonly TimeSpan LongestLook = TimeSpan.FromMilliseconds(250);

    /// <summary>Told of each machine put to sleep, by its record before that. Set once, at start.</summary>
    public Action<MachineRecord> FellAsleep { get; set; } = static _ => { };

    public async Task<IdleStopOutcome> RunAsync(MachineId machine, CancellationToken cancellationToken)
    {
        var record = await map.FindMachineAsync(machine, cancellationToken);
        switch (record)
        {
            case null or { State: MachineRecordState.Gone or MachineRecordState.Asleep }:
                await visitMap.ForgetDueAsync(machine, time.GetUtcNow(), cancellationToken);
                return IdleStopOutcome.NotAwake;
            case { State: MachineRecordState.Stopping } when IsOverdue(record):
                return await machineStop.TakeOverAsync(record, cancellationToken) ?? IdleStopOutcome.NotAwake;
            case { State: MachineRecordState.Awake or MachineRecordState.Waking or MachineRecordState.Draining, PinnedUntil: { } pinned } when pinned > time.GetUtcNow():
                // Due again when the pin ends, so that the sweep does not come by all the while.
                await visitMap.ReportAsync([new IdleReport(machine, pinned, DateTimeOffset.UnixEpoch)], cancellationToken);
                return IdleStopOutcome.NotAwake;
            case { State: MachineRecordState.Awake }:
            // A wake that nobody works on any more, such as that of a machine found running when the map was rebuilt, is put to sleep like one that is awake.
            case { State: MachineRecordState.Waking or MachineRecordState.Draining } when IsOverdue(record):
            // It may run all the same, without ever giving a good answer.
            case { State: MachineRecordState.Failed, Failure: var failure } when failure is null || failure.Until <= time.GetUtcNow():
                return await DrainAsync(record, cancellationToken);
            default:
                return IdleStopOutcome.NotAwake;
        }
    }

    private async Task<IdleStopOutcome> DrainAsync(MachineRecord record, CancellationToken cancellationToken)
    {
        // Without an address it is not awake, whatever it was before.
        var before = record.Address is not null ? MachineRecordState.Awake : record.State is MachineRecordState.Failed ? MachineRecordState.Failed : MachineRecordState.Waking;
        var asked = time.GetTimestamp();
        var drain = await map.WriteAsync(
            record with { State = MachineRecordState.Draining, Lease = new RecordLease(replica.Name, time.GetUtcNow() + options.Value.ConsentHolds), ChangedAt = time.GetUtcNow() }, cancellationToken);
        if (!drain.Won)
        {
            return IdleStopOutcome.NotAwake;
        }

        var draining = drain.Current!;
        if (!await EveryoneConsentsAsync(draining, cancellationToken)
            // A consent lapses, and this process may have been paused meanwhile.
            || time.GetElapsedTime(asked) > options.Value.ConsentHolds)
        {
            await map.WriteAsync(draining with { State = before, Lease = null, ChangedAt = time.GetUtcNow() }, cancellationToken);
            Log.StopAbandoned(logger, draining.Machine.Value);
            return IdleStopOutcome.Abandoned;
        }

        var notAfter = asked + ((long)(options.Value.StopAskedWithin.TotalSeconds * time.TimestampFrequency));
        var kind = options.Value.Suspend ? StopKind.Suspend : StopKind.Stop;
        var outcome = await machineStop.RunAsync(draining, before, kind, notAfter, TimeSpan.Zero, cancellationToken) ?? IdleStopOutcome.Abandoned;
        if (outcome is IdleStopOutcome.Asleep)
        {
            FellAsleep(draining);
        }

        return outcome;
    }

    private async Task<bool> EveryoneConsentsAsync(MachineRecord draining, CancellationToken cancellationToken)
    {
        var deadline = time.GetUtcNow() + options.Value.ConsentGrace;
        await visitMap.AskConsentAsync(draining.Machine, draining.Epoch, cancellationToken);
        for (var look = FirstLook; ; look = look * 3 < LongestLook ? look * 3 : LongestLook)
        {
            await Task.Delay(look, time, cancellationToken);
            var question = await visitMap.ReadQuestionAsync(draining.Machine, draining.Epoch, cancellationToken);
            if (question.Agreed)
            {
                // What was reported while the consents were on their way stands against it all the same.
                return question.Stands && !(question.DueAt > time.GetUtcNow());
            }

            // A visit has won the machine back, or the time is up.
            if (!question.Stands || time.GetUtcNow() >= deadline)
            {
                return false;
            }
        }
    }

    private bool IsOverdue(MachineRecord record) => record.Lease is null || record.Lease.Until < time.GetUtcNow();

    private static partial class Log
    {
        [LoggerMessage(6002, LogLevel.Debug, "The stop of machine {Machine} was abandoned: not every replica consented", EventName = "StopAbandoned")]
        public static partial void StopAbandoned(ILogger logger, string machine);
    }
}
