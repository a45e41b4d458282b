using System.Text.Json.Serialization.Metadata;
using Gateway.Sessions;

namespace Gateway.Operations;

/// <summary>What every action on a route answers: 202, where to watch what comes of it, and the ETag that the next action can be held to.</summary>
internal static class ActionAnswer
{
    public const string Monitor = "</api/events>; rel=\"monitor\"";

    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(2);

    /// <summary>The route as it is now; an empty body where there is none.</summary>
    public static async Task WriteAsync(HttpContext context, UserId user, RouteListing listing)
    {
        if (await AcceptAsync(context, user, listing, null) is { } route)
        {
            await context.Response.WriteAsJsonAsync(route, RouteJson.Default.RouteView);
        }
    }

    /// <summary>An answer of the action's own.</summary>
    /// <param name="watch">Where what it made is seen; null: the route.</param>
    public static async Task WriteAsync<T>(HttpContext context, UserId user, RouteListing listing, T answer, JsonTypeInfo<T> type, string? watch = null)
    {
        await AcceptAsync(context, user, listing, watch);
        await context.Response.WriteAsJsonAsync(answer, type);
    }

    private static async Task<RouteView?> AcceptAsync(HttpContext context, UserId user, RouteListing listing, string? watch)
    {
        var route = await FindAsync(context, user, listing);
        context.Response.StatusCode = StatusCodes.Status202Accepted;
        context.Response.Headers.Location = watch ?? "/api/routes/" + RouteId.Of(user);
        context.Response.Headers.Link = Monitor;
        context.Response.Headers.ETag = route?.ETag;
        return route;
    }

    /// <summary>Null as well where it cannot be read: the action is done, and its answer must not say otherwise.</summary>
    private static async Task<RouteView?> FindAsync(HttpContext context, UserId user, RouteListing listing)
    {
        using var bound = new CancellationTokenSource(Patience, context.RequestServices.GetRequiredService<TimeProvider>());
        try
        {
            return (await listing.FindAsync(user, bound.Token))?.Route;
        }
        catch (Exception failure) when (failure is SessionMapUnavailableException or OperationCanceledException)
        {
            return null;
        }
    }
}
