namespace Gateway.Operations;

/// <summary>What this replica knows by itself while Redis is away: better than nothing at three in the morning, as long as it says how old it is.</summary>
internal sealed class KnownRoutes(RouteSources sources, RouteDossier dossier)
{
    public RouteList? List(RouteQuery query)
    {
        if (sources.Known() is not { } known)
        {
            return null;
        }

        var routes = known.Routes.Select(ViewOf)
            .Where(route => (query.User is null || route.User == query.User) && query.Holds(route))
            .OrderBy(static route => route.User, StringComparer.Ordinal)
            .Where(route => query.After?.User is not { } after || string.CompareOrdinal(route.User, after.Value) > 0)
            .Take(query.Limit + 1).ToList();
        var next = routes.Count > query.Limit ? new RoutePlace(RouteOrder.User, new UserId(routes[query.Limit - 1].User)).Write() : null;
        return new RouteList([.. routes.Take(query.Limit)], next, Math.Round(known.Age.TotalSeconds, 1));
    }

    /// <summary>Null: nothing is known of the user, which does not say that there is none.</summary>
    public RouteView? Find(UserId user)
    {
        if (sources.Known() is not { } known || known.Routes.FirstOrDefault(route => route.Session.User == user) is not { } route)
        {
            return null;
        }

        var view = ViewOf(route);
        var detail = dossier.Records(new FoundRoute(view, route.Session, route.Machine), []);
        return view with { Detail = detail with { AgeSeconds = Math.Round(known.Age.TotalSeconds, 1) } };
    }

    private static RouteView ViewOf(Sessions.Route route) => RouteView.Of(route.Session, route.Machine, null);
}
