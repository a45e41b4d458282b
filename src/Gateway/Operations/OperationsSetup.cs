using Gateway.Identity;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.Extensions.Options;
using OpenTelemetry.Metrics;

namespace Gateway.Operations;

/// <summary>How the room is added to the host and its endpoints mapped.</summary>
internal static class OperationsSetup
{
    private static readonly string[] Meters = ["Gateway", "Microsoft.AspNetCore.Hosting", "Microsoft.AspNetCore.Server.Kestrel", "System.Runtime"];

    /// <summary>Needs an <c>ISessionMap</c> and a <see cref="RouteSources"/> beside it.</summary>
    public static IServiceCollection AddOperations(this IServiceCollection services)
    {
        services.AddOptions<OperationsOptions>().BindConfiguration(OperationsOptions.Section).ValidateOnStart();
        services.AddSingleton<IValidateOptions<OperationsOptions>, OperationsOptionsValidation>();
        services.AddSingleton<OperationsListener>();
        services.AddSingleton<IConfigureOptions<KestrelServerOptions>>(provider => provider.GetRequiredService<OperationsListener>());
        services.AddSingleton<MatcherPolicy, OperationsMatcherPolicy>();
        services.AddSingleton<Drain>();
        services.AddSingleton<RouteListing>();
        services.AddSingleton<RouteAssignment>();
        services.AddSingleton<RouteDossier>();
        services.AddSingleton<RouteActions>();
        services.AddSingleton<KnownRoutes>();
        services.AddSingleton<Precondition>();
        services.AddSingleton<Trail>();
        services.AddHostedService<TrailWriter>();
        services.AddSingleton<EventFeed>();
        services.AddHostedService(static provider => provider.GetRequiredService<EventFeed>());
        // Not System.Net.Http: it labels by server address, which here is a machine.
        services.AddOpenTelemetry().WithMetrics(metrics => metrics.AddMeter(Meters).AddPrometheusExporter());
        return services;
    }

    public static void MapOperations(this IEndpointRouteBuilder endpoints)
    {
        // Made with the host, so that it hears the shutdown even if nobody ever asked for health.
        endpoints.ServiceProvider.GetRequiredService<Drain>();
        endpoints.MapGet("/.gateway/health", Health.ReadyAsync).AllowAnonymous().DisableHttpMetrics();
        MapOpen(endpoints);
        MapForOperators(endpoints);
    }

    private static void MapOpen(IEndpointRouteBuilder endpoints)
    {
        var open = endpoints.MapGroup("").WithMetadata(OperationsOnly.Instance).AllowAnonymous().DisableHttpMetrics();
        open.MapGet("/health/live", Health.LiveAsync);
        open.MapGet("/health/ready", Health.ReadyAsync);
        open.MapPrometheusScrapingEndpoint("/metrics");
    }

    private static void MapForOperators(IEndpointRouteBuilder endpoints)
    {
        var operators = endpoints.MapGroup("").WithMetadata(OperationsOnly.Instance).RequireAuthorization(IdentityPolicies.Operator).AddEndpointFilter<RouteGroupBuilder, OperatorAudit>();
        operators.AddEndpointFilter<Precondition>();
        var viewers = endpoints.MapGroup("").WithMetadata(OperationsOnly.Instance).RequireAuthorization(IdentityPolicies.Viewer);
        viewers.MapGet("/api/routes", RouteEndpoints.ListAsync);
        viewers.MapGet("/api/routes/{id}", RouteEndpoints.GetAsync);
        viewers.MapGet("/api/routes/{id}/why", RouteEndpoints.WhyAsync);
        viewers.MapGet("/api/events", EventEndpoints.StreamAsync);
        viewers.MapGet("/api/users/{user}/access", UserEndpoints.GetAsync);
        operators.MapPut("/api/routes/{id}", RouteEndpoints.AssignAsync);
        operators.MapPost("/api/routes/{id}/wake", RouteEndpoints.WakeAsync);
        operators.MapPost("/api/routes/{id}/pin", RouteEndpoints.PinAsync);
        operators.MapDelete("/api/routes/{id}/pin", RouteEndpoints.UnpinAsync);
        operators.MapPost("/api/routes/{id}/drain", RouteEndpoints.DrainAsync);
        operators.MapDelete("/api/routes/{id}/drain", RouteEndpoints.UndrainAsync);
        operators.MapPost("/api/routes/{id}/kick", UserEndpoints.KickAsync);
        operators.MapPut("/api/users/{user}/access", UserEndpoints.PutAsync);
        operators.MapDelete("/api/users/{user}/access", UserEndpoints.DeleteAsync);
        // Asks for credentials as well, so that strangers learn nothing of what is here.
        viewers.Map("/{**path}", RouteEndpoints.NotFoundAsync);
    }
}
