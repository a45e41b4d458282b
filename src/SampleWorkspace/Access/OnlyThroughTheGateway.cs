namespace SampleWorkspace.Access;

/// <summary>Refuses whoever reaches the machine without the gateway: everybody on the private network can dial it.</summary>
internal static class OnlyThroughTheGateway
{
    public static void UseOnlyThroughTheGateway(this WebApplication app, WorkspaceSettings settings, TimeProvider time)
    {
        if (settings.GatewayKeys is not { } url)
        {
            return;
        }

        var keys = new GatewayKeys(url, time);
        app.Lifetime.ApplicationStopped.Register(keys.Dispose);
        var check = new AssertionCheck(keys, settings.Machine, time);
        app.Use(async (context, next) =>
        {
            // The gateway asks this before there is anybody to speak of, and it tells nothing.
            if (context.Request.Path == "/api/health" || await check.UserOfAsync(context.Request.Headers["Gateway-Assertion"], context.RequestAborted) is not null)
            {
                await next(context);
                return;
            }

            context.Response.StatusCode = StatusCodes.Status401Unauthorized;
            await Api.Json.WriteAsync(context, new Dictionary<string, string> { ["error"] = "This workspace answers through the gateway only." });
        });
    }
}
