using Gateway.Identity;
using Gateway.Operations.Costs;
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
        services.AddOptions<CostOptions>().BindConfiguration(CostOptions.Section).ValidateOnStart();
        services.AddSingleton<IValidateOptions<CostOptions>, CostOptionsValidation>();
        services.AddSingleton<LedgerPrices>();
        services.AddSingleton<CostLedger>();
        services.AddSingleton<CostMetrics>();
        services.AddSingleton<UseMeter>();
        services.AddHostedService<UseWriter>();
        services.AddHostedService<CostWatch>();
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
        services.AddApiDescription();
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
        MapRoutes(viewers, operators);
        MapCosts(viewers);
        MapUsers(viewers, operators);
        viewers.MapOpenApi("/openapi/{documentName}.json");
        // Asks for credentials as well, so that strangers learn nothing of what is here.
        viewers.Map("/{**path}", RouteEndpoints.NotFoundAsync);
    }

    private static void MapRoutes(RouteGroupBuilder viewers, RouteGroupBuilder operators)
    {
        viewers.MapGet("/api/routes", RouteEndpoints.ListAsync)
            .Answers("A page of routes", RouteJson.Default.RouteList, ApiExamples.Routes)
            .Takes("state", "Only routes in this state.", "awake")
            .Takes("user", "Only this user, or with a star at the end all whose names begin so.", "ali*")
            .Takes("inactive_since", "Only routes on which nothing passed after this moment.", "2030-01-31T12:00:00Z")
            .Takes("sort", "user, last_activity or -last_activity.", "-last_activity")
            .Takes("limit", "Routes on a page.", "100")
            .Takes("cursor", "The value of next of the page before.", ApiExamples.Routes.Next!);
        viewers.MapGet("/api/routes/{id}", RouteEndpoints.GetAsync).Answers("One route with everything known", RouteJson.Default.RouteView, ApiExamples.Detailed);
        viewers.MapGet("/api/routes/{id}/why", RouteEndpoints.WhyAsync)
            .Answers("Why the machine is awake, or is not: the last causes, who blocks a stop, what comes next", RouteJson.Default.RouteWhy, ApiExamples.Why);
        viewers.MapGet("/api/events", EventEndpoints.StreamAsync)
            .Answers("Events as they happen (server-sent events)", RouteJson.Default.EventView, ApiExamples.Event, contentType: "text/event-stream")
            .Takes("Last-Event-ID", "The id of the last event seen; what came after it is sent first.", "1896091200000000");
        operators.MapPut("/api/routes/{id}", RouteEndpoints.AssignAsync).Acts("Assign a machine that exists to the user").Reads(AssignmentContext.Default.AssignmentJson, ApiExamples.Assignment);
        operators.MapPost("/api/routes/{id}/wake", RouteEndpoints.WakeAsync).Acts("Wake the machine");
        operators.MapPost("/api/routes/{id}/pin", RouteEndpoints.PinAsync).Acts("Keep the machine from idle stops until a moment").Reads(RouteJson.Default.PinRequest, ApiExamples.Pin);
        operators.MapDelete("/api/routes/{id}/pin", RouteEndpoints.UnpinAsync).Acts("End the pin");
        operators.MapPost("/api/routes/{id}/drain", RouteEndpoints.DrainAsync).Acts("Let no new request in; what is open goes on");
        operators.MapDelete("/api/routes/{id}/drain", RouteEndpoints.UndrainAsync).Acts("Let requests in again");
    }

    private static void MapCosts(RouteGroupBuilder viewers)
    {
        const string Month = "By UTC; one of the last thirteen. Unsaid: the present one.";
        viewers.MapGet("/api/costs", CostEndpoints.MonthAsync)
            .Answers("What a month costs so far, by day, and which machines were awake without use; of one user alone if asked for", CostJson.Default.MonthCosts, ApiExamples.Month)
            .Takes("month", Month, "2030-01")
            .Takes("user", "This user alone.", "alice");
        viewers.MapGet("/api/costs.csv", CostEndpoints.CsvAsync)
            .Answers("A month by user, as CSV", ApiText.Default.String, ApiExamples.CostsCsv, contentType: "text/csv")
            .Takes("month", Month, "2030-01");
        viewers.MapGet("/api/costs/plan", CostEndpoints.PlanAsync)
            .Answers("What a month will cost, before a cent is spent", CostJson.Default.CostPlan, ApiExamples.Plan)
            .Takes("users", "How many.", "100")
            .Takes("hours_per_day", "How long the machine of each is awake.", "2")
            .Takes("region", "Where; the prices of CPU and memory depend on it.", "sjc")
            .Takes("cpu_kind", "shared or performance.", "shared")
            .Takes("cpus", "CPUs of each machine.", "1")
            .Takes("memory_mb", "Memory of each machine.", "512")
            .Takes("volume_gb", "Volume of each user.", "5")
            .Takes("image_gb", "The image's size unpacked; kept while a machine is asleep, it is paid as storage.", "1")
            .Takes("egress_gb", "What the machine of each user sends out in a month.", "0");
    }

    private static void MapUsers(RouteGroupBuilder viewers, RouteGroupBuilder operators)
    {
        operators.MapPost("/api/routes/{id}/kick", UserEndpoints.KickAsync).Acts("End the user's sign-ins, tokens and open sockets");
        viewers.MapGet("/api/users/{user}/access", UserEndpoints.GetAsync).Answers("What is decided of the user over the allow-list", UserEndpoints.AccessViewJson.Default.AccessView, ApiExamples.Access);
        operators.MapPut("/api/users/{user}/access", UserEndpoints.PutAsync)
            .Answers("Let the user in, or keep them out, whatever the allow-list says", UserEndpoints.AccessViewJson.Default.AccessView, ApiExamples.Access)
            .Reads(UserEndpoints.AccessViewJson.Default.AccessWish, ApiExamples.AccessWish);
        operators.MapDelete("/api/users/{user}/access", UserEndpoints.DeleteAsync).Ends("Leave the user to the allow-list again");
    }
}
