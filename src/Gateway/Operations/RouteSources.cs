using Gateway.Sessions;

namespace Gateway.Operations;

/// <summary>What the route endpoints ask of other rooms; the host fills it in.</summary>
internal sealed class RouteSources
{
    /// <summary>When something last passed to or from each machine, on any replica; null: not known.</summary>
    public Func<IReadOnlyList<MachineId>, CancellationToken, Task<IReadOnlyList<DateTimeOffset?>>> LastActivityAsync { get; init; } =
        (machines, _) => Task.FromResult<IReadOnlyList<DateTimeOffset?>>(new DateTimeOffset?[machines.Count]);

    /// <summary>Calls whenever some record changed, on any replica.</summary>
    public Action<Action> OnChanged { get; init; } = static _ => { };

    /// <summary>What this replica knows while Redis is away, and how long ago Redis last answered; null: nothing.</summary>
    public Func<(IReadOnlyList<Sessions.Route> Routes, TimeSpan Age)?> Known { get; init; } = static () => null;

    /// <summary>Has the idle sweep look at an awake machine now.</summary>
    public Func<MachineId, CancellationToken, Task> LookAgainAsync { get; init; } = static (_, _) => Task.CompletedTask;

    /// <summary>Begins to wake the session's machine and returns without waiting for it.</summary>
    public required Action<Session> Wake { get; init; }
}
