using Gateway.Sessions;

namespace Gateway.Operations;

/// <summary>One page of sessions, in the map's own order, and where the next begins.</summary>
internal sealed record SessionPage(IReadOnlyList<Session> Sessions, string? Next);

/// <summary>What the route endpoints ask of other rooms; the host fills it in.</summary>
internal sealed class RouteSources
{
    /// <summary>Sessions after the cursor (null: from the first), at most so many, of users whose id begins so (null: all).</summary>
    public required Func<string?, int, string?, CancellationToken, Task<SessionPage>> ListAsync { get; init; }

    /// <summary>When something last passed to or from each machine, on any replica; null: not known.</summary>
    public Func<IReadOnlyList<MachineId>, CancellationToken, Task<IReadOnlyList<DateTimeOffset?>>> LastActivityAsync { get; init; } =
        (machines, _) => Task.FromResult<IReadOnlyList<DateTimeOffset?>>(new DateTimeOffset?[machines.Count]);

    /// <summary>Begins to wake the session's machine and returns without waiting for it.</summary>
    public required Action<Session> Wake { get; init; }
}
