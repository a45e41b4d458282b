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

    private const string Shared = "true where several users are on the machine: it is theirs as well.";

    public static void MapLifecycle(this IEndpointRouteBuilder endpoints)
    {
        var operators = endpoints.MapGroup("").WithMetadata(OperationsOnly.Instance).RequireAuthorization(IdentityPolicies.Operator).AddEndpointFilter<RouteGroupBuilder, OperatorAudit>().AddEndpointFilter<RouteGroupBuilder, Precondition>();
        var viewers = endpoints.MapGroup("").WithMetadata(OperationsOnly.Instance).RequireAuthorization(IdentityPolicies.Viewer);
        operators.MapDelete("/api/routes/{id}", RouteEndpoints.RemoveAsync).Ends("Remove the session; its volume stays unless it is named")
            .Takes("volume", "The user's volume by its id: it is destroyed with all that is on it.").Takes("machine", "A machine that was assigned and not made by the gateway, by its id: it is destroyed as well.");
        operators.MapPost("/api/routes/{id}/upgrade", UpgradeEndpoints.UpgradeAsync).Answers<UpgradeAnswer>("Give the machine the template's image and size, or pin an image; at its next sleep if somebody is on it").Takes("shared", Shared, "true");
        operators.MapPost("/api/routes/{id}/stop", StopEndpoints.StopAsync).Acts("Put the machine to sleep by a stop, its sockets closed with a reason").Takes("shared", Shared, "true");
        operators.MapPost("/api/routes/{id}/suspend", StopEndpoints.SuspendAsync).Acts("Put the machine to sleep by a suspend").Takes("shared", Shared, "true");
        operators.MapPost("/api/routes/{id}/restart", StopEndpoints.RestartAsync).Acts("Stop the machine and wake it again").Takes("shared", Shared, "true");
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
