using Gateway.Machines;
using Gateway.Sessions;

namespace Gateway.Provisioning;

/// <summary>What a restore came to.</summary>
/// <param name="Fenced">The old machine rests and no longer claims to be the user's; otherwise its host did not take the calls, and the map alone keeps it away.</param>
internal sealed record RestoreOutcome(RestoreResult Result, string Detail = "", bool Fenced = false, Session? Session = null, MachinesFailure? Failure = null);

internal enum RestoreResult
{
    Restored,

    /// <summary>The volume is there; the machine is not made yet, and the user's next request goes on with it.</summary>
    Underway,

    NoVolume,
    NoSuchSnapshot,
    Shared,
    InFlight,
    Changed,
    Refused,
}

/// <summary>
/// Puts a user's workspace on a new volume made of a snapshot, for an operator who has seen how old it is. The old machine is fenced first, since it may
/// come back with its host; neither it nor the old volume is destroyed. Asking again with the same snapshot goes on where it broke off.
/// </summary>
internal sealed class WorkspaceRestore(
    ISessionMap map,
    IMachines machines,
    WorkspaceProvisioner provisioner,
    WorkspaceTemplate template,
    WorkspaceNames names,
    WorkspaceOverrides overrides,
    INotes notes,
    AuditTrail audit,
    TimeProvider time)
{
    private const string Kind = "restores";
    private const int SessionsPerPage = 500;
    private static readonly TimeSpan PlatformLease = TimeSpan.FromSeconds(20);

    /// <summary>Every replica closes its sockets with a word; a client has two seconds for the echo.</summary>
    private static readonly TimeSpan Farewell = TimeSpan.FromSeconds(3);

    private static readonly TimeSpan StopGrace = TimeSpan.FromSeconds(10);
    private static readonly TimeSpan MachineLimit = TimeSpan.FromSeconds(60);

    public async Task<RestoreOutcome> RunAsync(Session session, string snapshot, string by, CancellationToken cancellationToken)
    {
        if (session is { State: SessionState.Provisioning or SessionState.Failed, Replaced: not null, Volume: not null })
        {
            return await FinishAsync(session, fenced: false, cancellationToken);
        }

        if (session is not { State: SessionState.Assigned, Volume: { } old, Machine: { } machine } || session.App != template.App)
        {
            return new(RestoreResult.NoVolume, "Only an assigned workspace with a volume, in the app that the gateway makes workspaces in, can be restored.");
        }

        if (await IsSharedAsync(session, cancellationToken))
        {
            return new(RestoreResult.Shared, "Other users have their files on this volume: restore it by hand and assign the machine to each.");
        }

        var snapshots = await machines.ListSnapshotsAsync(session.App, old, cancellationToken);
        if (!snapshots.IsOk)
        {
            return new(RestoreResult.Refused, snapshots.Failure.Message, Failure: snapshots.Failure);
        }

        if (snapshots.Value.All(found => found.Id != snapshot))
        {
            return new(RestoreResult.NoSuchSnapshot, $"Volume {old} has no snapshot {snapshot}.");
        }

        if (await FenceAsync(session, machine, by, cancellationToken) is not { } fenced)
        {
            return new(RestoreResult.InFlight, "Something is being done to the machine right now.");
        }

        var (volume, failure) = await VolumeAsync(session, old, snapshot, by, cancellationToken);
        if (volume is null)
        {
            return new(RestoreResult.Refused, failure!.Message, fenced, Failure: failure);
        }

        var moved = await map.WriteAsync(
            session with { State = SessionState.Provisioning, Machine = null, Volume = volume.Id, VolumeGb = volume.SizeGb, Region = volume.Region, Replaced = machine, Lease = null, Failure = null, ChangedAt = time.GetUtcNow() },
            cancellationToken);
        if (!moved.Won)
        {
            return new(RestoreResult.Changed, "The session changed meanwhile.", fenced);
        }

        await notes.WriteAsync(Kind, new Dictionary<string, string?> { [session.User.Value] = null }, cancellationToken);
        return await FinishAsync(moved.Current!, fenced, cancellationToken);
    }

    private async Task<RestoreOutcome> FinishAsync(Session moved, bool fenced, CancellationToken cancellationToken) =>
        await provisioner.EnsureAssignedAsync(moved.User, MachineLimit, cancellationToken) is ProvisionOutcome.Assigned assigned
            ? new(RestoreResult.Restored, $"The workspace is on volume {moved.Volume}.", fenced, assigned.Session)
            : new(RestoreResult.Underway, $"Volume {moved.Volume} is restored; the machine is made at the user's next request.", fenced, moved);

    private async Task<bool> IsSharedAsync(Session session, CancellationToken cancellationToken)
    {
        string? after = null;
        do
        {
            var page = await map.PageAsync(after, null, SessionsPerPage, cancellationToken);
            if (page.Sessions.Any(other => other.User != session.User && (other.Machine == session.Machine || other.Volume == session.Volume)))
            {
                return true;
            }

            after = page.Next;
        }
        while (after is not null);
        return false;
    }

    /// <summary>
    /// For every replica the machine is gone from here on; on the platform it is stopped and its proof is taken away, as far as its host takes the calls.
    /// Null: somebody works on it.
    /// </summary>
    private async Task<bool?> FenceAsync(Session session, MachineId machine, string by, CancellationToken cancellationToken)
    {
        var record = await map.FindMachineAsync(machine, cancellationToken) ?? new MachineRecord { Machine = machine, App = session.App, State = MachineRecordState.Gone };
        if (record.Lease is { } held && held.Until > time.GetUtcNow())
        {
            return null;
        }

        await audit.RecordAsync("machine-fenced", machine.Value, by, "Its user's workspace is restored from a snapshot; the machine and its volume stay.", cancellationToken);
        var write = await map.WriteAsync(record with { State = MachineRecordState.Gone, Address = null, Lease = null, ChangedAt = time.GetUtcNow() }, cancellationToken);
        if (!write.Won)
        {
            return null;
        }

        if (record.Address is not null)
        {
            await Task.Delay(Farewell, time, cancellationToken);
        }

        return await TakeProofAwayAsync(session, machine, cancellationToken) && await StopAsync(session.App, machine, cancellationToken);
    }

    private async Task<bool> TakeProofAwayAsync(Session session, MachineId id, CancellationToken cancellationToken)
    {
        var read = await machines.GetAsync(session.App, id, cancellationToken);
        if (!read.IsOk || read.Value.State is PlatformState.Destroyed)
        {
            return read.IsOk || read.Failure.Kind is MachinesFailureKind.NotFound;
        }

        var proof = names.Metadata(session.App, read.Value.Name, session.User);
        var taken = read.Value.Config is not null;
        foreach (var (key, _) in proof.Where(entry => read.Value.Metadata.GetValueOrDefault(entry.Key) == entry.Value))
        {
            // An empty value removes the key.
            taken &= (await machines.SetMetadataAsync(session.App, id, key, "", cancellationToken)).IsOk;
        }

        return taken;
    }

    private async Task<bool> StopAsync(string app, MachineId machine, CancellationToken cancellationToken)
    {
        var lease = await machines.LeaseAsync(app, machine, PlatformLease, "restore", cancellationToken);
        if (!lease.IsOk)
        {
            return lease.Failure.Kind is MachinesFailureKind.NotFound;
        }

        var stopped = await machines.StopAsync(app, machine, StopGrace, lease.Value.Nonce, cancellationToken);
        await machines.ReleaseLeaseAsync(app, machine, lease.Value.Nonce, CancellationToken.None);
        return stopped.IsOk;
    }

    /// <summary>The new volume's id is noted before anything else: volume names are not unique, and one restore must not make two.</summary>
    private async Task<(Volume?, MachinesFailure?)> VolumeAsync(Session session, VolumeId old, string snapshot, string by, CancellationToken cancellationToken)
    {
        var note = await notes.ReadAsync(Kind, session.User.Value, cancellationToken);
        if (note?.Split('|') is [var earlier, var made] && earlier == snapshot)
        {
            var read = await machines.GetVolumeAsync(session.App, new VolumeId(made), cancellationToken);
            if (read is { Value.Usable: true } or { Failure.Kind: not MachinesFailureKind.NotFound })
            {
                return (read.Value, read.Failure);
            }
        }

        var (before, failure) = await LookAsync(session, old, null, cancellationToken);
        if (failure is not null)
        {
            return (null, failure);
        }

        await audit.RecordAsync("snapshot-restored", old.Value, by, $"Snapshot {snapshot} onto a new volume for {session.User}.", cancellationToken);
        var own = await overrides.FindAsync(session.User, cancellationToken);
        var wanted = await SizedAsync(session, old, own, cancellationToken);
        var created = await machines.CreateVolumeAsync(session.App, wanted with { Snapshot = snapshot }, cancellationToken);
        var (volume, why) = created is { Failure.Kind: MachinesFailureKind.Ambiguous } ? await LookAsync(session, old, before, cancellationToken) : (created.Value is { } value ? [value] : [], created.Failure);
        if (volume is not [var found, ..])
        {
            return (null, why ?? created.Failure);
        }

        await notes.WriteAsync(Kind, new Dictionary<string, string?> { [session.User.Value] = $"{snapshot}|{found.Id}" }, cancellationToken);
        return (found, null);
    }

    /// <summary>At least as large as the old one: a snapshot does not fit on less.</summary>
    private async Task<NewVolume> SizedAsync(Session session, VolumeId old, WorkspaceOverride? own, CancellationToken cancellationToken)
    {
        var wanted = template.Volume(session.User, session.Region ?? template.RegionsFor(own, null)[0], own);
        return await machines.GetVolumeAsync(session.App, old, cancellationToken) is { Value: { } there }
            ? wanted with { Region = there.Region, SizeGb = Math.Max(wanted.SizeGb, there.SizeGb) }
            : wanted;
    }

    /// <summary>The user's unclaimed volumes, but for the old one and those that were there before.</summary>
    private async Task<(IReadOnlyList<Volume>, MachinesFailure?)> LookAsync(Session session, VolumeId old, IReadOnlyList<Volume>? before, CancellationToken cancellationToken)
    {
        var all = await machines.ListVolumesAsync(session.App, cancellationToken);
        return all.IsOk
            ? ([.. all.Value.Where(volume => volume is { Usable: true, AttachedMachine: null } && volume.Id != old && volume.Name == names.VolumeName(session.User) && before?.Any(known => known.Id == volume.Id) is not true)], null)
            : ([], all.Failure);
    }
}
