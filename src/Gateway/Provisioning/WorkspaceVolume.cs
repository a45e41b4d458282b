using System.Collections.Concurrent;
using Gateway.Machines;
using Gateway.Sessions;

namespace Gateway.Provisioning;

/// <summary>Finds or makes the user's volume. Volume names are not unique, so nothing but looking keeps a second one from being made.</summary>
internal sealed class WorkspaceVolume(WorkspacePlatform platform, WorkspaceTemplate template, WorkspaceNames names, ChangeFeed feed, TimeProvider time)
{
    // When this replica last asked for a user's volume and does not know what became of it. The record says so too, unless it was lost.
    private readonly ConcurrentDictionary<UserId, long> _asked = new();

    // Whoever asked before a failover may go on until their lease ends, and what they ask for last may take its time.
    private static readonly TimeSpan AfterFailover = ProvisioningClaim.LeaseTime + WorkspaceNames.AnswerLimit;

    private static readonly TimeSpan LookEvery = TimeSpan.FromSeconds(1);
    private const int Tries = 3;

    /// <summary>The volume, or why there is none.</summary>
    public async Task<(Volume? Volume, BuildResult? Instead)> EnsureAsync(ProvisioningClaim claim, WorkspaceOverride? own, string? near, CancellationToken cancellationToken)
    {
        if (claim.Session.Volume is { } saved)
        {
            return await ReadAsync(claim, saved, cancellationToken);
        }

        var (found, failure) = await FindAsync(claim, cancellationToken);
        if (failure is not null)
        {
            return (null, BuildResult.Refused(failure));
        }

        return found is null ? await MakeAsync(claim, own, near, cancellationToken) : (await KeepAsync(claim, found, cancellationToken), null);
    }

    /// <summary>A volume that was saved holds somebody's files: gone or not usable is for a person to decide, an empty one in its place would look like lost work.</summary>
    public async Task<(Volume? Volume, BuildResult? Instead)> ReadAsync(ProvisioningClaim claim, VolumeId saved, CancellationToken cancellationToken)
    {
        var volume = await platform.GetVolumeAsync(claim, template.App, saved, cancellationToken);
        switch (volume)
        {
            case { Failure: { Kind: not MachinesFailureKind.NotFound } failure }:
                return (null, BuildResult.Refused(failure));
            case { Value: { Usable: true } there } when there.Name == names.VolumeName(claim.Session.User):
                return (there, null);
            case { Value.Usable: true }:
                return (null, BuildResult.Refused(ProvisionRefusal.Failed, "volume_not_ours", "The machine is gone, and its volume was not made by the gateway: an operator has to assign a machine."));
        }

        // Fly gives a volume another id, and leaves the name, when it moves the machine to another host.
        var (moved, unknown) = await FindAsync(claim, cancellationToken);
        return (moved, unknown) switch
        {
            ({ } found, _) => (await KeepAsync(claim, found, cancellationToken), null),
            (_, { } failure) => (null, BuildResult.Refused(failure)),
            _ => (null, BuildResult.Refused(ProvisionRefusal.Failed, "volume_lost", "The volume with the user's files is gone or being deleted: an operator has to restore it or release the session.")),
        };
    }

    private async Task<(Volume?, MachinesFailure?)> FindAsync(ProvisioningClaim claim, CancellationToken cancellationToken)
    {
        var name = names.VolumeName(claim.Session.User);
        while (true)
        {
            var mayAppear = MayBeOnItsWay(claim);
            var all = await platform.ListVolumesAsync(claim, template.App, cancellationToken);
            if (!all.IsOk)
            {
                return (null, all.Failure);
            }

            var found = all.Value.Where(volume => volume.Name == name && volume.Usable)
                .OrderByDescending(volume => volume.AttachedMachine is not null).ThenByDescending(volume => volume.BytesUsed).ThenBy(volume => volume.CreatedAt).ThenBy(volume => volume.Id.Value, StringComparer.Ordinal)
                .FirstOrDefault();
            if (found is not null || !mayAppear)
            {
                return (found, null);
            }

            await claim.PauseAsync(LookEvery, cancellationToken);
        }
    }

    private bool MayBeOnItsWay(ProvisioningClaim claim)
    {
        // A failover may have lost the user's whole session, with what another replica had just asked for.
        if (feed.SinceFailover < AfterFailover)
        {
            return true;
        }

        if (claim.Session.VolumeAskedAt is not null && claim.SinceVolumeAsked < WorkspaceNames.AnswerLimit)
        {
            return true;
        }

        if (_asked.TryGetValue(claim.Session.User, out var asked) && time.GetElapsedTime(asked) < WorkspaceNames.AnswerLimit)
        {
            return true;
        }

        _asked.TryRemove(claim.Session.User, out _);
        return false;
    }

    private async Task<(Volume?, BuildResult?)> MakeAsync(ProvisioningClaim claim, WorkspaceOverride? own, string? near, CancellationToken cancellationToken)
    {
        MachinesFailure? last = null, quota = null;
        foreach (var region in template.RegionsFor(own, near))
        {
            for (var attempt = 1; attempt <= Tries; attempt++)
            {
                await AskAsync(claim, cancellationToken);
                // Redis failed over since the look, so somebody else may have had the record in between.
                while (feed.SinceFailover < AfterFailover)
                {
                    if (await LookAgainAsync(claim, cancellationToken) is var instead && instead != default)
                    {
                        return instead;
                    }

                    await AskAsync(claim, cancellationToken);
                }

                var made = await platform.CreateVolumeAsync(claim, template.App, template.Volume(claim.Session.User, region, own), cancellationToken);
                if (made.IsOk)
                {
                    return (await KeepAsync(claim, made.Value, cancellationToken), null);
                }

                last = made.Failure;
                if (last.Kind is not MachinesFailureKind.Ambiguous)
                {
                    _asked.TryRemove(claim.Session.User, out _);
                    break;
                }

                // It may have waited long for its turn, and have been sent until now.
                await AskAsync(claim, cancellationToken);
                if (await LookAgainAsync(claim, cancellationToken) is var again && again != default)
                {
                    return again;
                }
            }

            quota ??= last!.Kind is MachinesFailureKind.QuotaExceeded ? last : null;
            if (last!.Kind is not (MachinesFailureKind.RegionFull or MachinesFailureKind.HostFull or MachinesFailureKind.QuotaExceeded))
            {
                return (null, BuildResult.Refused(last));
            }
        }

        // Of quota and room, the quota is what somebody can do something about.
        return (null, BuildResult.Refused(quota ?? last!));
    }

    private async Task AskAsync(ProvisioningClaim claim, CancellationToken cancellationToken)
    {
        await claim.AskVolumeAsync(cancellationToken);
        _asked[claim.Session.User] = time.GetTimestamp();
    }

    /// <summary>Neither: there is no volume, and none is on its way any more.</summary>
    private async Task<(Volume?, BuildResult?)> LookAgainAsync(ProvisioningClaim claim, CancellationToken cancellationToken)
    {
        var (found, failure) = await FindAsync(claim, cancellationToken);
        // Not looked, not asked again: the record says that a volume may be on its way.
        return failure is not null ? (null, BuildResult.Refused(failure)) : found is not null ? (await KeepAsync(claim, found, cancellationToken), null) : default;
    }

    private async Task<Volume> KeepAsync(ProvisioningClaim claim, Volume volume, CancellationToken cancellationToken)
    {
        _asked.TryRemove(claim.Session.User, out _);
        await claim.SaveAsync(session => session with { Volume = volume.Id, VolumeGb = volume.SizeGb, Region = volume.Region, VolumeAskedAt = null }, cancellationToken);
        return volume;
    }
}
