using Gateway.Machines;
using Gateway.Sessions;

namespace Gateway.Provisioning;

/// <summary>What taking a workspace away came to.</summary>
internal sealed record RemovalOutcome(RemovalResult Result, string Detail = "", MachinesFailure? Failure = null);

internal enum RemovalResult
{
    Removed,

    /// <summary>The volume named is not the user's, or others use it.</summary>
    WrongVolume,

    /// <summary>Something works on the session or the machine right now.</summary>
    InFlight,

    /// <summary>The session changed under our hands.</summary>
    Changed,

    /// <summary>The platform did not do it; asking again goes on where it ended.</summary>
    Refused,
}

/// <summary>
/// Takes a user's workspace away, for an operator: with its last session the machine, and the volume only when it is named. The session goes last, so that
/// asking again goes on wherever it broke off, and nothing is left that nobody knows of.
/// </summary>
internal sealed class WorkspaceRemoval(ISessionMap map, IMachines machines, WorkspaceNames names, AuditTrail audit, Replica replica, TimeProvider time)
{
    private static readonly TimeSpan PlatformLease = TimeSpan.FromSeconds(20);
    private static readonly TimeSpan Pause = TimeSpan.FromSeconds(1);

    /// <summary>Every replica closes its sockets with a word; a client has two seconds for the echo.</summary>
    private static readonly TimeSpan Farewell = TimeSpan.FromSeconds(3);

    private const int Tries = 5;
    private const int SessionsPerPage = 500;

    /// <param name="session">As the map has it.</param>
    /// <param name="volume">The volume to destroy as well; it must be the user's own.</param>
    /// <param name="evenForeign">Named explicitly: a machine that the gateway did not make goes as well.</param>
    /// <param name="by">The operator.</param>
    public async Task<RemovalOutcome> RunAsync(Session session, VolumeId? volume, MachineId? evenForeign, string by, CancellationToken cancellationToken)
    {
        if (session.Lease is { } lease && lease.Until > time.GetUtcNow())
        {
            return new(RemovalResult.InFlight, "The workspace is being made right now.");
        }

        if (volume is not null && volume != session.Volume)
        {
            return new(RemovalResult.WrongVolume, session.Volume is { } own ? $"The user's volume is {own}." : "The user has no volume.");
        }

        var others = await OthersAsync(session, cancellationToken);
        if (others && volume is not null)
        {
            return new(RemovalResult.WrongVolume, "Other users have their files on this volume.");
        }

        if (session.Machine is { } machine)
        {
            var outcome = await LeaveAsync(session, machine, isLast: !others, evenForeign == machine, by, cancellationToken);
            if (outcome.Result is not RemovalResult.Removed)
            {
                return outcome;
            }
        }

        if (volume is { } named && await DestroyVolumeAsync(session.App, named, by, cancellationToken) is { } refused)
        {
            return new(RemovalResult.Refused, refused.Message, refused);
        }

        await audit.RecordAsync("session-removed", session.User.Value, by, session.Machine is { } had ? $"Its machine was {had}." : "It had no machine.", cancellationToken);
        return await map.RemoveAsync(session, cancellationToken) ? new(RemovalResult.Removed) : new(RemovalResult.Changed, "The session changed meanwhile.");
    }

    /// <summary>By the map and not by the metadata alone: code in the machine may have taken an entry away.</summary>
    private async Task<bool> OthersAsync(Session session, CancellationToken cancellationToken)
    {
        if (session.Machine is null)
        {
            return false;
        }

        string? after = null;
        do
        {
            var page = await map.PageAsync(after, null, SessionsPerPage, cancellationToken);
            if (page.Sessions.Any(other => other.User != session.User && (other.Machine == session.Machine || (other.Volume is not null && other.Volume == session.Volume))))
            {
                return true;
            }

            after = page.Next;
        }
        while (after is not null);
        return false;
    }

    private async Task<RemovalOutcome> LeaveAsync(Session session, MachineId id, bool isLast, bool evenForeign, string by, CancellationToken cancellationToken)
    {
        var read = await machines.GetAsync(session.App, id, cancellationToken);
        if (read is { Failure.Kind: MachinesFailureKind.NotFound } or { Value.State: PlatformState.Destroyed })
        {
            return new(RemovalResult.Removed);
        }

        if (!read.IsOk)
        {
            return new(RemovalResult.Refused, read.Failure.Message, read.Failure);
        }

        var machine = read.Value;
        var ours = machine.Name.StartsWith(WorkspaceNames.MachinePrefix, StringComparison.Ordinal) && session.App == names.App;
        return isLast && (ours || evenForeign)
            ? await DestroyAsync(session, machine, by, cancellationToken)
            : await TakeProofAwayAsync(session, machine, cancellationToken);
    }

    /// <summary>The machine stays, and says of this user nothing any more: a proof that is left would bring the session back.</summary>
    private async Task<RemovalOutcome> TakeProofAwayAsync(Session session, Machine machine, CancellationToken cancellationToken)
    {
        var proofs = names.Metadata(session.App, machine.Name, session.User).Concat(names.SharedMetadata(session.App, machine.Name, session.User));
        foreach (var (key, _) in proofs.Where(proof => machine.Metadata.GetValueOrDefault(proof.Key) == proof.Value))
        {
            // An empty value removes the key.
            if (await machines.SetMetadataAsync(session.App, machine.Id, key, "", cancellationToken) is { IsOk: false, Failure: var failure })
            {
                return new(RemovalResult.Refused, failure.Message, failure);
            }
        }

        return new(RemovalResult.Removed);
    }

    private async Task<RemovalOutcome> DestroyAsync(Session session, Machine machine, string by, CancellationToken cancellationToken)
    {
        var record = await map.FindMachineAsync(machine.Id, cancellationToken)
            ?? new MachineRecord { Machine = machine.Id, App = session.App, State = MachineRecordState.Asleep };
        if (record.Lease is { } held && held.Until > time.GetUtcNow())
        {
            return new(RemovalResult.InFlight, $"The machine is {record.State} right now.");
        }

        // Whoever wants to wake it waits from here on, and finds it gone.
        await using var claim = await RecordClaim.TakeAsync(map, record with { State = MachineRecordState.Stopping, Address = null, ChangedAt = time.GetUtcNow() }, replica, time, cancellationToken);
        if (claim is null)
        {
            return new(RemovalResult.InFlight, "The machine's record changed meanwhile.");
        }

        if (record.Address is not null)
        {
            await Task.Delay(Farewell, time, cancellationToken);
        }

        var lease = await machines.LeaseAsync(session.App, machine.Id, PlatformLease, "removal", cancellationToken);
        if (!lease.IsOk)
        {
            await claim.EndAsync(record, cancellationToken);
            return new(lease.Failure.Kind is MachinesFailureKind.LeaseHeld ? RemovalResult.InFlight : RemovalResult.Refused, lease.Failure.Message, lease.Failure);
        }

        await audit.RecordAsync("machine-destroyed", machine.Id.Value, by, "Its last session was removed; its volume stays unless that is said here too.", cancellationToken);
        var destroyed = await machines.DestroyAsync(session.App, machine.Id, force: true, lease.Value.Nonce, cancellationToken);
        if (!destroyed.IsOk && destroyed.Failure.Kind is not MachinesFailureKind.NotFound)
        {
            await machines.ReleaseLeaseAsync(session.App, machine.Id, lease.Value.Nonce, CancellationToken.None);

            // Stopped or not is for the next wake to find out.
            await claim.EndAsync(record with { State = MachineRecordState.Asleep, Address = null }, cancellationToken);
            return new(RemovalResult.Refused, destroyed.Failure.Message, destroyed.Failure);
        }

        await claim.EndAsync(claim.Record with { State = MachineRecordState.Gone, Failure = null }, cancellationToken);
        return new(RemovalResult.Removed);
    }

    /// <summary>The claim of a machine that was just destroyed lingers for a moment. Null: done.</summary>
    private async Task<MachinesFailure?> DestroyVolumeAsync(string app, VolumeId volume, string by, CancellationToken cancellationToken)
    {
        await audit.RecordAsync("volume-destroyed", volume.Value, by, "An operator named it.", cancellationToken);
        for (var attempt = 1; ; attempt++)
        {
            var read = await machines.GetVolumeAsync(app, volume, cancellationToken);
            if (read is { Failure.Kind: MachinesFailureKind.NotFound } or { Value.Usable: false })
            {
                return null;
            }

            var destroyed = await machines.DestroyVolumeAsync(app, volume, cancellationToken);
            if (destroyed.IsOk || attempt == Tries)
            {
                return destroyed.Failure;
            }

            await Task.Delay(Pause * attempt, time, cancellationToken);
        }
    }
}
