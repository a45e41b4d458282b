using System.Collections.Concurrent;
using Gateway.Sessions;

namespace Gateway.FunctionalTests;

/// <summary>A session map to read from: what the operations endpoints need of one, and no more.</summary>
internal sealed class MemorySessions : ISessionMap, IRouteIndex
{
    /// <summary>Nobody writes here, so nothing is ever raised.</summary>
    public event Action<Session>? SessionWritten { add { } remove { } }

    /// <inheritdoc cref="SessionWritten"/>
    public event Action<MachineRecord>? MachineWritten { add { } remove { } }

    /// <inheritdoc cref="SessionWritten"/>
    public event Action<UserId, long>? SessionRemoved { add { } remove { } }

    public ConcurrentDictionary<UserId, Session> Sessions { get; } = new();

    public ConcurrentDictionary<MachineId, MachineRecord> Machines { get; } = new();

    public ConcurrentQueue<Session> Woken { get; } = new();

    public bool Reachable { get; set; } = true;

    /// <summary>Where a machine is not named, it never was active.</summary>
    public ConcurrentDictionary<MachineId, DateTimeOffset> Activity { get; } = new();

    public Task<IReadOnlyList<UserId>> ListUsersAsync(string? state, string prefix, UserId? after, int limit, CancellationToken cancellationToken)
    {
        ThrowIfAway();
        return Task.FromResult<IReadOnlyList<UserId>>([.. Named(state, prefix).Where(user => after is null || string.CompareOrdinal(user.Value, after.Value.Value) > 0).Take(limit)]);
    }

    public Task<IReadOnlyList<MachineActivity>> ListByActivityAsync(MachineActivity? after, bool latestFirst, int limit, CancellationToken cancellationToken)
    {
        ThrowIfAway();
        var machines = Machines.Keys.Select(machine => new MachineActivity(machine, Activity.TryGetValue(machine, out var at) ? at : null))
            .Order(Comparer<MachineActivity>.Create(static (one, other) => Compare(one, other))).ToList();
        if (latestFirst)
        {
            machines.Reverse();
        }

        return Task.FromResult<IReadOnlyList<MachineActivity>>(
            [.. machines.Where(machine => after is not { } place || Math.Sign(Compare(machine, place)) == (latestFirst ? -1 : 1)).Take(limit)]);
    }

    public Task<IReadOnlyList<IReadOnlyList<UserId>>> UsersOfAsync(IReadOnlyList<MachineId> machines, UserId? after, int limit, CancellationToken cancellationToken) =>
        Task.FromResult<IReadOnlyList<IReadOnlyList<UserId>>>([.. machines.Select(machine => (IReadOnlyList<UserId>)
        [
            .. Named(null, "").Where(user => Sessions[user].Machine == machine && (after is null || string.CompareOrdinal(user.Value, after.Value.Value) > 0)).Take(limit),
        ])]);

    public Task<long> CountUsersOfAsync(MachineId machine, CancellationToken cancellationToken) => Task.FromResult((long)Sessions.Values.Count(session => session.Machine == machine));

    public Task<long> CountUsersAsync(string? state, string prefix, CancellationToken cancellationToken) => Task.FromResult((long)Named(state, prefix).Count());

    public Task<long> CountInactiveAsync(DateTimeOffset until, CancellationToken cancellationToken) =>
        Task.FromResult((long)Machines.Keys.Count(machine => !Activity.TryGetValue(machine, out var at) || at <= until));

    public Task<IReadOnlyList<MachineCount>> CountMachinesAsync(CancellationToken cancellationToken) => Task.FromResult<IReadOnlyList<MachineCount>>(
        [.. Machines.Values.GroupBy(static machine => (State: RouteState.Name(machine.State), machine.Region)).Select(static group => new MachineCount(group.Key.State, group.Key.Region ?? "", group.Count()))]);

    public Task<IReadOnlyList<DateTimeOffset?>> LastActivityAsync(IReadOnlyList<MachineId> machines, CancellationToken cancellationToken) =>
        Task.FromResult<IReadOnlyList<DateTimeOffset?>>([.. machines.Select(machine => Activity.TryGetValue(machine, out var at) ? at : (DateTimeOffset?)null)]);

    public Task<SessionsPage> PageAsync(string? after, string? prefix, int limit, CancellationToken cancellationToken)
    {
        ThrowIfAway();
        var rest = Named(null, prefix ?? "").Where(user => after is null || string.CompareOrdinal(user.Value, after) > 0).ToList();
        return Task.FromResult(new SessionsPage([.. rest.Take(limit).Select(user => Sessions[user])], rest.Count > limit ? rest[limit - 1].Value : null));
    }

    public Task<Session?> FindSessionAsync(UserId user, CancellationToken cancellationToken)
    {
        ThrowIfAway();
        return Task.FromResult(Sessions.GetValueOrDefault(user));
    }

    public Task<MachineRecord?> FindMachineAsync(MachineId machine, CancellationToken cancellationToken) => Task.FromResult(Machines.GetValueOrDefault(machine));

    public Task<IReadOnlyList<MachineRecord?>> FindMachinesAsync(IReadOnlyList<MachineId> machines, CancellationToken cancellationToken) =>
        Task.FromResult<IReadOnlyList<MachineRecord?>>([.. machines.Select(machine => Machines.GetValueOrDefault(machine))]);

    public Task<MapWrite<Session>> WriteAsync(Session next, CancellationToken cancellationToken) => throw new NotSupportedException();

    public Task<MapWrite<MachineRecord>> WriteAsync(MachineRecord next, CancellationToken cancellationToken) => throw new NotSupportedException();

    public Task<bool> RemoveAsync(Session session, CancellationToken cancellationToken) => throw new NotSupportedException();

    public Task<MachineRecord?> WaitForChangeAsync(MachineId machine, long pastEpoch, TimeSpan atMost, CancellationToken cancellationToken) => throw new NotSupportedException();

    public Task<Session?> WaitForChangeAsync(UserId user, long pastEpoch, TimeSpan atMost, CancellationToken cancellationToken) => throw new NotSupportedException();

    public Task<MapGeneration> ReadGenerationAsync(CancellationToken cancellationToken) => throw new NotSupportedException();

    public Task<bool> MarkListedAsync(string generation, bool foundNothing, CancellationToken cancellationToken) => throw new NotSupportedException();

    private static int Compare(MachineActivity one, MachineActivity other) =>
        Nullable.Compare(one.At, other.At) is var order and not 0 ? order : string.CompareOrdinal(one.Machine.Value, other.Machine.Value);

    private IEnumerable<UserId> Named(string? state, string prefix) => Sessions.Values
        .Where(session => session.User.Value.StartsWith(prefix, StringComparison.Ordinal))
        .Where(session => state is null || state == RouteState.Of(session, session.Machine is { } machine ? Machines.GetValueOrDefault(machine) : null))
        .Select(static session => session.User)
        .OrderBy(static user => user.Value, StringComparer.Ordinal);

    private void ThrowIfAway()
    {
        if (!Reachable)
        {
            throw new SessionMapUnavailableException("away");
        }
    }
}
