using Gateway.Identity;

namespace Gateway.Operations;

/// <summary>What operators do to workspaces over their lives, beside routes themselves.</summary>
internal static class LifecycleSetup
{
    public static IServiceCollection AddLifecycleOperations(this IServiceCollection services)
    {
        services.AddSingleton<OperatorUpgrade>();
        return services;
    }

    public static void MapLifecycle(this IEndpointRouteBuilder endpoints)
    {
        var operators = endpoints.MapGroup("").WithMetadata(OperationsOnly.Instance).RequireAuthorization(IdentityPolicies.Operator);
        operators.MapPost("/api/routes/{id}/upgrade", UpgradeEndpoints.UpgradeAsync);
        operators.MapGet("/api/drift", DriftEndpoints.ListAsync);
        operators.MapGet("/api/audit", DriftEndpoints.AuditAsync);
        operators.MapPost("/api/upgrade", UpgradeEndpoints.AskRoundAsync);
        operators.MapGet("/api/upgrade", UpgradeEndpoints.ReadRoundAsync);
    }
}
