using Gateway.Sessions;

namespace Gateway.Operations;

/// <summary>Joins sessions with machine records and last activity, a page at a time and never the whole map.</summary>
internal sealed class RouteListing(ISessionMap map, IRouteIndex index, RouteSources sources)
{
    // A filter that few routes pass must not make one answer read the whole map: the page is short then, and its cursor goes on.
    private const int MaximumReads = 20;
    private const int LeastFiltered = 500;

    private readonly RouteWalk _walk = new(index);

    public async Task<RouteList> ListAsync(RouteQuery query, CancellationToken cancellationToken)
    {
        if (query.User is { } user)
        {
            var one = await FindAsync(new UserId(user), cancellationToken);
            return new RouteList(one is { } found && query.Holds(found.Route) ? [found.Route] : [], null);
        }

        var order = query.After?.Order ?? query.Order ?? await _walk.ChooseAsync(query, cancellationToken);
        var exact = RouteWalk.IsExact(query, order);
        var routes = new List<RouteView>();
        var place = query.After;
        for (var read = 0; read < MaximumReads; read++)
        {
            var wanted = query.Limit - routes.Count;
            var page = await _walk.NextAsync(query, order, place, exact ? wanted : Math.Max(wanted, LeastFiltered), cancellationToken);
            var taken = Take(query, page, await FindAsync([.. page.Users.Select(static entry => entry.User)], cancellationToken), routes);
            place = taken ?? page.Next;
            if (place is null || routes.Count == query.Limit)
            {
                break;
            }
        }

        return new RouteList(routes, place?.Write());
    }

    public async Task<FoundRoute?> FindAsync(UserId user, CancellationToken cancellationToken) => (await FindAsync([user], cancellationToken))[0];

    /// <summary>In the order asked for; null where there is no session (any more).</summary>
    public async Task<IReadOnlyList<FoundRoute?>> FindAsync(IReadOnlyList<UserId> users, CancellationToken cancellationToken)
    {
        // Pipelined over the one connection.
        var sessions = await Task.WhenAll(users.Select(user => map.FindSessionAsync(user, cancellationToken)));
        // Several users may share a machine: it is read once.
        var machines = sessions.Select(static session => session?.Machine).OfType<MachineId>().Distinct().ToList();
        var activities = sources.LastActivityAsync(machines, cancellationToken);
        var records = await map.FindMachinesAsync(machines, cancellationToken);
        var known = machines.Zip(records, await activities).ToDictionary(static entry => entry.First, static entry => (Record: entry.Second, Activity: entry.Third));
        return [.. sessions.Select(session =>
        {
            var (record, activity) = session?.Machine is { } machine ? known[machine] : default;
            return session is null ? null : new FoundRoute(RouteView.Of(session, record, activity), session, record);
        })];
    }

    /// <summary>Takes what the query holds for. Not null: the page is full before the walk's step is, and the list goes on from there.</summary>
    private static RoutePlace? Take(RouteQuery query, WalkPage page, IReadOnlyList<FoundRoute?> found, List<RouteView> routes)
    {
        for (var i = 0; i < found.Count; i++)
        {
            if (found[i] is not { Route: var route } || !query.Holds(route))
            {
                continue;
            }

            routes.Add(route);
            if (routes.Count == query.Limit)
            {
                return i == found.Count - 1 ? null : page.Users[i].Place;
            }
        }

        return null;
    }
}

internal sealed record FoundRoute(RouteView Route, Session Session, MachineRecord? Machine);
