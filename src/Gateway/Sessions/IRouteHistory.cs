using System.Text.Json.Serialization;

namespace Gateway.Sessions;

/// <summary>
/// What happened and why, kept for operators beside the records: causes, timelines, events, open visits. Small and bounded. A process boundary like
/// <see cref="ISessionMap"/>, with the same exception when the map does not answer.
/// </summary>
internal interface IRouteHistory
{
    /// <summary>Adds causes; of each machine the last fifty are kept.</summary>
    Task AppendAsync(IReadOnlyList<RouteCause> causes, CancellationToken cancellationToken);

    /// <summary>The machine's last causes, latest first.</summary>
    Task<IReadOnlyList<RouteCause>> ReadCausesAsync(MachineId machine, CancellationToken cancellationToken);

    /// <summary>The states the machine came into since then, earliest first, and before them the one it was in.</summary>
    Task<IReadOnlyList<StateChange>> ReadTimelineAsync(MachineId machine, DateTimeOffset since, CancellationToken cancellationToken);

    /// <summary>Events after the number given, in their order.</summary>
    Task<IReadOnlyList<RouteEvent>> ReadEventsAsync(long after, int limit, CancellationToken cancellationToken);

    /// <summary>The numbers of the first event kept and of the last one; zeros: there is none.</summary>
    Task<(long First, long Last)> ReadEventRangeAsync(CancellationToken cancellationToken);

    /// <summary>What this replica has open on each machine.</summary>
    Task ReportVisitsAsync(string replica, IReadOnlyList<OpenVisits> visits, CancellationToken cancellationToken);

    Task<IReadOnlyList<OpenVisits>> ReadVisitsAsync(MachineId machine, CancellationToken cancellationToken);

    /// <summary>The moment before which the machine is not idle, as far as any replica said; null: it is not watched.</summary>
    Task<DateTimeOffset?> ReadDueAsync(MachineId machine, CancellationToken cancellationToken);
}

/// <summary>One reason, as it is kept. Classes and rules only, never content.</summary>
internal sealed record RouteCause
{
    [JsonIgnore]
    public MachineId Machine { get; init; }

    public required DateTimeOffset At { get; init; }

    /// <summary><c>use</c>, <c>wake</c>, <c>decision</c>, <c>operator</c>.</summary>
    public required string Kind { get; init; }

    /// <summary>A stable word: the class of route and client, the kind of frame, the outcome.</summary>
    public required string What { get; init; }

    /// <summary>The rule that decided.</summary>
    public string? Rule { get; init; }

    public string? Replica { get; init; }

    /// <summary>How often since <see cref="At"/>.</summary>
    public int? Times { get; init; }

    /// <summary>Where the time of a wake went, in seconds.</summary>
    public IReadOnlyDictionary<string, double>? Timing { get; init; }
}

/// <summary>A state and when it was come into.</summary>
internal sealed record StateChange(DateTimeOffset At, string State);

/// <summary>Something that happened to a route's session or machine.</summary>
/// <param name="Number">Grows; not every number is used.</param>
/// <param name="Kind"><c>session</c>, <c>machine</c> or <c>cause</c>.</param>
/// <param name="Id">The user or the machine.</param>
internal sealed record RouteEvent(long Number, DateTimeOffset At, string Kind, string Id, string? Before, string? State, RouteCause? Cause);

/// <summary>What one replica has open on a machine.</summary>
/// <param name="Requests">Requests that wait for their answer to begin.</param>
/// <param name="Sockets">Open sockets, and answers that have begun.</param>
/// <param name="At">When it was so.</param>
/// <param name="BySignIn">Of both, those a browser's sign-in let in.</param>
/// <param name="ByToken">Of both, those a bearer token let in.</param>
internal sealed record OpenVisits(MachineId Machine, string Replica, int Requests, int Sockets, DateTimeOffset LastActivity, DateTimeOffset At, int BySignIn = 0, int ByToken = 0);
