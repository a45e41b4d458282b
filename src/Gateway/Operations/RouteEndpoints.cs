using Gateway.Identity;
using Gateway.Provisioning;
using Gateway.Sessions;
using Microsoft.Extensions.Options;

namespace Gateway.Operations;

/// <summary><c>/api/routes</c>, for operators.</summary>
internal static partial class RouteEndpoints
{
    internal static readonly Refusal NoSuchRoute = new(404, "no-such-route", "No such route", "No user with this id has a session.");

    public static readonly Refusal MapUnavailable = new(503, "session-map-unavailable", "The session map does not answer", "Redis does not answer. Try again shortly.")
    {
        GatewayState = "unknown",
        RetryAfter = TimeSpan.FromSeconds(5),
    };

    internal static Refusal NoMachineYet(string state) => new(409, "no-machine-yet", "No machine to wake", "The session has no machine assigned yet.") { GatewayState = state };

    public static Task ListAsync(HttpContext context, RouteListing listing, KnownRoutes known, IOptions<OperationsOptions> options) => AnswerAsync(context, async () =>
    {
        var (query, fault) = RouteQuery.Parse(context.Request.Query, options.Value);
        if (query is null)
        {
            await RefuseAsync(context, new Refusal(400, "bad-query", "The query cannot be read", fault!));
            return;
        }

        context.Response.Headers.CacheControl = "no-store";
        await context.Response.WriteAsJsonAsync(await ListAsync(query, listing, known, context.RequestAborted), RouteJson.Default.RouteList);
    });

    public static Task GetAsync(HttpContext context, string id, RouteListing listing, RouteDossier dossier, KnownRoutes known) => AnswerAsync(context, async () =>
    {
        if (!RouteId.TryParse(id, out var user) || await DescribeAsync(user.Value, listing, dossier, known, context.RequestAborted) is not { } route)
        {
            await RefuseAsync(context, NoSuchRoute);
            return;
        }

        var response = context.Response;
        response.Headers.ETag = route.ETag;
        response.Headers.CacheControl = "no-cache";
        if (context.Request.GetTypedHeaders().IfNoneMatch.Any(tag => tag.Tag == route.ETag))
        {
            response.StatusCode = StatusCodes.Status304NotModified;
            return;
        }

        await response.WriteAsJsonAsync(route, RouteJson.Default.RouteView);
    });

    public static Task WhyAsync(HttpContext context, string id, RouteListing listing, RouteDossier dossier, KnownRoutes known) => AnswerAsync(context, async () =>
    {
        if (!RouteId.TryParse(id, out var user) || await ExplainAsync(user.Value, listing, dossier, known, context.RequestAborted) is not { } why)
        {
            await RefuseAsync(context, NoSuchRoute);
            return;
        }

        context.Response.Headers.CacheControl = "no-store";
        await context.Response.WriteAsJsonAsync(why, RouteJson.Default.RouteWhy);
    });

    public static Task WakeAsync(HttpContext context, string id, RouteListing listing, RouteSources sources, ILogger<RouteListing> logger) => AnswerAsync(context, async () =>
    {
        if (await FindAsync(id, listing, context.RequestAborted) is not { } found)
        {
            await RefuseAsync(context, NoSuchRoute);
            return;
        }

        if (found.Session is not { State: SessionState.Assigned, Machine: not null })
        {
            await RefuseAsync(context, NoMachineYet(found.Route.State));
            return;
        }

        Log.WakeAsked(logger, id);
        sources.Wake(found.Session);
        await ActionAnswer.WriteAsync(context, found.Session.User, listing);
    });

    public static Task AssignAsync(HttpContext context, string id, RouteListing listing, RouteAssignment assignment, ILogger<RouteListing> logger) => AnswerAsync(context, async () =>
    {
        if (!RouteId.TryParse(id, out var user))
        {
            await RefuseAsync(context, NoSuchRoute);
            return;
        }

        if (await assignment.AssignAsync(user.Value, context.Request.Body, context.RequestAborted) is { } refusal)
        {
            await RefuseAsync(context, refusal);
            return;
        }

        Log.Assigned(logger, id);
        await ActionAnswer.WriteAsync(context, user.Value, listing);
    });

    /// <summary>Removing what is not there is done already.</summary>
    public static Task RemoveAsync(HttpContext context, string id, RouteListing listing, WorkspaceRemoval removal, ILogger<RouteListing> logger) => AnswerAsync(context, async () =>
    {
        if (!RouteId.TryParse(id, out var user))
        {
            await RefuseAsync(context, NoSuchRoute);
            return;
        }

        if (await listing.FindAsync(user.Value, context.RequestAborted) is { } found)
        {
            var query = context.Request.Query;
            var volume = query["volume"].ToString() is { Length: > 0 } named ? new VolumeId(named) : (VolumeId?)null;
            var machine = query["machine"].ToString() is { Length: > 0 } foreign ? new MachineId(foreign) : (MachineId?)null;

            // Not given up with its caller: half a removal is for nobody.
            var outcome = await removal.RunAsync(found.Session, volume, machine, context.User.GetUserId().Value, CancellationToken.None);
            if (OperatorRefusals.Of(outcome) is { } refusal)
            {
                await RefuseAsync(context, refusal);
                return;
            }
        }

        Log.Removed(logger, id);
        await ActionAnswer.WriteAsync(context, user.Value, listing);
    });

    public static Task NotFoundAsync(HttpContext context) =>
        RefuseAsync(context, new Refusal(404, "not-found", "Not found", "The operations listener has nothing here."));

    public static Task PinAsync(HttpContext context, string id, RouteListing listing, RouteActions actions) => ActAsync(context, id, listing, async found =>
    {
        var pin = await RouteActions.ReadPinAsync(context.Request.Body, context.RequestAborted);
        return await actions.PinAsync(found, pin?.Until ?? DateTimeOffset.MinValue, context.RequestAborted);
    });

    public static Task UnpinAsync(HttpContext context, string id, RouteListing listing, RouteActions actions) =>
        ActAsync(context, id, listing, found => actions.PinAsync(found, null, context.RequestAborted));

    public static Task DrainAsync(HttpContext context, string id, RouteListing listing, RouteActions actions) =>
        ActAsync(context, id, listing, found => actions.CloseAsync(found, closed: true, context.RequestAborted));

    public static Task UndrainAsync(HttpContext context, string id, RouteListing listing, RouteActions actions) =>
        ActAsync(context, id, listing, found => actions.CloseAsync(found, closed: false, context.RequestAborted));

    private static Task ActAsync(HttpContext context, string id, RouteListing listing, Func<FoundRoute, Task<Refusal?>> act) => AnswerAsync(context, async () =>
    {
        if (await FindAsync(id, listing, context.RequestAborted) is not { } found)
        {
            await RefuseAsync(context, NoSuchRoute);
            return;
        }

        if (await act(found) is { } refusal)
        {
            await RefuseAsync(context, refusal);
            return;
        }

        await ActionAnswer.WriteAsync(context, found.Session.User, listing);
    });

    private static async Task<RouteList> ListAsync(RouteQuery query, RouteListing listing, KnownRoutes known, CancellationToken cancellationToken)
    {
        try
        {
            return await listing.ListAsync(query, cancellationToken);
        }
        catch (SessionMapUnavailableException) when (known.List(query) is { } list)
        {
            return list;
        }
    }

    private static async Task<RouteView?> DescribeAsync(UserId user, RouteListing listing, RouteDossier dossier, KnownRoutes known, CancellationToken cancellationToken)
    {
        try
        {
            return await listing.FindAsync(user, cancellationToken) is { } found ? found.Route with { Detail = await dossier.DetailAsync(found, cancellationToken) } : null;
        }
        catch (SessionMapUnavailableException) when (known.Find(user) is { } route)
        {
            return route;
        }
    }

    private static async Task<RouteWhy?> ExplainAsync(UserId user, RouteListing listing, RouteDossier dossier, KnownRoutes known, CancellationToken cancellationToken)
    {
        try
        {
            return await listing.FindAsync(user, cancellationToken) is { } found ? await dossier.WhyAsync(found, cancellationToken) : null;
        }
        catch (SessionMapUnavailableException) when (known.Find(user) is { } route)
        {
            return RouteDossier.KnownHere(route);
        }
    }

    internal static async Task<FoundRoute?> FindAsync(string id, RouteListing listing, CancellationToken cancellationToken) =>
        RouteId.TryParse(id, out var user) ? await listing.FindAsync(user.Value, cancellationToken) : null;

    internal static async Task AnswerAsync(HttpContext context, Func<Task> answer)
    {
        try
        {
            await answer();
        }
        catch (SessionMapUnavailableException)
        {
            await RefuseAsync(context, MapUnavailable);
        }
    }

    internal static Task RefuseAsync(HttpContext context, Refusal refusal) => RefusalResponse.WriteAsync(context, refusal, ClientKind.Program);

    private static partial class Log
    {
        [LoggerMessage(9001, LogLevel.Information, "An operator asked to wake the machine of route {Route}", EventName = "WakeAsked")]
        public static partial void WakeAsked(ILogger logger, string route);

        [LoggerMessage(9002, LogLevel.Information, "An operator assigned a machine to route {Route}", EventName = "RouteAssigned")]
        public static partial void Assigned(ILogger logger, string route);

        [LoggerMessage(9003, LogLevel.Information, "An operator removed the session of route {Route}", EventName = "RouteRemoved")]
        public static partial void Removed(ILogger logger, string route);
    }
}
