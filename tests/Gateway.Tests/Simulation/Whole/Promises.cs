using Gateway.Machines;
using Gateway.Sessions;
using Gateway.Waking;
using Microsoft.AspNetCore.Http;

namespace Gateway.Tests.Simulation.Whole;

/// <summary>
/// The invariants of the design's section 5, each held against what truly happened at the moment it could be broken. 3, 4 and 8 are asked for only
/// where the design promises them: not while Redis loses what it acknowledged, nor when a clock was moved.
/// </summary>
internal sealed class Promises(WholeSystem system)
{
    /// <summary>How long after a loss or a jump the promises that depend on it count again.</summary>
    private static readonly TimeSpan Recovery = TimeSpan.FromSeconds(90);

    private static readonly TimeSpan HoldMargin = TimeSpan.FromSeconds(30);

    private readonly HashSet<string> _answeredProbe = [];
    private readonly HashSet<string> _answeredAt = [];
    private readonly HashSet<(string Gateway, MachineId Machine, long Boot)> _answeredTo = [];
    private readonly Dictionary<MachineId, HashSet<long>> _lives = [];
    private readonly Dictionary<(MachineId Machine, long Boot), long> _livesOver = [];
    private readonly Dictionary<string, List<GatewayProcess>> _starting = [];
    private readonly Dictionary<string, long> _leasesBegan = [];
    private long _mapLostAt = long.MinValue / 2;

    /// <summary>Told of each machine whose stop is being decided.</summary>
    public Action<MachineId> Draining { get; set; } = static _ => { };

    /// <summary>What was broken, in words, or null.</summary>
    public string? Broken { get; private set; }

    /// <summary>When Redis last failed to answer somebody, in the world's ticks.</summary>
    public long MapTroubledAt { get; set; } = long.MinValue / 2;

    private SeededWorld World => system.World;

    private Tally Tally => system.Tally;

    private bool MapKept => Since(_mapLostAt) > Recovery;

    private bool ClocksRight => system.Gateways.All(gateway => gateway.Time.Skew == TimeSpan.Zero && Since(gateway.ClockMovedAt) > Recovery);

    public void Break(int invariant, string what)
    {
        if (Broken is null && !World.IsOver)
        {
            Broken = $"invariant {invariant} at {TimeSpan.FromTicks(World.Now):hh\\:mm\\:ss\\.fffffff}: {what}";
            World.Reader?.Invoke(Broken);
            World.IsOver = true;
        }
    }

    public void MapLost(bool everything)
    {
        _mapLostAt = World.Now;
        World.Note("redis", everything ? "flushed" : "failed over");
    }

    public void LeaseBegan(string replica) => _leasesBegan[replica] = World.Now;

    /// <summary>5: whoever is held is told something, in time.</summary>
    public void Began(ClientRequest request, GatewayProcess gateway) => ExpectEnd(request, gateway, request.StartedAt);

    /// <summary>2, the half of the request path.</summary>
    public void Forwarding(ClientRequest request, string authority)
    {
        if (!_answeredProbe.Contains(authority))
        {
            Break(2, $"{request} goes to {authority}, which never answered a probe");
        }
    }

    public void Probed(ProbeTarget target, MachineId machine, string gateway)
    {
        // A map that forgot a sleep and the wake after it believes in the life before them.
        if (_livesOver.TryGetValue((target.Machine, target.Boot), out var ended) && ended > _mapLostAt && !IsAhead(target.Boot))
        {
            Break(2, $"{target.Machine} answers {gateway} in boot {target.Boot}, which it slept after");
        }

        _lives.TryAdd(target.Machine, []);
        _lives[target.Machine].Add(target.Boot);
        _answeredTo.Add((gateway, target.Machine, target.Boot));
        _answeredProbe.Add($"{target.Machine.Value}-{target.Boot}");
        _answeredAt.Add($"{target.Machine.Value}-{target.Boot}-{target.Address}");
        if (machine != target.Machine)
        {
            Break(2, $"{machine} answered for {target.Machine} at {target.Address}");
        }
    }

    /// <summary>1, and that no unsafe request is carried out twice.</summary>
    public void Arrived(Work work, string machineName)
    {
        var request = work.Request;
        if (!system.IsOf(request.User, machineName))
        {
            Break(1, $"{request} reached {work.Machine}, which is {machineName}");
        }

        if (request.Arrivals > 1 && request.IsUnsafe)
        {
            Break(1, $"{request} arrived {request.Arrivals} times");
        }
    }

    public void Answered(ClientRequest request, HttpContext context, int status)
    {
        Tally.Count($"answer: {status}");
        World.Note("answer", status == 503 ? $"{request} 503 {context.Response.Headers["Gateway-State"]}, again in {context.Response.Headers.RetryAfter}" : $"{request} {status}");
        if (status is not (200 or 499 or 502 or 503 or 504) || (status == 503 && context.Response.Headers["Gateway-State"].Count == 0))
        {
            Break(5, $"{request} was answered {status} without an explanation");
        }

        if (status == 200 && request.Arrivals == 0)
        {
            Break(1, $"{request} was answered by nobody");
        }
    }

    /// <summary>8, and what the protocol of stopping and waking says about who may write what.</summary>
    public void MachineWritten(MachineRecord? before, MachineRecord after, string writer, SimulatedVisitStore visits)
    {
        Tally.Count($"machine: {before?.State.ToString() ?? "none"} > {after.State}");
        World.Note("machine", $"{after.Machine} {before?.State} > {after.State} boot {after.Boot} by {writer}");
        if (before is { Lease: { } lease, State: not MachineRecordState.Draining } && lease.Owner != writer && lease.Until > World.UtcNow + TimeSpan.FromSeconds(1) && MapKept && ClocksRight)
        {
            Break(8, $"{writer} wrote {after.Machine} {before.State} > {after.State} while {lease.Owner} held it");
        }

        if (after.Boot != (before?.Boot ?? 0) && ClocksRight && !IsAhead(after.Boot) && HasLived(after.Machine, after.Boot))
        {
            Break(2, $"{writer} gives {after.Machine} the boot {after.Boot}, which it had before");
        }

        if (after is { State: MachineRecordState.Awake, Address: { } address } && !_answeredAt.Contains($"{after.Machine.Value}-{after.Boot}-{address}"))
        {
            Break(2, $"{writer} says that {after.Machine} is awake in boot {after.Boot} at {address}, where nobody answered");
        }

        if (after.State is MachineRecordState.Awake && before is { State: MachineRecordState.Draining })
        {
            system.Awake.WonBack(after.Machine);
        }

        if (after.State is MachineRecordState.Draining)
        {
            system.Awake.Draining(after.Machine);
            Draining(after.Machine);
        }

        if (after.State is MachineRecordState.Stopping && before?.State is not MachineRecordState.Stopping && MapKept)
        {
            ExpectConsents(before, after, writer, visits);
        }
    }

    public void SessionWritten(Session? before, MapWrite<Session> write, string writer)
    {
        if (!write.Won)
        {
            Tally.Count("session: write refused");
            return;
        }

        var after = write.Current!;
        Tally.Count($"session: {before?.State.ToString() ?? "none"} > {after.State}");
        World.Note("session", $"{after.User} {before?.State} > {after.State} {after.Machine} by {writer}");
        if (after.Machine is { } machine && !system.IsOf(after.User, system.Machines.NameOf(machine)))
        {
            Break(1, $"{writer} gave {after.User} the machine {machine}, which is {system.Machines.NameOf(machine)}");
        }

        if (before is { State: SessionState.Provisioning, Lease: { } lease } && !lease.Owner.StartsWith(writer + "/", StringComparison.Ordinal)
            && lease.Until > World.UtcNow + TimeSpan.FromSeconds(1) && MapKept && ClocksRight)
        {
            Break(8, $"{writer} wrote the session of {after.User} while {lease.Owner} held it");
        }
    }

    public void Asking(string action, string target, GatewayProcess gateway)
    {
        if (action != "start")
        {
            return;
        }

        var others = _starting.TryGetValue(target, out var starting) ? starting : _starting[target] = [];
        if (others.Any(IsUntroubled) && IsUntroubled(gateway) && MapKept && ClocksRight && Since(MapTroubledAt) > Recovery + system.Options.Waking.WakeLimit)
        {
            // A wake that was begun alone, without the map, goes on alone for as long as a wake may last.
            Break(3, $"{gateway.Name} starts {target} while {others[0].Name} does");
        }

        others.Add(gateway);
    }

    public void Asked(string action, string target, GatewayProcess gateway)
    {
        if (action == "start")
        {
            _starting[target].Remove(gateway);
        }
    }

    /// <summary>The platform did it, whoever learns of that.</summary>
    public void CarriedOut(string action, string target)
    {
        switch (action)
        {
            case "stop" or "suspend":
                Stopped(new MachineId(target), action);
                break;
            case "create":
                ExpectOne("machine", system.Machines.Machines.Count(machine => machine.Name.StartsWith(WholeSystem.BaseName(target), StringComparison.Ordinal)), target);
                break;
            case "volumes.create":
                ExpectOne("volume", system.Machines.Volumes.Count(volume => volume.Name == target && volume.Usable), target);
                break;
            case "destroy" or "volumes.destroy":
                Break(6, $"{target} was destroyed by a gateway");
                break;
        }
    }

    /// <summary>Numbers are told by clocks. A number in the future is that of one that was ahead, and until it is past what a map forgets can be given again.</summary>
    private bool IsAhead(long boot) => boot > World.UtcNow.ToUnixTimeMilliseconds();

    private bool HasLived(MachineId machine, long boot) =>
        _livesOver.ContainsKey((machine, boot)) || (_lives.TryGetValue(machine, out var lives) && lives.Contains(boot));

    /// <summary>4: nobody is on it.</summary>
    private void Stopped(MachineId machine, string how)
    {
        if (system.Machines.Find(machine) is not { State: PlatformState.Stopping or PlatformState.Suspending })
        {
            return;
        }

        Tally.Count("machine put to sleep: " + how);
        if (_lives.Remove(machine, out var lived))
        {
            foreach (var boot in lived)
            {
                _livesOver[(machine, boot)] = World.Now;
            }
        }

        World.Note("platform", $"{how} {machine}");
        if (MapKept)
        {
            foreach (var work in system.Workspaces.Open)
            {
                if (work.Machine == machine && StandsAgainst(work))
                {
                    Break(4, $"{machine} is put to sleep while {work.Request} is on it through {work.Gateway.Name}, data {Since(work.LastData)} ago");
                }
            }

            // Or it is ended by whoever wakes it, because it never answered them in this boot. To somebody else it may have, who could not write that down.
            if (ClocksRight && system.Redis.Map.Find(machine) is { State: not (MachineRecordState.Stopping or MachineRecordState.Updating) } record
                && (record.State is not MachineRecordState.Waking || _answeredTo.Contains((record.Lease?.Owner ?? "", machine, record.Boot))))
            {
                Break(4, $"{machine} is put to sleep while its record says {record.State}");
            }
        }

        system.Workspaces.Cut(machine);
    }

    // Since before the stop was decided on: who was away for longer than a lease and is back is not waited for by what is under way.
    private bool HasLease(GatewayProcess gateway, SimulatedVisitStore visits) =>
        visits.Replicas.TryGetValue(gateway.Name, out var until) && until > World.UtcNow
        && _leasesBegan.TryGetValue(gateway.Name, out var began) && Since(began) > Recovery;

    private bool StandsAgainst(Work work) =>
        HasLease(work.Gateway, system.Redis.Visits) && work.Request is not { IsStream: true, IsBackground: true } && (!(work.Request.IsSocket || work.Request.IsStream)
        || Since(work.LastData) < system.Options.Idling.AttachedFor - TimeSpan.FromSeconds(5));

    private void ExpectConsents(MachineRecord? before, MachineRecord after, string writer, SimulatedVisitStore visits)
    {
        if (before is { State: MachineRecordState.Waking, Lease: { } lease } && lease.Owner == writer && after.Lease is null)
        {
            // A wake that could not shut out whoever was stopping it gives that back. Whoever goes on with it stops nothing.
            return;
        }

        if (before is { State: MachineRecordState.Asleep, Suspended: true })
        {
            // Stopped in its sleep, where there is nobody to ask; that nobody is on it is looked at when the platform carries it out.
            return;
        }

        if (before is not { State: MachineRecordState.Draining })
        {
            Break(4, $"{writer} stops {before?.Machine} from {before?.State}");
            return;
        }

        var consents = visits.Consents.GetValueOrDefault((before.Machine, before.Epoch), []);
        foreach (var gateway in system.Gateways)
        {
            // One that has just come may have registered after the others were counted.
            if (HasLease(gateway, visits) && !consents.Contains(gateway.Name) && Since(gateway.StartedAt) > Recovery && Since(MapTroubledAt) > Recovery)
            {
                Break(4, $"{writer} stops {before.Machine} without the consent of {gateway.Name}");
            }
        }
    }

    private void ExpectOne(string what, int count, string name)
    {
        if (count > 1)
        {
            Break(6, $"{count} {what}s are named {name}");
        }
    }

    private void ExpectEnd(ClientRequest request, GatewayProcess gateway, long since) =>
        World.After(system.Options.Waking.HoldLimit + HoldMargin, () =>
        {
            if (request.Status is not null || request.Work is not null)
            {
                return;
            }

            if (!gateway.Context.IsRunning || gateway.TroubledAt >= since)
            {
                ExpectEnd(request, gateway, World.Now);
                return;
            }

            Break(5, $"{request} is held by {gateway.Name} since {TimeSpan.FromTicks(request.StartedAt):hh\\:mm\\:ss}");
        });

    private bool IsUntroubled(GatewayProcess gateway) => gateway.Context.IsRunning && Since(gateway.TroubledAt) > Recovery;

    private TimeSpan Since(long at) => TimeSpan.FromTicks(World.Now - at);
}
