using System.Globalization;
using Gateway.Sessions;

namespace Gateway.FunctionalTests.Agreement;

/// <summary>One replica's ends of a map.</summary>
internal sealed record MapEnds(string Name, ISessionMap Map, IVisitMap Visits);

/// <summary>
/// A seeded script of calls by two replicas, written down with what came back. What no two maps have alike, epochs and generations and the time of day, is
/// written down as what it is in relation to what was seen before.
/// </summary>
internal sealed class MapScript(int seed, IReadOnlyList<MapEnds> replicas, Func<Task> forgetAll)
{
    private static readonly DateTimeOffset Base = new(2040, 1, 1, 0, 0, 0, TimeSpan.Zero);
    private static readonly TimeSpan Long = TimeSpan.FromHours(5);

    /// <summary>Far longer than any of the maps takes to tell of a change.</summary>
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(20);

    private static readonly UserId[] Users = [new("alice"), new("bob"), new("bøb"), new("a|b"), new("")];
    private static readonly MachineId[] Machines = [new("d8d00000000001"), new("d8d00000000002"), new("d8d00000000003")];
    private static readonly SessionState[] SessionStates = [SessionState.Provisioning, SessionState.Assigned, SessionState.Failed];

    private static readonly MachineRecordState[] MachineStates =
    [
        MachineRecordState.Asleep, MachineRecordState.Waking, MachineRecordState.Awake, MachineRecordState.Draining, MachineRecordState.Stopping, MachineRecordState.Updating,
        MachineRecordState.Failed, MachineRecordState.Gone,
    ];

    private readonly Random _random = new(seed);
    private readonly List<string> _lines = [];
    private readonly List<string> _generations = [];
    private readonly Dictionary<(string Replica, UserId User), Session?> _sessions = [];
    private readonly Dictionary<(string Replica, MachineId Machine), MachineRecord?> _records = [];
    private long _lastEpoch;

    public async Task<IReadOnlyList<string>> RunAsync(int calls)
    {
        for (var call = 0; call < calls; call++)
        {
            var by = Pick(replicas);
            _lines.Add($"{by.Name} {await CallAsync(by)}");
        }

        return _lines;
    }

    private Task<string> CallAsync(MapEnds by) => _random.Next(100) switch
    {
        < 12 => WriteSessionAsync(by, Pick(Users)),
        < 30 => WriteMachineAsync(by, Pick(Machines)),
        < 38 => FindSessionAsync(by, Pick(Users)),
        < 44 => FindMachineAsync(by, Pick(Machines)),
        < 46 => WaitForMachineAsync(by, Pick(Machines)),
        < 48 => WaitForSessionAsync(by, Pick(Users)),
        < 50 => FindMachinesAsync(by),
        < 53 => PageAsync(by),
        < 56 => RemoveAsync(by, Pick(Users)),
        < 59 => GenerationAsync(by),
        < 62 => MarkListedAsync(by),
        < 66 => SayAsync("heartbeat", by.Visits.HeartbeatAsync(by.Name, Long, CancellationToken.None)),
        < 68 => SayAsync("goodbye", by.Visits.SayGoodbyeAsync(by.Name, CancellationToken.None)),
        < 74 => ReportAsync(by),
        < 77 => DueAsync(by),
        < 81 => DueAtAsync(by, Pick(Machines)),
        < 83 => ForgetDueAsync(by, Pick(Machines)),
        < 85 => ActivityAsync(by),
        < 87 => SuspendedAsync(by),
        < 88 => ForgetSuspendedAsync(by, Pick(Machines)),
        < 92 => ConsentAsync(by, Pick(Machines)),
        < 96 => QuestionAsync(by, Pick(Machines)),
        < 99 => DutyAsync(by),
        _ => ForgetAllAsync(),
    };

    /// <summary>On what this replica saw last, which may be old.</summary>
    private async Task<string> WriteSessionAsync(MapEnds by, UserId user)
    {
        var seen = _sessions.GetValueOrDefault((by.Name, user));
        var (state, machine) = (Pick(SessionStates), _random.Next(3) == 0 ? (MachineId?)null : Pick(Machines));
        var write = await by.Map.WriteAsync(
            (seen ?? new Session { User = user, State = state, App = "app" }) with { State = state, Machine = machine, Lease = _random.Next(2) == 0 ? null : new RecordLease(by.Name, Base), ChangedAt = Base }, CancellationToken.None);
        _sessions[(by.Name, user)] = write.Current;
        return $"writes session {user} {state} {machine}: {Outcome(write.Won, write.Current?.Epoch)} {Print(write.Current)}";
    }

    private async Task<string> WriteMachineAsync(MapEnds by, MachineId machine)
    {
        var seen = _records.GetValueOrDefault((by.Name, machine));
        var state = Pick(MachineStates);
        var write = await by.Map.WriteAsync(
            (seen ?? new MachineRecord { Machine = machine, App = "app", State = state }) with
            {
                State = state, Boot = (seen?.Boot ?? 0) + 1, Suspended = _random.Next(2) == 0, Address = state is MachineRecordState.Awake ? "fdaa::1" : null, Lease = new RecordLease(by.Name, Base), ChangedAt = Base,
            },
            CancellationToken.None);
        _records[(by.Name, machine)] = write.Current;
        return $"writes machine {machine} {state}: {Outcome(write.Won, write.Current?.Epoch)} {Print(write.Current)}";
    }

    private async Task<string> FindSessionAsync(MapEnds by, UserId user) =>
        $"finds session {user}: {Print(_sessions[(by.Name, user)] = await by.Map.FindSessionAsync(user, CancellationToken.None))}";

    private async Task<string> FindMachineAsync(MapEnds by, MachineId machine) =>
        $"finds machine {machine}: {Print(_records[(by.Name, machine)] = await by.Map.FindMachineAsync(machine, CancellationToken.None))}";

    /// <summary>Another replica, or the same, writes meanwhile, on what stands.</summary>
    private async Task<string> WaitForMachineAsync(MapEnds by, MachineId machine)
    {
        var writer = Pick(replicas);
        var stands = _records[(writer.Name, machine)] = await writer.Map.FindMachineAsync(machine, CancellationToken.None);
        var waiting = by.Map.WaitForChangeAsync(machine, stands?.Epoch ?? 0, Patience, CancellationToken.None);
        var written = await WriteMachineAsync(writer, machine);
        return $"waits while {writer.Name} {written}: {Print(_records[(by.Name, machine)] = await waiting)}";
    }

    private async Task<string> WaitForSessionAsync(MapEnds by, UserId user)
    {
        var writer = Pick(replicas);
        var stands = _sessions[(writer.Name, user)] = await writer.Map.FindSessionAsync(user, CancellationToken.None);
        var waiting = by.Map.WaitForChangeAsync(user, stands?.Epoch ?? 0, Patience, CancellationToken.None);
        var written = stands is not null && _random.Next(3) == 0 ? await RemoveAsync(writer, user) : await WriteSessionAsync(writer, user);
        return $"waits while {writer.Name} {written}: {Print(_sessions[(by.Name, user)] = await waiting)}";
    }

    private async Task<string> FindMachinesAsync(MapEnds by) =>
        $"finds machines: {string.Join("; ", (await by.Map.FindMachinesAsync([.. Machines, new MachineId("none")], CancellationToken.None)).Select(Print))}";

    private async Task<string> PageAsync(MapEnds by)
    {
        var (after, prefix, limit) = (_random.Next(3) == 0 ? Pick(Users).Value : null, _random.Next(3) == 0 ? "b" : null, _random.Next(1, 5));
        var page = await by.Map.PageAsync(after, prefix, limit, CancellationToken.None);
        return $"pages {limit} after {after} of {prefix}: {string.Join("; ", page.Sessions.Select(Print))}, next {page.Next}";
    }

    private async Task<string> RemoveAsync(MapEnds by, UserId user) =>
        _sessions.GetValueOrDefault((by.Name, user)) is { } seen ? $"removes session {user}: {await by.Map.RemoveAsync(seen, CancellationToken.None)}" : "removes nothing";

    private async Task<string> GenerationAsync(MapEnds by)
    {
        var generation = await by.Map.ReadGenerationAsync(CancellationToken.None);
        if (!_generations.Contains(generation.Id))
        {
            _generations.Add(generation.Id);
        }

        return $"reads generation {_generations.IndexOf(generation.Id)}: listed {generation.Listed}, old {generation.Since == DateTimeOffset.UnixEpoch}";
    }

    private async Task<string> MarkListedAsync(MapEnds by)
    {
        var (which, nothing) = (_random.Next(_generations.Count + 1) - 1, _random.Next(2) == 0);
        return $"marks generation {which} listed: {await by.Map.MarkListedAsync(which < 0 ? "unknown" : _generations[which], nothing, CancellationToken.None)}";
    }

    private async Task<string> ReportAsync(MapEnds by)
    {
        var reports = Machines.Where(_ => _random.Next(2) == 0).Select(machine => new IdleReport(machine, AnyMoment(), AnyMoment())).ToList();
        if (reports.Count > 0)
        {
            await by.Visits.ReportAsync(reports, CancellationToken.None);
        }

        return $"reports {string.Join("; ", reports.Select(static report => $"{report.Machine} {report.NotIdleBefore:t} {report.LastActivity:t}"))}";
    }

    private async Task<string> DueAsync(MapEnds by)
    {
        var until = AnyMoment();
        return $"reads due by {until:t}: {await InOrderAsync(by, await by.Visits.ReadDueAsync(until, 1_000, CancellationToken.None))}";
    }

    private async Task<string> DueAtAsync(MapEnds by, MachineId machine) => $"reads when {machine} is due: {Moment(await by.Visits.DueAtAsync(machine, CancellationToken.None))}";

    private async Task<string> ForgetDueAsync(MapEnds by, MachineId machine)
    {
        var dueBy = AnyMoment();
        await by.Visits.ForgetDueAsync(machine, dueBy, CancellationToken.None);
        return $"forgets {machine} due by {dueBy:t}";
    }

    private async Task<string> ActivityAsync(MapEnds by) =>
        $"reads activity: {string.Join("; ", (await by.Visits.LastActivityAsync([.. Machines, new MachineId("none")], CancellationToken.None)).Select(Moment))}";

    private async Task<string> SuspendedAsync(MapEnds by)
    {
        var since = _random.Next(2) == 0 ? Base : Base.AddYears(-20);
        return $"reads suspended since {since:d}: {string.Join("; ", (await by.Visits.ReadSuspendedAsync(since, 1_000, CancellationToken.None)).Select(static machine => machine.Value).Order(StringComparer.Ordinal))}";
    }

    private async Task<string> ForgetSuspendedAsync(MapEnds by, MachineId machine)
    {
        var since = _random.Next(2) == 0 ? Base : Base.AddYears(-20);
        await by.Visits.ForgetSuspendedAsync(machine, since, CancellationToken.None);
        return $"forgets {machine} suspended since {since:d}";
    }

    private async Task<string> ConsentAsync(MapEnds by, MachineId machine)
    {
        if (_records.GetValueOrDefault((by.Name, machine)) is not { } seen)
        {
            return "consents to nothing";
        }

        await by.Visits.ConsentAsync(machine, seen.Epoch, by.Name, CancellationToken.None);
        return $"consents to {machine} {seen.State}";
    }

    private async Task<string> QuestionAsync(MapEnds by, MachineId machine)
    {
        if (_records.GetValueOrDefault((by.Name, machine)) is not { } seen)
        {
            return "asks nothing";
        }

        var question = await by.Visits.ReadQuestionAsync(machine, seen.Epoch, CancellationToken.None);
        return $"reads the question of {machine} {seen.State}: stands {question.Stands}, agreed {question.Agreed}, due {Moment(question.DueAt)}";
    }

    private async Task<string> DutyAsync(MapEnds by) => $"holds the duty: {await by.Visits.HoldDutyAsync("duty", by.Name, Long, CancellationToken.None)}";

    private async Task<string> ForgetAllAsync()
    {
        await forgetAll();
        return "loses everything";
    }

    private static async Task<string> SayAsync(string what, Task call)
    {
        await call;
        return what;
    }

    /// <summary>Epochs only grow, also where everything was lost.</summary>
    private string Outcome(bool won, long? epoch)
    {
        if (!won)
        {
            return "lost";
        }

        var grew = epoch > _lastEpoch;
        _lastEpoch = epoch!.Value;
        return grew ? "won" : "won with an epoch that is not new";
    }

    /// <summary>Those that were due at once, whose moments are those of the calls, by name; and behind them the reported ones in their order.</summary>
    private static async Task<string> InOrderAsync(MapEnds by, IReadOnlyList<MachineId> due)
    {
        var (atOnce, reported) = (new List<string>(), new List<string>());
        foreach (var machine in due)
        {
            (await by.Visits.DueAtAsync(machine, CancellationToken.None) < Base ? atOnce : reported).Add(machine.Value);
        }

        return $"{string.Join(", ", atOnce.Order(StringComparer.Ordinal))} | {string.Join(", ", reported)}";
    }

    private DateTimeOffset AnyMoment() => Base + TimeSpan.FromMinutes(_random.Next(0, 240));

    private static string Moment(DateTimeOffset? at) => at is null ? "unknown" : at < Base ? "now" : at.Value.ToString("t", CultureInfo.InvariantCulture);

    private static string Print(Session? session) => session is null ? "none" : $"{session.User} {session.State} {session.Machine} {session.Lease?.Owner}";

    private static string Print(MachineRecord? record) => record is null ? "none" : $"{record.Machine} {record.State} {record.Boot} {record.Suspended} {record.Address} {record.Lease?.Owner}";

    private T Pick<T>(IReadOnlyList<T> of) => of[_random.Next(of.Count)];
}
