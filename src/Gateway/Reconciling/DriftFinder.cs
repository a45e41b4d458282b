using System.Globalization;
using System.Text.Json;
using Gateway.Machines;
using Gateway.Sessions;
using Microsoft.Extensions.Options;

namespace Gateway.Reconciling;

/// <summary>Compares the map with the platform. Changes nothing, asks nobody.</summary>
internal sealed class DriftFinder(WorkspaceNames names, IOptions<ReconcilingOptions> options, TimeProvider time)
{
    /// <summary>A step that nobody works on any more, and that nobody's next request has to find: longer than any lease.</summary>
    private static readonly TimeSpan Stuck = TimeSpan.FromMinutes(2);

    /// <summary>How long the platform may be on its way.</summary>
    private static readonly TimeSpan PlatformStuck = TimeSpan.FromMinutes(10);

    public List<Drift> Find(Findings findings)
    {
        var drifts = new List<Drift>();
        var byMachine = findings.Sessions.Where(session => session.Machine is not null).ToLookup(session => session.Machine!.Value);
        var byUser = findings.Sessions.ToDictionary(session => session.User);
        var proven = new List<(UserId User, string App, Machine Machine)>();
        foreach (var (app, machine) in findings.Machines.Where(found => found.Machine.State is not PlatformState.Destroyed))
        {
            var users = names.UsersOf(app, machine.Name, machine.Metadata, out var forged);
            if (forged)
            {
                drifts.Add(Forged(app, machine, users, isKnown: byMachine[machine.Id].Any()));
            }

            proven.AddRange(users.Select(user => (user, app, machine)));
            AddOfMachine(drifts, app, machine, users, byMachine, findings);
        }

        AddOfUsers(drifts, proven, byUser, byMachine, findings);
        AddOfSessions(drifts, findings);
        AddOfVolumes(drifts, findings);
        return drifts;
    }

    private static Drift Forged(string app, Machine machine, IReadOnlyList<UserId> users, bool isKnown) => Of(
        DriftKinds.ForgedMetadata, app, machine.Id.Value, users, "The machine's metadata claims a user without proof.",
        isKnown ? "The entries are written anew from the sessions of this machine." : "Nobody is given the machine; an operator looks where it comes from.",
        isKnown ? DriftRepairKind.Safe : DriftRepairKind.Operator);

    private void AddOfMachine(List<Drift> drifts, string app, Machine machine, IReadOnlyList<UserId> users, ILookup<MachineId, Session> byMachine, Findings findings)
    {
        var now = time.GetUtcNow();
        var id = machine.Id.Value;
        if (machine.State is PlatformState.Transient)
        {
            drifts.Add(Of(DriftKinds.UnknownState, app, id, users, "The platform names a state that the gateway does not know.", "It is read again at each wake; if it stays, a newer gateway may know it.", DriftRepairKind.Operator));
        }

        if (machine.State is PlatformState.Starting or PlatformState.Stopping or PlatformState.Suspending or PlatformState.Updating && machine.Events.Count > 0 && now - machine.Events.Max(e => e.At) > PlatformStuck)
        {
            drifts.Add(Of(DriftKinds.StuckTransition, app, id, users, $"The platform says {machine.State} for longer than {PlatformStuck}.", "An operator stops it by force, or asks Fly's support.", DriftRepairKind.Operator));
        }

        if (ServicesOf(machine) is { Count: > 0 } services)
        {
            drifts.Add(Of(DriftKinds.ServicesOnWorkspace, app, id, users, "The machine has services, which put it on the public internet past the gateway.", $"An operator removes them: fly machine update {id} --app {app} with no services.", DriftRepairKind.Operator));
            if (services.Any(StopsByItself))
            {
                drifts.Add(Of(DriftKinds.PlatformAutostop, app, id, users, "The platform stops the machine by itself, because it sees none of the gateway's traffic.", "An operator sets autostop off, or removes the services.", DriftRepairKind.Operator));
            }
        }

        if (byMachine[machine.Id].FirstOrDefault() is { } session && machine.Region.Length > 0 && session.Region is { } believed && believed != machine.Region)
        {
            drifts.Add(Of(DriftKinds.WrongRegion, app, id, [session.User], $"The map says {believed}, the machine is in {machine.Region}.", "The map is corrected.", DriftRepairKind.Safe));
        }

        if (machine.State is PlatformState.Started && byMachine[machine.Id].Any() && findings.Records.GetValueOrDefault(machine.Id) is { State: MachineRecordState.Asleep })
        {
            drifts.Add(Of(DriftKinds.ForeignStart, app, id, users, "The machine runs although the gateway did not wake it.", "After the grace it is put to sleep like any other that nobody uses.", DriftRepairKind.Safe));
        }
    }

    private static void AddOfUsers(List<Drift> drifts, List<(UserId User, string App, Machine Machine)> proven, Dictionary<UserId, Session> byUser, ILookup<MachineId, Session> byMachine, Findings findings)
    {
        if (!findings.AllSessions)
        {
            return;
        }

        foreach (var mine in proven.GroupBy(found => found.User))
        {
            var session = byUser.GetValueOrDefault(mine.Key);
            var kept = session?.Machine ?? mine.OrderByDescending(found => found.Machine.CreatedAt).ThenBy(found => found.Machine.Id.Value, StringComparer.Ordinal).First().Machine.Id;
            foreach (var (user, app, machine) in mine)
            {
                if (session is null && machine.Id == kept)
                {
                    drifts.Add(Of(DriftKinds.MachineWithoutSession, app, machine.Id.Value, [user], "The machine is provably the user's, who has no session.", "It becomes the user's session.", DriftRepairKind.Safe));
                }
                else if (machine.Id != kept && session is not { State: SessionState.Provisioning })
                {
                    // Given to others as well, it is not one too many.
                    var others = byMachine[machine.Id].Any();
                    drifts.Add(Of(DriftKinds.SecondMachine, app, machine.Id.Value, [user], $"The user's machine is {kept}; this one is provably theirs too.",
                        others ? "Other users have it; only the entry of this user is too much." : "It is destroyed; its volume stays.", others ? DriftRepairKind.Operator : DriftRepairKind.Destroys) with { Other = kept.Value });
                }
            }
        }

        var given = proven.Select(found => found.Machine.Id).ToHashSet();
        drifts.AddRange(findings.Machines.Where(found => found.Machine is { State: not PlatformState.Destroyed, Config: not null } && !given.Contains(found.Machine.Id) && !byMachine[found.Machine.Id].Any())
            .Select(found => Of(DriftKinds.MachineWithoutSession, found.App, found.Machine.Id.Value, [], "Nothing proves whose machine this is.", "It is left alone; an operator assigns or removes it.", DriftRepairKind.Operator)));
    }

    private void AddOfSessions(List<Drift> drifts, Findings findings)
    {
        var now = time.GetUtcNow();
        var there = findings.Machines.Where(found => found.Machine.State is not PlatformState.Destroyed).Select(found => found.Machine.Id).ToHashSet();
        foreach (var session in findings.Sessions.Where(session => session is { State: SessionState.Assigned, Machine: not null }))
        {
            var machine = session.Machine!.Value;
            if (findings.Complete.Contains(session.App) && !there.Contains(machine))
            {
                drifts.Add(Of(DriftKinds.SessionWithoutMachine, session.App, machine.Value, [session.User], "The session's machine does not exist.", "The record says so from then on, and the user's next request makes a machine on their volume.", DriftRepairKind.Safe));
            }
        }

        foreach (var record in findings.Records.Values.Where(record => record.State is MachineRecordState.Waking or MachineRecordState.Draining or MachineRecordState.Stopping or MachineRecordState.Updating))
        {
            if ((record.Lease?.Until ?? record.ChangedAt) + Stuck < now)
            {
                drifts.Add(Of(DriftKinds.StuckTransition, record.App, record.Machine.Value, [], $"The record is {record.State} and nobody works on it.", "It is written as the platform has the machine.", DriftRepairKind.Safe));
            }
        }
    }

    private void AddOfVolumes(List<Drift> drifts, Findings findings)
    {
        if (!findings.AllSessions)
        {
            return;
        }

        var users = findings.Sessions.Where(session => session.Volume is not null).ToLookup(session => session.Volume!.Value, session => session.User);
        drifts.AddRange(findings.Volumes.Where(found => found.Volume is { Usable: true, BytesTotal: > 0 } && users[found.Volume.Id].Any() && found.Volume.BytesUsed >= found.Volume.BytesTotal / 100.0 * options.Value.FullAtPercent)
            .Select(found => Filling(found.App, found.Volume, [.. users[found.Volume.Id]])));
        var assigned = findings.Sessions.Where(session => session is { State: SessionState.Assigned, Volume: not null }).ToLookup(session => session.Volume!.Value);
        drifts.AddRange(findings.Volumes.Select(found => (found.App, found.Volume, Wrong: assigned[found.Volume.Id].Where(session => session.VolumeGb is { } believed && believed != found.Volume.SizeGb).ToList()))
            .Where(found => found.Volume.Usable && found.Wrong.Count > 0)
            .Select(found => Of(DriftKinds.WrongVolumeSize, found.App, found.Volume.Id.Value, [.. found.Wrong.Select(session => session.User)],
                $"The volume has {found.Volume.SizeGb} GB, the map says {found.Wrong[0].VolumeGb}.", "The map is corrected, and the ledger counts by it.", DriftRepairKind.Safe)));
        var known = findings.Sessions.Select(session => session.Volume).OfType<VolumeId>().ToHashSet();
        drifts.AddRange(findings.Volumes.Where(found => found.Volume is { AttachedMachine: null, Usable: true } && !known.Contains(found.Volume.Id))
            .Select(found => Of(DriftKinds.OrphanVolume, found.App, found.Volume.Id.Value, [], $"Volume {found.Volume.Name} in {found.Volume.Region} belongs to no machine and no session.", "It is never destroyed by itself: an operator does that, or restores from it.", DriftRepairKind.Operator)));
    }

    private Drift Filling(string app, Volume volume, IReadOnlyList<UserId> users)
    {
        var grown = Math.Min(volume.SizeGb + options.Value.ExtendByGb, options.Value.ExtendLimitGb);
        var detail = $"{volume.BytesUsed / (volume.BytesTotal / 100.0):0} % of the volume's {volume.SizeGb} GB are used.";
        return grown > volume.SizeGb
            ? Of(DriftKinds.FillingVolume, app, volume.Id.Value, users, detail, $"It is extended to {grown} GB.", DriftRepairKind.Safe) with { Other = grown.ToString(CultureInfo.InvariantCulture) }
            : Of(DriftKinds.FillingVolume, app, volume.Id.Value, users, detail, "An operator extends it, or its user clears up.", DriftRepairKind.Operator);
    }

    private static List<JsonElement> ServicesOf(Machine machine) =>
        machine.Config?.Rest?.GetValueOrDefault("services") is { ValueKind: JsonValueKind.Array } services ? [.. services.EnumerateArray()] : [];

    private static bool StopsByItself(JsonElement service) =>
        service.ValueKind is JsonValueKind.Object && service.TryGetProperty("autostop", out var autostop)
        && (autostop.ValueKind is JsonValueKind.True || (autostop.ValueKind is JsonValueKind.String && autostop.GetString() is "stop" or "suspend"));

    private static Drift Of(string kind, string app, string subject, IReadOnlyList<UserId> users, string detail, string planned, DriftRepairKind repair) =>
        new(kind, app, subject, [.. users.Select(user => user.Value)], detail, planned, repair);
}
