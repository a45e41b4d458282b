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
        operators.MapDelete("/api/routes/{id}", RouteEndpoints.RemoveAsync).Acts("Remove the session, answered without a body; its volume stays unless it is named")
            .Takes("volume", "The user's volume by its id: it is destroyed with all that is on it.", ApiExamples.Route.Volume!)
            .Takes("machine", "A machine that was assigned and not made by the gateway, by its id: it is destroyed as well.", ApiExamples.Route.Machine!);
        operators.MapPost("/api/routes/{id}/upgrade", UpgradeEndpoints.UpgradeAsync)
            .Acts("Give the machine the template's image and size, or pin an image; at its next sleep if somebody is on it", UpgradeJson.Default.UpgradeAnswer, ApiExamples.Upgraded)
            .Reads(UpgradeJson.Default.UpgradeRequest, ApiExamples.Upgrade, required: false)
            .Takes("shared", Shared, "true");
        operators.MapPost("/api/routes/{id}/stop", StopEndpoints.StopAsync).Acts("Put the machine to sleep by a stop, its sockets closed with a reason").Takes("shared", Shared, "true");
        operators.MapPost("/api/routes/{id}/suspend", StopEndpoints.SuspendAsync).Acts("Put the machine to sleep by a suspend").Takes("shared", Shared, "true");
        operators.MapPost("/api/routes/{id}/restart", StopEndpoints.RestartAsync).Acts("Stop the machine and wake it again").Takes("shared", Shared, "true");
        MapRecovery(viewers, operators);
        viewers.MapGet("/api/routes/{id}/override", ExportEndpoints.ReadOverrideAsync)
            .Answers("Where this user's workspace differs from the template", ExportJson.Default.WorkspaceOverride, ApiExamples.Override);
        operators.MapPut("/api/routes/{id}/override", ExportEndpoints.WriteOverrideAsync)
            .Answers("Let this user's workspace differ from the template, also before they first come", ExportJson.Default.WorkspaceOverride, ApiExamples.Override)
            .Reads(ExportJson.Default.WorkspaceOverride, ApiExamples.Override);
        operators.MapGet("/api/export", ExportEndpoints.ReadAsync).Answers("What machines cannot bring back when the map is lost", ExportJson.Default.Export, ApiExamples.Export);
        operators.MapPut("/api/export", ExportEndpoints.WriteAsync).Ends("Bring an export back, over what stands").Reads(ExportJson.Default.Export, ApiExamples.Export);
        viewers.MapGet("/api/drift", DriftEndpoints.ListAsync).Answers("Where the map and the platform differ, since when, and what is done about it", DriftViewJson.Default.DriftAnswer, ApiExamples.Drift);
        viewers.MapGet("/api/audit", DriftEndpoints.AuditAsync)
            .Answers("The steps that cannot be taken back, newest first", DriftViewJson.Default.AuditAnswer, ApiExamples.Audit).Takes("limit", "How many.", "100");
        operators.MapPost("/api/upgrade", UpgradeEndpoints.AskRoundAsync)
            .Answers("Upgrade all machines that sleep, one after another", UpgradeJson.Default.UpgradeRoundState, ApiExamples.RoundState, StatusCodes.Status202Accepted)
            .Reads(UpgradeJson.Default.UpgradeRoundRequest, ApiExamples.Round, required: false);
        viewers.MapGet("/api/upgrade", UpgradeEndpoints.ReadRoundAsync).Answers("How far the round of upgrades is", UpgradeJson.Default.UpgradeRoundState, ApiExamples.RoundState);
    }

    private static void MapRecovery(RouteGroupBuilder viewers, RouteGroupBuilder operators)
    {
        viewers.MapGet("/api/routes/{id}/volume", RecoveryEndpoints.VolumeAsync).Answers("The user's volume", RecoveryJson.Default.VolumeAnswer, ApiExamples.Volume);
        operators.MapPost("/api/routes/{id}/volume", RecoveryEndpoints.ExtendAsync)
            .Acts("Extend the user's volume; it never shrinks again", RecoveryJson.Default.VolumeAnswer, ApiExamples.Volume with { SizeGb = 8 })
            .Reads(RecoveryJson.Default.ExtendRequest, ApiExamples.Extend);
        viewers.MapGet("/api/routes/{id}/snapshots", RecoveryEndpoints.SnapshotsAsync).Answers("The volume's snapshots, newest first", RecoveryJson.Default.SnapshotsAnswer, ApiExamples.Snapshots);
        operators.MapPost("/api/routes/{id}/snapshots", RecoveryEndpoints.TakeSnapshotAsync).Acts("Take a snapshot", RecoveryJson.Default.SnapshotAsked, ApiExamples.SnapshotAsked);
        operators.MapPost("/api/routes/{id}/restore", RecoveryEndpoints.RestoreAsync)
            .Acts("Put the workspace on a new volume made of a snapshot; the old volume stays", RecoveryJson.Default.RestoreAnswer, ApiExamples.Restored)
            .Reads(RecoveryJson.Default.RestoreRequest, ApiExamples.Restore);
    }
}
