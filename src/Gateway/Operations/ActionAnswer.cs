using System.Text.Json.Serialization.Metadata;

namespace Gateway.Operations;

/// <summary>What every action on a route answers: 202, where to watch what comes of it, and the ETag that the next action can be held to.</summary>
internal static class ActionAnswer
{
    public const string Monitor = "</api/events>; rel=\"monitor\"";

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
        var route = (await listing.FindAsync(user, context.RequestAborted))?.Route;
        context.Response.StatusCode = StatusCodes.Status202Accepted;
        context.Response.Headers.Location = watch ?? "/api/routes/" + RouteId.Of(user);
        context.Response.Headers.Link = Monitor;
        context.Response.Headers.ETag = route?.ETag;
        return route;
    }
}
