using Gateway.Identity.Operators;
using Microsoft.Extensions.Options;

namespace Gateway.Identity;

/// <summary>What is settled before anybody is authenticated: the scheme browsers see, and credentials sent where they must not be.</summary>
internal sealed class IdentityGuard(RequestDelegate next, IOptions<IdentityOptions> options, IdentityMetrics metrics)
{
    private readonly string? _scheme = SchemeOf(options.Value.PublicUrl);
    private readonly string? _consoleScheme = SchemeOf(options.Value.ConsoleUrl);

    public Task InvokeAsync(HttpContext context)
    {
        // Which door it is costs a search of the connection's features, and is mostly of no concern.
        if ((_consoleScheme == _scheme || !IOperatorsDoor.IsAt(context) ? _scheme : _consoleScheme) is { } scheme)
        {
            context.Request.Scheme = scheme;
        }

        if (Fault(context.Request) is not { } refusal)
        {
            return next(context);
        }

        metrics.Refused(refusal.Type);
        return RefusalResponse.WriteAsync(context, refusal);
    }

    private static string? SchemeOf(string origin) => origin.Length > 0 ? new Uri(origin).Scheme : null;

    private static Refusal? Fault(HttpRequest request)
    {
        if (request.Headers.Authorization.Count > 1)
        {
            return IdentityRefusals.TwoCredentials;
        }

        // Parsed only if it could hold one: most queries pay a search and no allocation.
        var query = request.QueryString.Value;
        return !string.IsNullOrEmpty(query)
            && (query.Contains("access_token", StringComparison.OrdinalIgnoreCase) || query.Contains('%', StringComparison.Ordinal))
            && request.Query.ContainsKey("access_token")
                ? IdentityRefusals.TokenInQuery
                : null;
    }
}
