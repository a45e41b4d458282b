using System.Collections.Concurrent;
using Gateway.Operations;
using Gateway.Sessions;

namespace Gateway.FunctionalTests;

/// <summary>A session map to read from: what the operations endpoints need of one, and no more.</summary>
internal sealed class MemorySessions : ISessionMap
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

    public Task<SessionPage> ListAsync(string? cursor, int limit, string? userPrefix, CancellationToken cancellationToken)
    {
        ThrowIfAway();
        var rest = Sessions.Values
            .Where(session => session.User.Value.StartsWith(userPrefix ?? "", StringComparison.Ordinal))
            .OrderBy(session => session.User.Value, StringComparer.Ordinal)
            .Where(session => cursor is null || string.CompareOrdinal(session.User.Value, cursor) > 0)
            .ToList();
        var page = rest.Take(limit).ToList();
        return Task.FromResult(new SessionPage(page, rest.Count > page.Count ? page[^1].User.Value : null));
    }

    public async Task<SessionsPage> PageAsync(string? after, string? prefix, int limit, CancellationToken cancellationToken)
    {
        var page = await ListAsync(after, limit, prefix, cancellationToken);
        return new SessionsPage(page.Sessions, page.Next);
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

    private void ThrowIfAway()
    {
        if (!Reachable)
        {
            throw new SessionMapUnavailableException("away");
        }
    }
}
