using Gateway.Sessions;

namespace Gateway.Tests.Simulation;

/// <summary>One replica's connection to the <see cref="SimulatedMap"/>.</summary>
internal sealed class SimulatedMapView(SimulatedMap map, SimulatedReplica replica) : ISessionMap
{
    private static readonly TimeSpan Poll = TimeSpan.FromSeconds(1);

    private readonly Lock _lock = new();
    private readonly Dictionary<object, TaskCompletionSource> _waiting = [];

    public event Action<Session>? SessionWritten;

    public event Action<MachineRecord>? MachineWritten;

    public event Action<UserId, long>? SessionRemoved;

    public SimulatedReplica Replica => replica;

    public Task<Session?> FindSessionAsync(UserId user, CancellationToken cancellationToken) =>
        CallAsync("map.find_session", () => map.Find(user), cancellationToken);

    public Task<MachineRecord?> FindMachineAsync(MachineId machine, CancellationToken cancellationToken) =>
        CallAsync("map.find_machine", () => map.Find(machine), cancellationToken);

    public Task<IReadOnlyList<MachineRecord?>> FindMachinesAsync(IReadOnlyList<MachineId> machines, CancellationToken cancellationToken) =>
        CallAsync<IReadOnlyList<MachineRecord?>>("map.find_machines", () => [.. machines.Select(map.Find)], cancellationToken);

    public Task<SessionsPage> PageAsync(string? after, string? prefix, int limit, CancellationToken cancellationToken) => CallAsync("map.page", () =>
    {
        var rest = map.Sessions.Where(session => session.User.Value.StartsWith(prefix ?? "", StringComparison.Ordinal))
            .OrderBy(session => session.User.Value, StringComparer.Ordinal)
            .Where(session => after is null || string.CompareOrdinal(session.User.Value, after) > 0).ToList();
        return new SessionsPage([.. rest.Take(limit)], rest.Count > limit ? rest[limit - 1].User.Value : null);
    }, cancellationToken);

    public async Task<MapWrite<Session>> WriteAsync(Session next, CancellationToken cancellationToken)
    {
        var write = await CallAsync("map.write_session", () => map.Write(next), cancellationToken);
        if (write.Won)
        {
            SessionWritten?.Invoke(write.Current!);
        }

        return write;
    }

    public async Task<MapWrite<MachineRecord>> WriteAsync(MachineRecord next, CancellationToken cancellationToken)
    {
        var write = await CallAsync("map.write_machine", () => map.Write(next), cancellationToken);
        if (write.Won)
        {
            MachineWritten?.Invoke(write.Current!);
        }

        return write;
    }

    public async Task<bool> RemoveAsync(Session session, CancellationToken cancellationToken)
    {
        var removed = await CallAsync("map.remove_session", () => map.Remove(session), cancellationToken);
        if (removed)
        {
            SessionRemoved?.Invoke(session.User, session.Epoch + 1);
        }

        return removed;
    }

    public Task<MapGeneration> ReadGenerationAsync(CancellationToken cancellationToken) =>
        CallAsync("map.generation", map.ReadGeneration, cancellationToken);

    public Task<bool> MarkListedAsync(string generation, CancellationToken cancellationToken) =>
        CallAsync("map.mark_listed", () => map.MarkListed(generation), cancellationToken);

    public Task<MachineRecord?> WaitForChangeAsync(MachineId machine, long pastEpoch, TimeSpan atMost, CancellationToken cancellationToken) =>
        WaitAsync(machine, () => map.Find(machine), record => record.Epoch, pastEpoch, atMost, cancellationToken);

    public Task<Session?> WaitForChangeAsync(UserId user, long pastEpoch, TimeSpan atMost, CancellationToken cancellationToken) =>
        WaitAsync(user, () => map.Find(user), session => session.Epoch, pastEpoch, atMost, cancellationToken);

    internal void Changed(object key)
    {
        if (replica.LosesMessages)
        {
            return;
        }

        TaskCompletionSource? waiting;
        lock (_lock)
        {
            _waiting.Remove(key, out waiting);
        }

        waiting?.TrySetResult();
    }

    private async Task<T?> WaitAsync<T>(object key, Func<T?> find, Func<T, long> epoch, long pastEpoch, TimeSpan atMost, CancellationToken cancellationToken)
        where T : class
    {
        var until = map.Time.GetUtcNow() + atMost;
        while (true)
        {
            Task changed;
            lock (_lock)
            {
                // Listening begins before the read, so that no change falls between.
                if (!_waiting.TryGetValue(key, out var waiting))
                {
                    _waiting[key] = waiting = new TaskCompletionSource();
                }

                changed = waiting.Task;
            }

            var current = await CallAsync("map.wait", find, cancellationToken);
            var left = until - map.Time.GetUtcNow();
            if (current is null ? pastEpoch > 0 : epoch(current) > pastEpoch)
            {
                return current;
            }

            if (left <= TimeSpan.Zero)
            {
                return current;
            }

            var bound = left < Poll ? left : Poll;
            try
            {
                await changed.WaitAsync(bound, map.Time, cancellationToken);
            }
            catch (TimeoutException)
            {
                // The slow poll: the message may have been lost.
            }
        }
    }

    private Task<T> CallAsync<T>(string action, Func<T> call, CancellationToken cancellationToken) =>
        replica.CallAsync(action, async () =>
        {
            cancellationToken.ThrowIfCancellationRequested();
            if (map.Latency > TimeSpan.Zero)
            {
                await Task.Delay(map.Latency, map.Time, cancellationToken);
            }
            else
            {
                await Task.Yield();
            }

            if (map.Unavailable || replica.MapUnavailable)
            {
                throw new SessionMapUnavailableException("the simulated map is away");
            }

            return call();
        });
}
