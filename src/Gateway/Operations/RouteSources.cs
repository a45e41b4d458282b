using Gateway.Sessions;

namespace Gateway.Operations;

/// <summary>What the route endpoints ask of other rooms; the host fills it in.</summary>
internal sealed class RouteSources
{
    /// <summary>When something last passed to or from each machine, on any replica; null: not known.</summary>
    public Func<IReadOnlyList<MachineId>, CancellationToken, Task<IReadOnlyList<DateTimeOffset?>>> LastActivityAsync { get; init; } =
        (machines, _) => Task.FromResult<IReadOnlyList<DateTimeOffset?>>(new DateTimeOffset?[machines.Count]);

    /// <summary>Begins to wake the session's machine and returns without waiting for it.</summary>
    public required Action<Session> Wake { get; init; }
}
