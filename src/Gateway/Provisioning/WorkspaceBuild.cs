using System.Globalization;
using Gateway.Machines;
using Gateway.Sessions;

namespace Gateway.Provisioning;

/// <summary>
/// Finishes a user's workspace from whatever is there: finds or makes the volume, then the machine. Every id is saved before anything else is waited
/// for, and nothing is asked for twice without looking for it first, so that it can be broken off between any two steps and gone on with by another replica.
/// </summary>
internal sealed class WorkspaceBuild(WorkspacePlatform platform, WorkspaceTemplate template, WorkspaceNames names, WorkspaceVolume volumes, WorkspaceOverrides overrides)
{
    private static readonly TimeSpan Pause = TimeSpan.FromSeconds(1);
    private const int Tries = 5;

    /// <summary>Null: the session's machine is gone for certain. Otherwise it is there, or nobody can tell.</summary>
    public async Task<BuildResult?> FindLostAsync(MachineId machine, CancellationToken cancellationToken) =>
        await platform.PeekAsync(template.App, machine, cancellationToken) switch
        {
            { Failure.Kind: MachinesFailureKind.NotFound } or { Value.State: PlatformState.Destroyed } => null,
            { Value: { } there } => BuildResult.Ready(there),
            var failed => BuildResult.Refused(failed.Failure!),
        };

    public async Task<BuildResult> FinishAsync(ProvisioningClaim claim, string? near, CancellationToken cancellationToken)
    {
        if (claim.Session.Machine is { } saved)
        {
            // Its id is in the record because we made it or proved it, so no proof is asked for again.
            var known = await LookAsync(claim, saved, proven: true, cancellationToken);
            if (known is not null)
            {
                return known;
            }
        }

        var own = await overrides.FindAsync(claim.Session.User, cancellationToken);
        var (volume, instead) = await volumes.EnsureAsync(claim, own, near, cancellationToken);
        return volume is null ? instead! : await MachineAsync(claim, volume, own, cancellationToken);
    }

    private async Task<BuildResult> MachineAsync(ProvisioningClaim claim, Volume volume, WorkspaceOverride? own, CancellationToken cancellationToken)
    {
        if (volume.AttachedMachine is { } attached && await LookAsync(claim, attached, proven: false, cancellationToken) is { } known)
        {
            return known;
        }

        var copy = 0;
        for (var attempt = 1; ; attempt++)
        {
            var wanted = template.Machine(claim.Session.User, volume, copy, own);
            var made = await platform.CreateAsync(claim, template.App, wanted, cancellationToken);
            if (made.IsOk)
            {
                return BuildResult.Ready(made.Value);
            }

            var failure = made.Failure;
            switch (failure.Kind)
            {
                case MachinesFailureKind.NameTaken or MachinesFailureKind.VolumeClaimed when failure.Other is { } other:
                    if (other != claim.Session.Replaced && await LookAsync(claim, other, proven: false, cancellationToken) is { } theirs)
                    {
                        return theirs;
                    }

                    // Gone, but its name or its claim of the volume lingers: a name can be passed by, a claim has to be waited out.
                    copy += failure.Kind is MachinesFailureKind.NameTaken ? 1 : 0;
                    break;
                case MachinesFailureKind.Ambiguous or MachinesFailureKind.NameTaken:
                    if (await FindMachineAsync(claim, wanted.Name, cancellationToken) is { } found)
                    {
                        return found;
                    }

                    break;
                case MachinesFailureKind.Invalid:
                    return await ExplainInvalidAsync(claim, volume, failure, cancellationToken);
                default:
                    return BuildResult.Refused(failure);
            }

            if (attempt == Tries)
            {
                return BuildResult.Refused(failure);
            }

            if (failure.Kind is not MachinesFailureKind.NameTaken)
            {
                await claim.PauseAsync(attempt * Pause, cancellationToken);
            }
        }
    }

    /// <summary>Null: the machine is gone. A machine that is there is the user's only if its metadata proves it.</summary>
    private async Task<BuildResult?> LookAsync(ProvisioningClaim claim, MachineId id, bool proven, CancellationToken cancellationToken)
    {
        var got = await platform.GetAsync(claim, template.App, id, cancellationToken);
        return got switch
        {
            { Failure.Kind: MachinesFailureKind.NotFound } => null,
            { Failure: { } failure } => BuildResult.Refused(failure),
            { Value.State: PlatformState.Destroyed } => null,
            { Value: { } machine } => proven ? BuildResult.Ready(machine) : Adopt(claim.Session.User, machine),
            _ => null,
        };
    }

    private BuildResult Adopt(UserId user, Machine machine) =>
        machine.Config is null
            ? BuildResult.Refused(ProvisionRefusal.PlatformUnavailable, "host_unreachable", "The host of the user's machine does not answer.")
            : names.IsOf(user, template.App, machine.Name, machine.Metadata)
                ? BuildResult.Ready(machine)
                : BuildResult.Refused(ProvisionRefusal.Failed, "machine_not_proven", string.Create(CultureInfo.InvariantCulture, $"Machine {machine.Id} stands where the user's should, without proof that it is theirs: an operator has to look."));

    private async Task<BuildResult?> FindMachineAsync(ProvisioningClaim claim, string name, CancellationToken cancellationToken)
    {
        var user = claim.Session.User;
        var proof = names.Metadata(template.App, name, user);
        string? cursor = null;
        do
        {
            var page = await platform.ListAsync(claim, template.App, proof, cursor, cancellationToken);
            if (!page.IsOk)
            {
                // A repeated create finds out as well: the name is taken then.
                return null;
            }

            var found = page.Value.Machines.FirstOrDefault(machine => machine.Name == name && machine.State is not PlatformState.Destroyed);
            if (found is not null)
            {
                return Adopt(user, found);
            }

            cursor = page.Value.Next;
        }
        while (cursor is not null);
        return null;
    }

    // "volume not found" of a volume in its soft deletion reads like any other bad request.
    private async Task<BuildResult> ExplainInvalidAsync(ProvisioningClaim claim, Volume volume, MachinesFailure failure, CancellationToken cancellationToken)
    {
        var (still, instead) = await volumes.ReadAsync(claim, volume.Id, cancellationToken);
        return still is null ? instead! : BuildResult.Refused(failure);
    }
}
