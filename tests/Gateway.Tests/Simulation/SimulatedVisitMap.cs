using System.Collections.Concurrent;
using System.Collections.Immutable;
using Gateway.Sessions;

namespace Gateway.Tests.Simulation;

/// <summary>The visit map in memory, shared by several replicas, each with a view of its own. Hears of the records' writes, as in the real map, where one script does both.</summary>
internal sealed class SimulatedVisitStore
{
    private readonly SimulatedMap _map;

    public SimulatedVisitStore(TimeProvider time, SimulatedMap map)
    {
        (Time, _map) = (time, map);
        map.MachineWritten += OnWritten;
    }

    public ConcurrentDictionary<string, DateTimeOffset> Replicas { get; } = new();
    public ConcurrentDictionary<MachineId, DateTimeOffset> Due { get; } = new();
    public ConcurrentDictionary<MachineId, DateTimeOffset> Suspended { get; } = new();
    public ConcurrentDictionary<MachineId, DateTimeOffset> Activity { get; } = new();
    public ConcurrentDictionary<(MachineId, long), ImmutableHashSet<string>> Consents { get; } = new();
    public ConcurrentDictionary<string, (string Replica, DateTimeOffset Until)> Duties { get; } = new();
    public List<SimulatedVisitMap> Views { get; } = [];

    public TimeProvider Time { get; }

    /// <summary>The calls made, by name.</summary>
    public ConcurrentDictionary<string, int> Calls { get; } = new();

    public void Report(IReadOnlyList<IdleReport> reports)
    {
        foreach (var report in reports)
        {
            Due.AddOrUpdate(report.Machine, report.NotIdleBefore, (_, known) => report.NotIdleBefore > known ? report.NotIdleBefore : known);
            Activity.AddOrUpdate(report.Machine, report.LastActivity, (_, known) => report.LastActivity > known ? report.LastActivity : known);
        }
    }

    /// <summary>Those of the same moment in the order of their names, as Redis has them.</summary>
    public IReadOnlyList<MachineId> ReadDue(DateTimeOffset now, int limit) => Read(Due, now, limit);

    public IReadOnlyList<MachineId> ReadSuspended(DateTimeOffset since, int limit) => Read(Suspended, since, limit);

    public IReadOnlyList<DateTimeOffset?> LastActivity(IReadOnlyList<MachineId> machines) =>
        [.. machines.Select(machine => Activity.TryGetValue(machine, out var at) ? at : (DateTimeOffset?)null)];

    public DateTimeOffset? DueAt(MachineId machine) => Due.TryGetValue(machine, out var at) ? at : null;

    public void ForgetDue(MachineId machine, DateTimeOffset dueBy) => Forget(Due, machine, dueBy);

    public void ForgetSuspended(MachineId machine, DateTimeOffset since) => Forget(Suspended, machine, since);

    public void Consent(MachineId machine, long epoch, string replica) =>
        Consents.AddOrUpdate((machine, epoch), static (_, one) => [one], static (_, known, one) => known.Add(one), replica);

    public StopQuestion ReadQuestion(MachineId machine, long epoch)
    {
        var (now, consents) = (Time.GetUtcNow(), Consents.GetValueOrDefault((machine, epoch), []));
        var (someLive, allConsent) = (false, true);
        foreach (var (replica, until) in Replicas)
        {
            if (until > now)
            {
                (someLive, allConsent) = (true, allConsent && consents.Contains(replica));
            }
        }

        return new StopQuestion(_map.Find(machine)?.Epoch == epoch, someLive && allConsent, DueAt(machine));
    }

    /// <summary>Everything is lost.</summary>
    public void Forget()
    {
        Replicas.Clear();
        Due.Clear();
        Suspended.Clear();
        Activity.Clear();
        Consents.Clear();
        Duties.Clear();
    }

    public bool HoldDuty(string duty, string replica, TimeSpan lease)
    {
        var now = Time.GetUtcNow();
        if (Duties.TryGetValue(duty, out var held) && held.Replica != replica && held.Until > now)
        {
            return false;
        }

        Duties[duty] = (replica, now + lease);
        return true;
    }

    private void OnWritten(MachineRecord record)
    {
        if (record.State is MachineRecordState.Awake or MachineRecordState.Waking)
        {
            Due.TryAdd(record.Machine, Time.GetUtcNow());
            Suspended.TryRemove(record.Machine, out _);
        }
        else if (record is { State: MachineRecordState.Asleep, Suspended: true })
        {
            Due.TryRemove(record.Machine, out _);
            Suspended.TryAdd(record.Machine, Time.GetUtcNow());
        }
        else if (record.State is MachineRecordState.Asleep or MachineRecordState.Gone)
        {
            Due.TryRemove(record.Machine, out _);
            Suspended.TryRemove(record.Machine, out _);
        }
    }

    private static List<MachineId> Read(ConcurrentDictionary<MachineId, DateTimeOffset> list, DateTimeOffset until, int limit)
    {
        var due = new List<(DateTimeOffset At, MachineId Machine)>();
        foreach (var (machine, at) in list)
        {
            if (at <= until)
            {
                due.Add((at, machine));
            }
        }

        due.Sort(static (one, other) => one.At != other.At ? one.At.CompareTo(other.At) : string.CompareOrdinal(one.Machine.Value, other.Machine.Value));
        return [.. due.Take(limit).Select(static one => one.Machine)];
    }

    private static void Forget(ConcurrentDictionary<MachineId, DateTimeOffset> list, MachineId machine, DateTimeOffset until)
    {
        if (list.TryGetValue(machine, out var at) && at <= until)
        {
            list.TryRemove(machine, out _);
        }
    }
}

/// <summary>One replica's view of the visit map: a partition, a pause or the death of the replica holds here as it does for the session map.</summary>
internal sealed class SimulatedVisitMap : IVisitMap
{
    private readonly SimulatedVisitStore _store;
    private readonly SimulatedReplica _replica;
    private Func<MachineId, long, Task> _answer = static (_, _) => Task.CompletedTask;

    public SimulatedVisitMap(SimulatedVisitStore store, SimulatedReplica replica)
    {
        (_store, _replica) = (store, replica);
        _store.Views.Add(this);
    }

    /// <summary>Questions do not reach the replica, though it reaches the map.</summary>
    public bool Deaf { get; set; }

    public Task HeartbeatAsync(string replica, TimeSpan lease, CancellationToken cancellationToken) =>
        Do("visits.heartbeat", () => _store.Replicas[replica] = _store.Time.GetUtcNow() + lease);

    public Task SayGoodbyeAsync(string replica, CancellationToken cancellationToken) =>
        Do("visits.goodbye", () => _store.Replicas.TryRemove(replica, out _));

    public Task ReportAsync(IReadOnlyList<IdleReport> reports, CancellationToken cancellationToken) => Do("visits.report", () => _store.Report(reports));

    public Task<IReadOnlyList<MachineId>> ReadDueAsync(DateTimeOffset now, int limit, CancellationToken cancellationToken) => Get("visits.due", () => _store.ReadDue(now, limit));

    public Task<IReadOnlyList<DateTimeOffset?>> LastActivityAsync(IReadOnlyList<MachineId> machines, CancellationToken cancellationToken) =>
        Get("visits.activity", () => _store.LastActivity(machines));

    public Task<DateTimeOffset?> DueAtAsync(MachineId machine, CancellationToken cancellationToken) => Get("visits.due_at", () => _store.DueAt(machine));

    public Task ForgetDueAsync(MachineId machine, DateTimeOffset dueBy, CancellationToken cancellationToken) => Do("visits.forget", () => _store.ForgetDue(machine, dueBy));

    public Task<IReadOnlyList<MachineId>> ReadSuspendedAsync(DateTimeOffset since, int limit, CancellationToken cancellationToken) =>
        Get("visits.suspended", () => _store.ReadSuspended(since, limit));

    public Task ForgetSuspendedAsync(MachineId machine, DateTimeOffset since, CancellationToken cancellationToken) =>
        Do("visits.forget_suspended", () => _store.ForgetSuspended(machine, since));

    public Task AskConsentAsync(MachineId machine, long epoch, CancellationToken cancellationToken) => Do("visits.ask", () =>
    {
        foreach (var view in _store.Views)
        {
            _ = view.HearAsync(machine, epoch);
        }
    });

    public void OnConsentAsked(Func<MachineId, long, Task> answer) => _answer = answer;

    public Task ConsentAsync(MachineId machine, long epoch, string replica, CancellationToken cancellationToken) =>
        Do("visits.consent", () => _store.Consent(machine, epoch, replica));

    public Task<StopQuestion> ReadQuestionAsync(MachineId machine, long epoch, CancellationToken cancellationToken) =>
        Get("visits.question", () => _store.ReadQuestion(machine, epoch));

    public Task<bool> HoldDutyAsync(string duty, string replica, TimeSpan lease, CancellationToken cancellationToken) => Get("visits.duty", () => _store.HoldDuty(duty, replica, lease));

    /// <summary>A message is lost to whoever is away when it is sent; a paused process hears it when it goes on.</summary>
    private async Task HearAsync(MachineId machine, long epoch)
    {
        if (!Deaf && !_replica.LosesMessages && !_replica.MapUnavailable)
        {
            await _replica.HearAsync();
            await _answer(machine, epoch);
        }
    }

    private Task<bool> Do(string call, Action action) => Get(call, () =>
    {
        action();
        return true;
    });

    private Task<T> Get<T>(string call, Func<T> read) => _replica.CallAsync(call, async () =>
    {
        await Task.Yield();
        if (_replica.MapUnavailable)
        {
            throw new SessionMapUnavailableException("The simulated map does not answer.");
        }

        _store.Calls.AddOrUpdate(call, 1, static (_, calls) => calls + 1);
        return read();
    });
}
