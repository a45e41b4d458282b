using System.Globalization;
using Gateway.Sessions;

namespace Gateway.Operations;

/// <summary>
/// <c>If-Match</c> on whatever changes a route (RFC 9110, 13.1.1): one who decided on an earlier reading is told so, with the present ETag, before anything is done.
/// Actions compare the epochs once more when they write.
/// </summary>
internal sealed class Precondition(RouteListing listing) : IEndpointFilter
{
    public async ValueTask<object?> InvokeAsync(EndpointFilterInvocationContext context, EndpointFilterDelegate next)
    {
        var http = context.HttpContext;
        var wanted = http.Request.GetTypedHeaders().IfMatch;
        if (wanted.Count == 0 || HttpMethods.IsGet(http.Request.Method) || http.GetRouteValue("id") is not string id || !RouteId.TryParse(id, out var user))
        {
            return await next(context);
        }

        string? current;
        try
        {
            current = (await listing.FindAsync(user.Value, http.RequestAborted))?.Route.ETag;
        }
        catch (SessionMapUnavailableException)
        {
            await RefusalResponse.WriteAsync(http, RouteEndpoints.MapUnavailable, ClientKind.Program);
            return Results.Empty;
        }

        if (current is not null && wanted.Any(tag => tag.Tag == "*" || tag.Tag == current))
        {
            return await next(context);
        }

        if (current is not null)
        {
            http.Response.Headers.ETag = current;
        }

        await RefusalResponse.WriteAsync(http, Stale(current), ClientKind.Program);
        return Results.Empty;
    }

    private static Refusal Stale(string? current) =>
        new(412, "stale", "The route changed", string.Create(CultureInfo.InvariantCulture, $"It is now {current ?? "gone"}. Read it again and decide anew."))
        {
            Extras = new Dictionary<string, string> { ["current"] = current ?? "" },
        };
}
