namespace Gateway.Sessions;

/// <summary>
/// The shared map of sessions and machine records. A process boundary: Redis in the product, memory in the simulation.
/// Every call throws <see cref="SessionMapUnavailableException"/> when the map does not answer in time, and has a bound of its own.
/// </summary>
internal interface ISessionMap
{
    /// <summary>A write of this replica's own, so that its route table need not wait for the feed.</summary>
    event Action<Session>? SessionWritten;

    /// <inheritdoc cref="SessionWritten"/>
    event Action<MachineRecord>? MachineWritten;

    /// <summary>A removal by this replica, with the removal's epoch.</summary>
    event Action<UserId, long>? SessionRemoved;

    /// <summary>The user's session, or null when the map has none (which is not yet <em>unassigned</em>: see <see cref="ReadGenerationAsync"/>).</summary>
    Task<Session?> FindSessionAsync(UserId user, CancellationToken cancellationToken);

    Task<MachineRecord?> FindMachineAsync(MachineId machine, CancellationToken cancellationToken);

    /// <summary>Several at once, in the order asked for; null where the map has none.</summary>
    Task<IReadOnlyList<MachineRecord?>> FindMachinesAsync(IReadOnlyList<MachineId> machines, CancellationToken cancellationToken);

    /// <summary>A page of sessions in the order of their users' names, after the name <paramref name="after"/>, beginning with <paramref name="prefix"/>.</summary>
    Task<SessionsPage> PageAsync(string? after, string? prefix, int limit, CancellationToken cancellationToken);

    /// <summary>
    /// Writes <paramref name="next"/> if the stored epoch is still <c>next.Epoch</c> (0: none stored). The answer is the record as stored now, with
    /// its new epoch, or, not won, with what stands there instead (null: nothing).
    /// </summary>
    Task<MapWrite<Session>> WriteAsync(Session next, CancellationToken cancellationToken);

    /// <inheritdoc cref="WriteAsync(Session, CancellationToken)"/>
    Task<MapWrite<MachineRecord>> WriteAsync(MachineRecord next, CancellationToken cancellationToken);

    /// <summary>Removes the session if the stored epoch is still this one.</summary>
    Task<bool> RemoveAsync(Session session, CancellationToken cancellationToken);

    /// <summary>
    /// Answers when the machine's record has an epoch above <paramref name="pastEpoch"/> or is gone, at the latest after <paramref name="atMost"/>:
    /// the record as it stands then. Past epoch 0 it waits for one to appear: what never was is not gone. Woken by the change feed, with a slow poll behind it because the feed loses messages.
    /// </summary>
    Task<MachineRecord?> WaitForChangeAsync(MachineId machine, long pastEpoch, TimeSpan atMost, CancellationToken cancellationToken);

    /// <inheritdoc cref="WaitForChangeAsync(MachineId, long, TimeSpan, CancellationToken)"/>
    Task<Session?> WaitForChangeAsync(UserId user, long pastEpoch, TimeSpan atMost, CancellationToken cancellationToken);

    /// <summary>The map's random generation, made when there is none, and whether one complete listing of machines was read since.</summary>
    Task<MapGeneration> ReadGenerationAsync(CancellationToken cancellationToken);

    /// <summary>Says that a complete listing was read and adopted in this generation; false when the generation changed meanwhile.</summary>
    /// <param name="generation">The one that was listed.</param>
    /// <param name="foundNothing">There was no machine at all: nobody can be on one, so the map is as good as old.</param>
    /// <param name="cancellationToken">Gives up.</param>
    Task<bool> MarkListedAsync(string generation, bool foundNothing, CancellationToken cancellationToken);
}

/// <summary>What a compare-and-set came to.</summary>
/// <param name="Won">The write was made.</param>
/// <param name="Current">The record as it stands in the map now: ours with its new epoch, or the other's, or null.</param>
internal readonly record struct MapWrite<T>(bool Won, T? Current) where T : class;

/// <summary>A page of sessions, and after which name the next begins; null: it was the last.</summary>
internal sealed record SessionsPage(IReadOnlyList<Session> Sessions, string? Next);

/// <summary>Which life of the map this is. Until <paramref name="Listed"/>, a missing session does not mean an unassigned user.</summary>
/// <param name="Since">When it was first read, by the map's own clock: what the replicas had told the map before is lost.</param>
internal sealed record MapGeneration(string Id, bool Listed, DateTimeOffset Since);

/// <summary>The session map did not answer.</summary>
internal sealed class SessionMapUnavailableException : Exception
{
    public SessionMapUnavailableException()
    {
    }

    public SessionMapUnavailableException(string message)
        : base(message)
    {
    }

    public SessionMapUnavailableException(string message, Exception inner)
        : base(message, inner)
    {
    }
}
