using Gateway.Sessions;

namespace Gateway.Operations;

/// <summary>Joins sessions with machine records and last activity, a page at a time and never the whole map.</summary>
internal sealed class RouteListing(ISessionMap map, RouteSources sources)
{
    // A filter that few routes pass must not make one answer read the whole map.
    private const int MaximumReads = 20;

    public async Task<RouteList> ListAsync(RouteQuery query, CancellationToken cancellationToken)
    {
        if (query.User is { } user)
        {
            var one = await FindAsync(new UserId(user), cancellationToken);
            return new RouteList(one is { } found && query.Holds(found.Route) ? [found.Route] : [], null);
        }

        var routes = new List<RouteView>();
        var cursor = query.Cursor;
        for (var read = 0; read < MaximumReads; read++)
        {
            var page = await sources.ListAsync(cursor, query.Limit - routes.Count, query.UserPrefix, cancellationToken);
            routes.AddRange((await JoinAsync(page.Sessions, cancellationToken)).Select(found => found.Route).Where(query.Holds));
            cursor = page.Next;
            if (cursor is null || routes.Count >= query.Limit)
            {
                break;
            }
        }

        return new RouteList(routes, RouteQuery.WriteCursor(cursor));
    }

    public async Task<FoundRoute?> FindAsync(UserId user, CancellationToken cancellationToken) =>
        await map.FindSessionAsync(user, cancellationToken) is { } session ? (await JoinAsync([session], cancellationToken))[0] : null;

    private async Task<IReadOnlyList<FoundRoute>> JoinAsync(IReadOnlyList<Session> sessions, CancellationToken cancellationToken)
    {
        // Several users may share a machine: it is read once.
        var machines = sessions.Select(session => session.Machine).OfType<MachineId>().Distinct().ToList();
        var records = await map.FindMachinesAsync(machines, cancellationToken);
        var activities = await sources.LastActivityAsync(machines, cancellationToken);
        var index = machines.Select((machine, i) => (machine, i)).ToDictionary(pair => pair.machine, pair => pair.i);
        return [.. sessions.Select(session =>
        {
            var at = session.Machine is { } machine ? index[machine] : -1;
            var record = at < 0 ? null : records[at];
            return new FoundRoute(RouteView.Of(session, record, at < 0 ? null : activities[at]), session, record);
        })];
    }
}

internal sealed record FoundRoute(RouteView Route, Session Session, MachineRecord? Machine);
