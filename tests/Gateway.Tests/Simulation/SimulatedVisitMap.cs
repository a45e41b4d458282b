using System.Collections.Concurrent;
using Gateway.Sessions;

namespace Gateway.Tests.Simulation;

/// <summary>The visit map in memory, shared by several replicas, each with a view of its own.</summary>
internal sealed class SimulatedVisitStore(TimeProvider time)
{
    public ConcurrentDictionary<string, DateTimeOffset> Replicas { get; } = new();
    public ConcurrentDictionary<MachineId, DateTimeOffset> Due { get; } = new();
    public ConcurrentDictionary<MachineId, DateTimeOffset> Activity { get; } = new();
    public ConcurrentDictionary<(MachineId, long), ConcurrentBag<string>> Consents { get; } = new();
    public ConcurrentDictionary<string, (string Replica, DateTimeOffset Until)> Duties { get; } = new();
    public List<SimulatedVisitMap> Views { get; } = [];

    public TimeProvider Time { get; } = time;

    /// <summary>The calls made, by name.</summary>
    public ConcurrentDictionary<string, int> Calls { get; } = new();
}

/// <summary>One replica's view of the visit map.</summary>
internal sealed class SimulatedVisitMap : IVisitMap
{
    private readonly SimulatedVisitStore _store;
    private Func<MachineId, long, Task> _answer = static (_, _) => Task.CompletedTask;

    public SimulatedVisitMap(SimulatedVisitStore store)
    {
        _store = store;
        _store.Views.Add(this);
    }

    /// <summary>The replica does not reach the map.</summary>
    public bool Unavailable { get; set; }

    /// <summary>Questions do not reach the replica: the feed loses messages.</summary>
    public bool Deaf { get; set; }

    public Task HeartbeatAsync(string replica, TimeSpan lease, CancellationToken cancellationToken) =>
        Do(() => _store.Replicas[replica] = _store.Time.GetUtcNow() + lease);

    public Task SayGoodbyeAsync(string replica, CancellationToken cancellationToken) =>
        Do(() => _store.Replicas.TryRemove(replica, out _));

    public Task<IReadOnlyList<string>> LiveReplicasAsync(CancellationToken cancellationToken) =>
        Get<IReadOnlyList<string>>(() => [.. _store.Replicas.Where(pair => pair.Value > _store.Time.GetUtcNow()).Select(pair => pair.Key)]);

    public Task ReportAsync(IReadOnlyList<IdleReport> reports, CancellationToken cancellationToken) => Do(() =>
    {
        foreach (var report in reports)
        {
            _store.Due.AddOrUpdate(report.Machine, report.NotIdleBefore, (_, known) => report.NotIdleBefore > known ? report.NotIdleBefore : known);
            _store.Activity.AddOrUpdate(report.Machine, report.LastActivity, (_, known) => report.LastActivity > known ? report.LastActivity : known);
        }
    });

    public Task<IReadOnlyList<MachineId>> ReadDueAsync(DateTimeOffset now, int limit, CancellationToken cancellationToken) =>
        Get<IReadOnlyList<MachineId>>(() => [.. _store.Due.Where(pair => pair.Value <= now).OrderBy(pair => pair.Value).Take(limit).Select(pair => pair.Key)]);

    public Task<IReadOnlyList<DateTimeOffset?>> LastActivityAsync(IReadOnlyList<MachineId> machines, CancellationToken cancellationToken) =>
        Get<IReadOnlyList<DateTimeOffset?>>(() => [.. machines.Select(machine => _store.Activity.TryGetValue(machine, out var at) ? at : (DateTimeOffset?)null)]);

    public Task ForgetDueAsync(MachineId machine, CancellationToken cancellationToken) => Do(() => _store.Due.TryRemove(machine, out _));

    public async Task AskConsentAsync(MachineId machine, long epoch, CancellationToken cancellationToken)
    {
        await Do(static () => { });
        foreach (var view in _store.Views.Where(view => !view.Deaf && !view.Unavailable))
        {
            await view._answer(machine, epoch);
        }
    }

    public void OnConsentAsked(Func<MachineId, long, Task> answer) => _answer = answer;

    public Task ConsentAsync(MachineId machine, long epoch, string replica, CancellationToken cancellationToken) =>
        Do(() => _store.Consents.GetOrAdd((machine, epoch), static _ => []).Add(replica));

    public Task<IReadOnlyCollection<string>> ReadConsentsAsync(MachineId machine, long epoch, CancellationToken cancellationToken) =>
        Get<IReadOnlyCollection<string>>(() => _store.Consents.TryGetValue((machine, epoch), out var consents) ? [.. consents] : []);

    public Task<bool> HoldDutyAsync(string duty, string replica, TimeSpan lease, CancellationToken cancellationToken) => Get(() =>
    {
        var now = _store.Time.GetUtcNow();
        if (_store.Duties.TryGetValue(duty, out var held) && held.Replica != replica && held.Until > now)
        {
            return false;
        }

        _store.Duties[duty] = (replica, now + lease);
        return true;
    });

    private Task<bool> Do(Action action, [System.Runtime.CompilerServices.CallerMemberName] string call = "") => Get(() =>
    {
        action();
        return true;
    }, call);

    private Task<T> Get<T>(Func<T> read, [System.Runtime.CompilerServices.CallerMemberName] string call = "")
    {
        if (Unavailable)
        {
            throw new SessionMapUnavailableException("The simulated map does not answer.");
        }

        _store.Calls.AddOrUpdate(call, 1, static (_, calls) => calls + 1);
        return Task.FromResult(read());
    }
}
