using System.Collections.Concurrent;
using Gateway.Sessions;

namespace Gateway.FunctionalTests;

/// <summary>A history to read from.</summary>
internal sealed class MemoryHistory : IRouteHistory
{
    public ConcurrentQueue<RouteCause> Causes { get; } = new();

    public ConcurrentQueue<RouteEvent> Events { get; } = new();

    public ConcurrentDictionary<MachineId, OpenVisits> Visits { get; } = new();

    public DateTimeOffset? Due { get; set; }

    public Task AppendAsync(IReadOnlyList<RouteCause> causes, CancellationToken cancellationToken)
    {
        foreach (var cause in causes)
        {
            Causes.Enqueue(cause);
        }

        return Task.CompletedTask;
    }

    public Task<IReadOnlyList<RouteCause>> ReadCausesAsync(MachineId machine, CancellationToken cancellationToken) =>
        Task.FromResult<IReadOnlyList<RouteCause>>([.. Causes.Where(cause => cause.Machine == machine).Reverse()]);

    public Task<IReadOnlyList<StateChange>> ReadTimelineAsync(MachineId machine, DateTimeOffset since, CancellationToken cancellationToken) =>
        Task.FromResult<IReadOnlyList<StateChange>>([]);

    public Task<IReadOnlyList<RouteEvent>> ReadEventsAsync(long after, int limit, CancellationToken cancellationToken) =>
        Task.FromResult<IReadOnlyList<RouteEvent>>([.. Events.Where(happened => happened.Number > after).Take(limit)]);

    public Task<(long First, long Last)> ReadEventRangeAsync(CancellationToken cancellationToken) =>
        Task.FromResult(Events.IsEmpty ? (0, 0) : (Events.First().Number, Events.Last().Number));

    public Task ReportVisitsAsync(string replica, IReadOnlyList<OpenVisits> visits, CancellationToken cancellationToken) => Task.CompletedTask;

    public Task<IReadOnlyList<OpenVisits>> ReadVisitsAsync(MachineId machine, CancellationToken cancellationToken) =>
        Task.FromResult<IReadOnlyList<OpenVisits>>(Visits.TryGetValue(machine, out var visits) ? [visits] : []);

    public Task<DateTimeOffset?> ReadDueAsync(MachineId machine, CancellationToken cancellationToken) => Task.FromResult(Due);
}
