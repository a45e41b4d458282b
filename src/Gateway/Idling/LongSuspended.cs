using Gateway.Sessions;
using Microsoft.Extensions.Options;

namespace Gateway.Idling;

/// <summary>
/// Stops machines that were suspended for long: each keeps memory of its host reserved, and its snapshot grows old. They sleep, so nobody's consent is
/// asked; a request that comes meanwhile either wins the record or waits for the stop and then wakes the machine.
/// </summary>
internal sealed class LongSuspended(ISessionMap map, IVisitMap visitMap, MachineStop machineStop, IOptions<IdlingOptions> options, TimeProvider time)
{
    /// <summary>The list of suspended machines is only where to look: the record decides, and the platform after it.</summary>
    public async Task<IdleStopOutcome> RunAsync(MachineId machine, CancellationToken cancellationToken)
    {
        var record = await map.FindMachineAsync(machine, cancellationToken);
        switch (record)
        {
            case { State: MachineRecordState.Asleep, Suspended: true }:
                return await machineStop.RunAsync(record, MachineRecordState.Asleep, StopKind.DiscardSnapshot, null, TimeSpan.Zero, cancellationToken) switch
                {
                    null => IdleStopOutcome.NotAwake,
                    IdleStopOutcome.Asleep => IdleStopOutcome.SnapshotGivenUp,
                    var failed => failed.Value,
                };
            case { State: MachineRecordState.Stopping } when record.Lease is null || record.Lease.Until < time.GetUtcNow():
                return await machineStop.TakeOverAsync(record, cancellationToken) is IdleStopOutcome.Failed ? IdleStopOutcome.Failed : IdleStopOutcome.NotAwake;
            case { State: MachineRecordState.Stopping or MachineRecordState.Updating or MachineRecordState.Unknown }:
                return IdleStopOutcome.NotAwake;
            default:
                await visitMap.ForgetSuspendedAsync(machine, time.GetUtcNow() - options.Value.SuspendedFor, cancellationToken);
                return IdleStopOutcome.NotAwake;
        }
    }
}
