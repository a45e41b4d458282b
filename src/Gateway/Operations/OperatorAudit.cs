using Gateway.Identity;

namespace Gateway.Operations;

/// <summary>Every action of an operator is an audit event, whatever came of it.</summary>
internal sealed class OperatorAudit(Audit audit) : IEndpointFilter
{
    private const string ReasonItem = "gateway.operator-reason";

    /// <summary>Why the operator says they do it.</summary>
    public static void Because(HttpContext context, string? reason) => context.Items[ReasonItem] = reason;

    public async ValueTask<object?> InvokeAsync(EndpointFilterInvocationContext context, EndpointFilterDelegate next)
    {
        var http = context.HttpContext;
        try
        {
            var answer = await next(context);
            Write(http, http.Response.StatusCode);
            return answer;
        }
        catch
        {
            // What it came to is not known; that it was begun is.
            Write(http, http.RequestAborted.IsCancellationRequested ? StatusCodes.Status499ClientClosedRequest : StatusCodes.Status500InternalServerError);
            throw;
        }
    }

    private void Write(HttpContext http, int status)
    {
        var target = (http.Request.RouteValues.GetValueOrDefault("id") ?? http.Request.RouteValues.GetValueOrDefault("user")) as string ?? "-";
        var pattern = (http.GetEndpoint() as RouteEndpoint)?.RoutePattern.RawText ?? "-";
        audit.Operated(http, http.User.GetUserId().Value, $"{http.Request.Method} {pattern}", target, status, http.Items[ReasonItem] as string);
    }
}
