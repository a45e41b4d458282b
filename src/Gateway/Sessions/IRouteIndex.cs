namespace Gateway.Sessions;

/// <summary>
/// Which routes there are, for operators: by name, by state, by last activity. Nothing here costs by the number of sessions. A process boundary like
/// <see cref="ISessionMap"/>, with the same exception when the map does not answer.
/// </summary>
internal interface IRouteIndex
{
    /// <summary>Users in the order of their names, after <paramref name="after"/> (which must begin with the prefix); in one state, unless it is null.</summary>
    Task<IReadOnlyList<UserId>> ListUsersAsync(string? state, string prefix, UserId? after, int limit, CancellationToken cancellationToken);

    /// <summary>Machines by their last activity, after the place given, which need not be anybody's any more.</summary>
    Task<IReadOnlyList<MachineActivity>> ListByActivityAsync(MachineActivity? after, bool latestFirst, int limit, CancellationToken cancellationToken);

    /// <summary>For each machine its users in the order of their names, at most so many.</summary>
    Task<IReadOnlyList<IReadOnlyList<UserId>>> UsersOfAsync(IReadOnlyList<MachineId> machines, UserId? after, int limit, CancellationToken cancellationToken);

    /// <summary>How many users are assigned the machine.</summary>
    Task<long> CountUsersOfAsync(MachineId machine, CancellationToken cancellationToken);

    /// <summary>How many users' names begin so, in one state unless it is null.</summary>
    Task<long> CountUsersAsync(string? state, string prefix, CancellationToken cancellationToken);

    /// <summary>How many machines were last active until then, those that never were among them.</summary>
    Task<long> CountInactiveAsync(DateTimeOffset until, CancellationToken cancellationToken);

    /// <summary>How many machines there are in each state and region.</summary>
    Task<IReadOnlyList<MachineCount>> CountMachinesAsync(CancellationToken cancellationToken);
}

/// <summary>When something last passed to or from a machine; null: never yet.</summary>
internal readonly record struct MachineActivity(MachineId Machine, DateTimeOffset? At);

internal readonly record struct MachineCount(string State, string Region, long Machines);
