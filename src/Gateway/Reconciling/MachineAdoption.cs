using Gateway.Machines;
using Gateway.Sessions;

namespace Gateway.Reconciling;

/// <summary>Writes into the map what a machine proves. Nothing that stands there is overwritten.</summary>
internal sealed class MachineAdoption(ISessionMap map, TimeProvider time)
{
    /// <summary>False: the user had a session already.</summary>
    public async Task<bool> AdoptAsync(UserId user, string app, Machine machine, CancellationToken cancellationToken)
    {
        var now = time.GetUtcNow();
        // The machine's record first: a session is found by requests at once. Epoch 0: neither overwrites what stands there.
        await map.WriteAsync(Record(app, machine, now), cancellationToken);
        var write = await map.WriteAsync(new Session
        {
            User = user,
            State = SessionState.Assigned,
            App = app,
            Machine = machine.Id,
            Volume = machine.Config?.Mounts is [var mount, ..] ? new VolumeId(mount.Volume) : null,
            Region = machine.Region,
            ChangedAt = now,
        }, cancellationToken);
        return write.Won;
    }

    /// <summary>
    /// What the platform's word is worth: at rest, or being woken by somebody whose lease has ended, so that whoever comes next probes it and the
    /// idle stopper takes it back in hand. Awake is only what answered a probe.
    /// </summary>
    private static MachineRecord Record(string app, Machine machine, DateTimeOffset now)
    {
        var running = machine.State is PlatformState.Started or PlatformState.Starting;
        return new MachineRecord
        {
            Machine = machine.Id,
            App = app,
            State = running ? MachineRecordState.Waking : MachineRecordState.Asleep,
            Suspended = machine.State is PlatformState.Suspended or PlatformState.Suspending,
            Lease = running ? new RecordLease("rebuild", now) : null,
            Region = machine.Region,
            Boot = now.ToUnixTimeMilliseconds(),
            ChangedAt = now,
        };
    }
}
