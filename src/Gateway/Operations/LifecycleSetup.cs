using Gateway.Identity;

namespace Gateway.Operations;

/// <summary>What operators do to workspaces over their lives, beside routes themselves.</summary>
internal static class LifecycleSetup
{
    public static IServiceCollection AddLifecycleOperations(this IServiceCollection services)
    {
        services.AddSingleton<OperatorUpgrade>();
        services.AddSingleton<OperatorStop>();
        return services;
    }

    public static void MapLifecycle(this IEndpointRouteBuilder endpoints)
    {
        var operators = endpoints.MapGroup("").WithMetadata(OperationsOnly.Instance).RequireAuthorization(IdentityPolicies.Operator).AddEndpointFilter<RouteGroupBuilder, OperatorAudit>().AddEndpointFilter<RouteGroupBuilder, Precondition>();
        var viewers = endpoints.MapGroup("").WithMetadata(OperationsOnly.Instance).RequireAuthorization(IdentityPolicies.Viewer);
        operators.MapDelete("/api/routes/{id}", RouteEndpoints.RemoveAsync);
        operators.MapPost("/api/routes/{id}/upgrade", UpgradeEndpoints.UpgradeAsync);
        operators.MapPost("/api/routes/{id}/stop", StopEndpoints.StopAsync);
        operators.MapPost("/api/routes/{id}/suspend", StopEndpoints.SuspendAsync);
        operators.MapPost("/api/routes/{id}/restart", StopEndpoints.RestartAsync);
        viewers.MapGet("/api/routes/{id}/volume", RecoveryEndpoints.VolumeAsync);
        operators.MapPost("/api/routes/{id}/volume", RecoveryEndpoints.ExtendAsync);
        viewers.MapGet("/api/routes/{id}/snapshots", RecoveryEndpoints.SnapshotsAsync);
        operators.MapPost("/api/routes/{id}/snapshots", RecoveryEndpoints.TakeSnapshotAsync);
        operators.MapPost("/api/routes/{id}/restore", RecoveryEndpoints.RestoreAsync);
        viewers.MapGet("/api/routes/{id}/override", ExportEndpoints.ReadOverrideAsync);
        operators.MapPut("/api/routes/{id}/override", ExportEndpoints.WriteOverrideAsync);
        operators.MapGet("/api/export", ExportEndpoints.ReadAsync);
        operators.MapPut("/api/export", ExportEndpoints.WriteAsync);
        viewers.MapGet("/api/drift", DriftEndpoints.ListAsync);
        viewers.MapGet("/api/audit", DriftEndpoints.AuditAsync);
        operators.MapPost("/api/upgrade", UpgradeEndpoints.AskRoundAsync);
        viewers.MapGet("/api/upgrade", UpgradeEndpoints.ReadRoundAsync);
    }
}
