using System.Collections.Concurrent;
using Gateway.Sessions;

namespace Gateway.Tests.Simulation;

/// <summary>The visit map in memory, shared by several replicas, each with a view of its own. Hears of the records' writes, as in the real map, where one script does both.</summary>
internal sealed class SimulatedVisitStore
{
    public SimulatedVisitStore(TimeProvider time, SimulatedMap map)
    {
        Time = time;
        map.MachineWritten += OnWritten;
    }

    public ConcurrentDictionary<string, DateTimeOffset> Replicas { get; } = new();
    public ConcurrentDictionary<MachineId, DateTimeOffset> Due { get; } = new();
    public ConcurrentDictionary<MachineId, DateTimeOffset> Activity { get; } = new();
    public ConcurrentDictionary<(MachineId, long), ConcurrentBag<string>> Consents { get; } = new();
    public ConcurrentDictionary<string, (string Replica, DateTimeOffset Until)> Duties { get; } = new();
    public List<SimulatedVisitMap> Views { get; } = [];

    public TimeProvider Time { get; }

    /// <summary>The calls made, by name.</summary>
    public ConcurrentDictionary<string, int> Calls { get; } = new();

    private void OnWritten(MachineRecord record)
    {
        if (record.State is MachineRecordState.Awake or MachineRecordState.Waking)
        {
            Due.TryAdd(record.Machine, Time.GetUtcNow());
        }
        else if (record.State is MachineRecordState.Asleep or MachineRecordState.Gone)
        {
            Due.TryRemove(record.Machine, out _);
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

    public Task<IReadOnlyList<string>> LiveReplicasAsync(CancellationToken cancellationToken) => Get<IReadOnlyList<string>>(
        "visits.replicas", () => [.. _store.Replicas.Where(pair => pair.Value > _store.Time.GetUtcNow()).Select(pair => pair.Key)]);

    public Task ReportAsync(IReadOnlyList<IdleReport> reports, CancellationToken cancellationToken) => Do("visits.report", () =>
    {
        foreach (var report in reports)
        {
            _store.Due.AddOrUpdate(report.Machine, report.NotIdleBefore, (_, known) => report.NotIdleBefore > known ? report.NotIdleBefore : known);
            _store.Activity.AddOrUpdate(report.Machine, report.LastActivity, (_, known) => report.LastActivity > known ? report.LastActivity : known);
        }
    });

    public Task<IReadOnlyList<MachineId>> ReadDueAsync(DateTimeOffset now, int limit, CancellationToken cancellationToken) => Get<IReadOnlyList<MachineId>>(
        "visits.due", () => [.. _store.Due.Where(pair => pair.Value <= now).OrderBy(pair => pair.Value).Take(limit).Select(pair => pair.Key)]);

    public Task<IReadOnlyList<DateTimeOffset?>> LastActivityAsync(IReadOnlyList<MachineId> machines, CancellationToken cancellationToken) => Get<IReadOnlyList<DateTimeOffset?>>(
        "visits.activity", () => [.. machines.Select(machine => _store.Activity.TryGetValue(machine, out var at) ? at : (DateTimeOffset?)null)]);

    public Task<DateTimeOffset?> DueAtAsync(MachineId machine, CancellationToken cancellationToken) =>
        Get("visits.due_at", () => _store.Due.TryGetValue(machine, out var at) ? at : (DateTimeOffset?)null);

    public Task ForgetDueAsync(MachineId machine, DateTimeOffset dueBy, CancellationToken cancellationToken) => Do("visits.forget", () =>
    {
        if (_store.Due.TryGetValue(machine, out var at) && at <= dueBy)
        {
            _store.Due.TryRemove(machine, out _);
        }
    });

    public Task AskConsentAsync(MachineId machine, long epoch, CancellationToken cancellationToken) => Do("visits.ask", () =>
    {
        foreach (var view in _store.Views)
        {
            _ = view.HearAsync(machine, epoch);
        }
    });

    public void OnConsentAsked(Func<MachineId, long, Task> answer) => _answer = answer;

    public Task ConsentAsync(MachineId machine, long epoch, string replica, CancellationToken cancellationToken) =>
        Do("visits.consent", () => _store.Consents.GetOrAdd((machine, epoch), static _ => []).Add(replica));

    public Task<IReadOnlyCollection<string>> ReadConsentsAsync(MachineId machine, long epoch, CancellationToken cancellationToken) => Get<IReadOnlyCollection<string>>(
        "visits.consents", () => _store.Consents.TryGetValue((machine, epoch), out var consents) ? [.. consents] : []);

    public Task<bool> HoldDutyAsync(string duty, string replica, TimeSpan lease, CancellationToken cancellationToken) => Get("visits.duty", () =>
    {
        var now = _store.Time.GetUtcNow();
        if (_store.Duties.TryGetValue(duty, out var held) && held.Replica != replica && held.Until > now)
        {
            return false;
        }

        _store.Duties[duty] = (replica, now + lease);
        return true;
    });

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
