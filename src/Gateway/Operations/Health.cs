namespace Gateway.Operations;

/// <summary>
/// What health checks are told. Only this replica's own fitness counts: while Redis or the Machines API is away the gateway still serves who is
/// known and awake, and taking every replica out of rotation at once would end that too.
/// </summary>
internal static class Health
{
    public static Task LiveAsync(HttpContext context) => WriteAsync(context, StatusCodes.Status200OK, "live");

    public static Task ReadyAsync(HttpContext context, Drain drain) => drain.IsDraining
        ? WriteAsync(context, StatusCodes.Status503ServiceUnavailable, "draining")
        : WriteAsync(context, StatusCodes.Status200OK, "ready");

    private static Task WriteAsync(HttpContext context, int status, string word)
    {
        context.Response.StatusCode = status;
        context.Response.ContentType = "application/json";
        context.Response.Headers.CacheControl = "no-store";
        return context.Response.WriteAsync($$"""{"status":"{{word}}"}""");
    }
}
