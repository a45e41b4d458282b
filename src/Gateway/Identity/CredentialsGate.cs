namespace Gateway.Identity;

/// <summary>
/// Which of the gateway's own pages is answered at which origin, after routing and before anybody is authenticated. At the credentials' origin everything is
/// refused but the few endpoints that are marked for it, and those are for their own pages and for a person who comes by a link: a workspace's page is of the
/// same site more often than not, and there the browser's rules for cookies hold nothing back.
/// </summary>
internal sealed class CredentialsGate(RequestDelegate next, CredentialsOrigin credentials, IdentityMetrics metrics)
{
    public Task InvokeAsync(HttpContext context)
    {
        var isCallback = context.Request.Path == IdentityPaths.CredentialsCallback;
        if (!credentials.IsSet)
        {
            return isCallback ? RefuseAsync(context, IdentityRefusals.NoSuchPath) : next(context);
        }

        var served = context.GetEndpoint()?.Metadata.GetMetadata<ServedAt>();
        return credentials.IsAt(context) ? AtCredentialsAsync(context, isCallback || served is not null)
            : isCallback ? RefuseAsync(context, IdentityRefusals.NoSuchPath)
            : served is { Workspaces: false } ? SendThereAsync(context)
            : next(context);
    }

    private Task AtCredentialsAsync(HttpContext context, bool isServed)
    {
        if (!IsOwnOrFollowed(context.Request))
        {
            return RefuseAsync(context, IdentityRefusals.ForeignPage);
        }

        if (isServed)
        {
            return next(context);
        }

        if (context.Request.Path != "/" || !IsRead(context.Request))
        {
            return RefuseAsync(context, IdentityRefusals.NoSuchPath);
        }

        Redirect(context, IdentityPaths.Tokens);
        return Task.CompletedTask;
    }

    /// <summary>Without what was asked besides the path: nobody's link fills in a form there.</summary>
    private Task SendThereAsync(HttpContext context)
    {
        var path = context.GetEndpoint() is RouteEndpoint { RoutePattern.RawText: { } text } ? text : IdentityPaths.Tokens;
        if (!IsRead(context.Request))
        {
            return RefuseAsync(context, IdentityRefusals.AtCredentialsOrigin(credentials.Value));
        }

        Redirect(context, credentials.Value + path);
        return Task.CompletedTask;
    }

    /// <summary>A page of that very origin, a program, or a navigation of a whole window. A browser says which, and no page can make it say otherwise.</summary>
    private static bool IsOwnOrFollowed(HttpRequest request) => (string?)request.Headers["Sec-Fetch-Site"] switch
    {
        null or "" or "same-origin" or "none" => true,
        _ => HttpMethods.IsGet(request.Method) && request.Headers["Sec-Fetch-Mode"] == "navigate" && request.Headers["Sec-Fetch-Dest"] == "document",
    };

    private static bool IsRead(HttpRequest request) => HttpMethods.IsGet(request.Method) || HttpMethods.IsHead(request.Method);

    private static void Redirect(HttpContext context, string to)
    {
        context.Response.Headers.CacheControl = "no-store";
        context.Response.Redirect(to);
    }

    private Task RefuseAsync(HttpContext context, Refusal refusal)
    {
        metrics.Refused(refusal.Type);
        return RefusalResponse.WriteAsync(context, refusal);
    }
}
