using System.Globalization;
using Gateway.Machines;
using Gateway.Sessions;

namespace Gateway.Reconciling;

/// <summary>
/// Repairs one drift. What was found is some seconds old, so the truth is read again first, and whatever has an operation in flight is left to whoever
/// works on it. No repair touches a volume.
/// </summary>
internal sealed class DriftRepair(ISessionMap map, IMachines machines, WorkspaceNames names, MachineAdoption adoption, AuditTrail audit, TimeProvider time)
{
    private const string InFlight = "left alone: an operation is in flight";
    private const string Over = "it is over by itself";
    private static readonly TimeSpan PlatformLease = TimeSpan.FromSeconds(20);

    public async Task<string> RunAsync(Drift drift, Findings findings, CancellationToken cancellationToken)
    {
        if (drift.Kind is DriftKinds.MachineWithoutSession)
        {
            return await AdoptAsync(drift, cancellationToken);
        }

        if (drift.Kind is DriftKinds.FillingVolume)
        {
            var extended = await machines.ExtendVolumeAsync(drift.App, new VolumeId(drift.Subject), int.Parse(drift.Other!, CultureInfo.InvariantCulture), cancellationToken);
            if (!extended.IsOk)
            {
                return $"the platform refused: {extended.Failure.Kind}";
            }

            await CorrectSizeAsync(drift, extended.Value.SizeGb, cancellationToken);
            return $"extended to {drift.Other} GB";
        }

        if (drift.Kind is DriftKinds.WrongVolumeSize)
        {
            return await CorrectSizeAsync(drift, findings.Volumes.First(found => found.Volume.Id.Value == drift.Subject).Volume.SizeGb, cancellationToken);
        }

        var machine = new MachineId(drift.Subject);
        var record = await map.FindMachineAsync(machine, cancellationToken);
        if (record?.Lease is { } lease && lease.Until > time.GetUtcNow())
        {
            return InFlight;
        }

        return drift.Kind switch
        {
            DriftKinds.SessionWithoutMachine => await MarkGoneAsync(drift, record, cancellationToken),
            DriftKinds.StuckTransition or DriftKinds.ForeignStart => await WriteTruthAsync(drift, record, cancellationToken),
            DriftKinds.ForgedMetadata => await ProveAnewAsync(drift, findings, cancellationToken),
            DriftKinds.WrongRegion => await CorrectRegionAsync(drift, record, findings, cancellationToken),
            DriftKinds.SecondMachine => await DestroyAsync(drift, cancellationToken),
            _ => "there is no repair of this kind",
        };
    }

    private async Task<string> AdoptAsync(Drift drift, CancellationToken cancellationToken)
    {
        var user = new UserId(drift.Users[0]);
        var read = await machines.GetAsync(drift.App, new MachineId(drift.Subject), cancellationToken);
        return !read.IsOk || read.Value.State is PlatformState.Destroyed || !names.IsOf(user, drift.App, read.Value.Name, read.Value.Metadata)
            ? Over
            : await adoption.AdoptAsync(user, drift.App, read.Value, cancellationToken) ? "adopted" : Over;
    }

    private async Task<string> MarkGoneAsync(Drift drift, MachineRecord? record, CancellationToken cancellationToken)
    {
        var read = await machines.GetAsync(drift.App, new MachineId(drift.Subject), cancellationToken);
        if (read is not ({ Failure.Kind: MachinesFailureKind.NotFound } or { Value.State: PlatformState.Destroyed }))
        {
            return read.IsOk ? Over : $"the platform does not answer: {read.Failure.Kind}";
        }

        if (record is { State: MachineRecordState.Gone })
        {
            return "the record says so; the user's next request makes a machine";
        }

        record ??= new MachineRecord { Machine = new MachineId(drift.Subject), App = drift.App, State = MachineRecordState.Gone };
        return await WriteAsync(record with { State = MachineRecordState.Gone, Address = null, Failure = null }, cancellationToken);
    }

    /// <summary>
    /// At rest as the platform has it. A machine that runs is written as a wake that nobody works on: the next request probes it, and the idle stopper
    /// takes it back in hand.
    /// </summary>
    private async Task<string> WriteTruthAsync(Drift drift, MachineRecord? record, CancellationToken cancellationToken)
    {
        var read = await machines.GetAsync(drift.App, new MachineId(drift.Subject), cancellationToken);
        if (record is null || !read.IsOk)
        {
            return read.Failure is { Kind: MachinesFailureKind.NotFound } ? await MarkGoneAsync(drift, record, cancellationToken) : "nothing could be learnt of the machine";
        }

        switch (read.Value.State)
        {
            case PlatformState.Stopped or PlatformState.Suspended or PlatformState.Failed when record.State is not MachineRecordState.Asleep:
                return await WriteAsync(record with { State = MachineRecordState.Asleep, Suspended = read.Value.State is PlatformState.Suspended, Address = null }, cancellationToken);
            case PlatformState.Started when record.State is not (MachineRecordState.Awake or MachineRecordState.Waking):
                return await WriteAsync(record.Found(time.GetUtcNow()), cancellationToken);
            case PlatformState.Started:
                return "it runs; the next request probes it, or idling puts it to sleep";
            case PlatformState.Destroyed:
                return await MarkGoneAsync(drift, record, cancellationToken);
            default:
                return Over;
        }
    }

    private async Task<string> ProveAnewAsync(Drift drift, Findings findings, CancellationToken cancellationToken)
    {
        var id = new MachineId(drift.Subject);
        var read = await machines.GetAsync(drift.App, id, cancellationToken);
        if (!read.IsOk || read.Value.Config is null)
        {
            return "nothing could be learnt of the machine";
        }

        var machine = read.Value;
        var right = new Dictionary<string, string>();
        foreach (var session in findings.Sessions.Where(session => session.Machine == id && session.App == drift.App))
        {
            // Its own name tells whether the machine was made for this user; nobody in it can change that.
            var own = names.MachineName(session.User) is var name && (machine.Name == name || machine.Name.StartsWith(name + "-", StringComparison.Ordinal));
            foreach (var (key, value) in own ? names.Metadata(drift.App, machine.Name, session.User) : names.SharedMetadata(drift.App, machine.Name, session.User))
            {
                right[key] = value;
            }
        }

        var wrong = machine.Metadata.Keys.Where(key => WorkspaceNames.IsProof(key) && !right.ContainsKey(key)).ToDictionary(key => key, _ => "");
        foreach (var (key, value) in right.Where(entry => machine.Metadata.GetValueOrDefault(entry.Key) != entry.Value).Concat(wrong))
        {
            // An empty value removes the key.
            if (await machines.SetMetadataAsync(drift.App, id, key, value, cancellationToken) is { IsOk: false, Failure: var failure })
            {
                return $"the platform refused: {failure.Kind}";
            }
        }

        return "the entries were written anew";
    }

    private async Task<string> CorrectSizeAsync(Drift drift, int sizeGb, CancellationToken cancellationToken)
    {
        var corrected = false;
        foreach (var user in drift.Users)
        {
            if (await map.FindSessionAsync(new UserId(user), cancellationToken) is { State: SessionState.Assigned } session && session.Volume?.Value == drift.Subject)
            {
                corrected |= (await map.WriteAsync(session with { VolumeGb = sizeGb }, cancellationToken)).Won;
            }
        }

        return corrected ? "the map was corrected" : "left alone: it changed meanwhile";
    }

    private async Task<string> CorrectRegionAsync(Drift drift, MachineRecord? record, Findings findings, CancellationToken cancellationToken)
    {
        var id = new MachineId(drift.Subject);
        var region = findings.Machines.First(found => found.Machine.Id == id).Machine.Region;
        foreach (var user in findings.Sessions.Where(session => session.Machine == id).Select(session => session.User))
        {
            if (await map.FindSessionAsync(user, cancellationToken) is { State: SessionState.Assigned } session && session.Machine == id)
            {
                await map.WriteAsync(session with { Region = region }, cancellationToken);
            }
        }

        if (record is not null)
        {
            await map.WriteAsync(record with { Region = region }, cancellationToken);
        }

        return "the map was corrected";
    }

    /// <summary>Only one that rests: nobody can reach it through the gateway, and whoever started it by hand has a reason.</summary>
    private async Task<string> DestroyAsync(Drift drift, CancellationToken cancellationToken)
    {
        var id = new MachineId(drift.Subject);
        var user = new UserId(drift.Users[0]);
        if (await map.FindSessionAsync(user, cancellationToken) is not { State: SessionState.Assigned, Machine: { } kept } || kept == id || kept.Value != drift.Other)
        {
            return Over;
        }

        var read = await machines.GetAsync(drift.App, id, cancellationToken);
        if (!read.IsOk || read.Value.State is not (PlatformState.Stopped or PlatformState.Suspended or PlatformState.Failed))
        {
            return "left alone: it does not rest";
        }

        var lease = await machines.LeaseAsync(drift.App, id, PlatformLease, "reconciling", cancellationToken);
        if (!lease.IsOk)
        {
            return InFlight;
        }

        await audit.RecordAsync("machine-destroyed", id.Value, AuditTrail.Gateway, $"A second machine of a user whose machine is {kept}; its volume stays.", cancellationToken);
        var destroyed = await machines.DestroyAsync(drift.App, id, force: false, lease.Value.Nonce, cancellationToken);
        if (destroyed.IsOk)
        {
            return "destroyed; its volume stays";
        }

        await machines.ReleaseLeaseAsync(drift.App, id, lease.Value.Nonce, CancellationToken.None);
        return $"the platform refused: {destroyed.Failure.Kind}";
    }

    private async Task<string> WriteAsync(MachineRecord next, CancellationToken cancellationToken)
    {
        var write = await map.WriteAsync(next with { Lease = next.State is MachineRecordState.Waking ? new RecordLease("reconciling", time.GetUtcNow()) : null, ChangedAt = time.GetUtcNow() }, cancellationToken);
        return write.Won ? $"written as {next.State}" : Over;
    }
}
