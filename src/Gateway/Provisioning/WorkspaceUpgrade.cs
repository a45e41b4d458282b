using Gateway.Machines;
using Gateway.Sessions;

namespace Gateway.Provisioning;

/// <summary>
/// Brings a sleeping machine to the image and size that its user should have, and back when the new one does not boot. Whoever wakes a machine asks here
/// first; one that is in use is left alone. Between any two steps another replica can go on with it: what is wanted is in the template, what is there is on
/// the platform, and what was there before is in the record.
/// </summary>
internal sealed partial class WorkspaceUpgrade(
    ISessionMap map,
    IMachines machines,
    MachineReplacement replacement,
    WorkspaceTemplate template,
    WorkspaceNames names,
    WorkspaceOverrides overrides,
    TemplateInForce inForce,
    Replica replica,
    TimeProvider time,
    ProvisioningMetrics metrics,
    ILogger<WorkspaceUpgrade> logger)
{
    private static readonly TimeSpan FirstPause = TimeSpan.FromMinutes(10);
    private static readonly TimeSpan LongestPause = TimeSpan.FromDays(1);

    /// <summary>Before a wake. True: the record changed, and is to be read again. Costs one read of the map when there is nothing to do.</summary>
    public async Task<bool> PrepareAsync(MachineRecord record, UserId? user, CancellationToken cancellationToken)
    {
        if (record.App != template.App || (user is { } known && IsSettled(record, template.SpecFor(await overrides.FindAsync(known, cancellationToken)))))
        {
            return false;
        }

        return (await RunAsync(record, insist: false, cancellationToken)).RecordChanged;
    }

    /// <summary>What is to be done about the machine, done. <paramref name="insist"/>: an earlier failure is no reason to wait.</summary>
    public async Task<UpgradeOutcome> RunAsync(MachineRecord record, bool insist, CancellationToken cancellationToken)
    {
        if (record.State is not (MachineRecordState.Asleep or MachineRecordState.Failed or MachineRecordState.Updating) || IsHeld(record))
        {
            return new(UpgradeResult.Later, "The machine is in use, or something is being done to it: it is upgraded at its next sleep or wake.");
        }

        if (record.App != template.App)
        {
            return NotOurs;
        }

        var read = await machines.GetAsync(record.App, record.Machine, cancellationToken);
        if (!read.IsOk || read.Value is { HostUnreachable: true } or { Config: null })
        {
            return new(UpgradeResult.Unavailable, "The platform does not say how the machine is.");
        }

        var machine = read.Value;
        if (OwnerOf(names, record.App, machine) is not { } owner)
        {
            return NotOurs;
        }

        var back = record.GoesBackTo;
        if (back is null && !await inForce.IsOursAsync(cancellationToken))
        {
            return new(UpgradeResult.OtherTemplate, "A gateway with another template started later; machines are upgraded to that one's.");
        }

        var wanted = back ?? template.SpecFor(await overrides.FindAsync(owner, cancellationToken));
        if (!insist && back is null && IsPaused(record, wanted))
        {
            return new(UpgradeResult.Paused, "The last attempt failed: " + record.Make!.Failed!.Failure.Detail, wanted);
        }

        return WorkspaceTemplate.SpecOf(machine.Config) == wanted && record.State is not MachineRecordState.Updating && back is null
            ? await SeeAsync(record, wanted, cancellationToken)
            : await UpgradeAsync(record, machine, wanted, back is not null, cancellationToken);
    }

    /// <summary>Whose machine it is by its name, which cannot be changed; null: it was not made for one user.</summary>
    public static UserId? OwnerOf(WorkspaceNames names, string app, Machine machine)
    {
        foreach (var user in names.UsersOf(app, machine.Name, machine.Metadata, out _))
        {
            var name = names.MachineName(user);
            if (machine.Name == name || machine.Name.StartsWith(name + "-", StringComparison.Ordinal))
            {
                return user;
            }
        }

        return null;
    }

    private static UpgradeOutcome NotOurs => new(UpgradeResult.NotOurs, "The machine was not made by the gateway; it is upgraded by whoever made it.");

    private bool IsSettled(MachineRecord record, MachineSpec wanted) =>
        record.State is not MachineRecordState.Updating && record.GoesBackTo is null && (record.Make?.Spec == wanted || IsPaused(record, wanted));

    private bool IsPaused(MachineRecord record, MachineSpec wanted) =>
        record.State is not MachineRecordState.Updating && record.Make?.Failed is { } failed && failed.Wanted == wanted && failed.Failure.Until > time.GetUtcNow();

    private bool IsHeld(MachineRecord record) => record.Lease is { } lease && lease.Until > time.GetUtcNow();

    private async Task<UpgradeOutcome> SeeAsync(MachineRecord record, MachineSpec seen, CancellationToken cancellationToken)
    {
        if (record.Make?.Spec == seen)
        {
            return new(UpgradeResult.Current, "It has the image and the size that it should have.", seen);
        }

        await map.WriteAsync(record with { Make = (record.Make ?? new MachineMake(seen)) with { Spec = seen, OnTrial = false, Failed = null } }, cancellationToken);
        return new(UpgradeResult.Seen, "It has the image and the size that it should have.", seen);
    }

    private async Task<UpgradeOutcome> UpgradeAsync(MachineRecord record, Machine machine, MachineSpec wanted, bool goesBack, CancellationToken cancellationToken)
    {
        if (!goesBack && machine.State is (PlatformState.Starting or PlatformState.Started))
        {
            return new(UpgradeResult.Later, "The machine runs although nobody woke it; it is not interrupted.", wanted);
        }

        var before = record.Make?.Spec ?? WorkspaceTemplate.SpecOf(machine.Config) ?? wanted;
        var updating = record with { State = MachineRecordState.Updating, Address = null, ChangedAt = time.GetUtcNow(), Make = record.Make ?? new MachineMake(before) };
        await using var claim = await RecordClaim.TakeAsync(map, updating, replica, time, cancellationToken);
        if (claim is null)
        {
            return new(UpgradeResult.TakenOver, "Somebody else was first.", wanted);
        }

        using var either = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken, claim.Lost);
        ReplacementOutcome replaced;
        try
        {
            replaced = await replacement.RunAsync(record.App, record.Machine, wanted, evenIfStarted: goesBack, either.Token);
        }
        catch (OperationCanceledException) when (claim.Lost.IsCancellationRequested && !cancellationToken.IsCancellationRequested)
        {
            return new(UpgradeResult.TakenOver, "Another replica went on with it.", wanted);
        }

        return await WriteDownAsync(claim, replaced, before, wanted, goesBack, cancellationToken);
    }

    private async Task<UpgradeOutcome> WriteDownAsync(RecordClaim claim, ReplacementOutcome replaced, MachineSpec before, MachineSpec wanted, bool goesBack, CancellationToken cancellationToken)
    {
        var make = claim.Record.Make!;
        var next = claim.Record with { State = replaced.Gone ? MachineRecordState.Gone : MachineRecordState.Asleep, Suspended = false };
        next = (replaced.Done, goesBack) switch
        {
            (true, true) => next with { Failure = null, Make = new MachineMake(wanted, make.Previous, OnTrial: false, Failed(make, make.Spec, claim.Record.Failure?.Reason ?? "", "It did not boot with the new image or size.")) },
            (true, false) => next with { Failure = null, Make = before == wanted ? make with { Spec = wanted, Failed = null } : new MachineMake(wanted, before, OnTrial: true) },
            // Whether it was done after all is seen when the pause is over, or by the operator who insists.
            _ when replaced.Reason is "in_use" => next,
            _ => next with { Make = make with { OnTrial = make.OnTrial && goesBack, Failed = Failed(make, wanted, replaced.Reason, replaced.Detail) } },
        };
        if (!await claim.EndAsync(next, cancellationToken))
        {
            return new(UpgradeResult.TakenOver, "Another replica went on with it.", wanted);
        }

        metrics.Upgraded(replaced.Done ? goesBack ? "went_back" : "upgraded" : "refused");
        if (!replaced.Done)
        {
            Log.Refused(logger, claim.Record.Machine, replaced.Reason, replaced.Detail);
            return new(UpgradeResult.Refused, replaced.Detail, wanted);
        }

        Log.Upgraded(logger, claim.Record.Machine, before.Image, wanted.Image, goesBack);
        return goesBack
            ? new(UpgradeResult.WentBack, "The new image or size did not boot; the machine has its earlier one again.", wanted)
            : new(UpgradeResult.Upgraded, "It has the new image and size from its next boot on.", wanted);
    }

    private FailedUpgrade Failed(MachineMake make, MachineSpec wanted, string reason, string detail)
    {
        var times = make.Failed?.Wanted == wanted ? make.Failed.Failure.Times + 1 : 1;
        var pause = FirstPause * Math.Pow(2, Math.Min(times - 1, 10));
        return new FailedUpgrade(wanted, new RecordFailure(reason, detail, times, time.GetUtcNow() + (pause < LongestPause ? pause : LongestPause)));
    }

    private static partial class Log
    {
        [LoggerMessage(7020, LogLevel.Information, "Machine {Machine} was upgraded from {Before} to {After} (back to an earlier one: {GoesBack})", EventName = "MachineUpgraded")]
        public static partial void Upgraded(ILogger logger, MachineId machine, string before, string after, bool goesBack);

        [LoggerMessage(7021, LogLevel.Warning, "Machine {Machine} could not be upgraded ({Reason}): {Detail}; it is as it was", EventName = "UpgradeRefused")]
        public static partial void Refused(ILogger logger, MachineId machine, string reason, string detail);
    }
}
