using System.Globalization;
using System.Text.Json.Serialization;
using Gateway.Identity;
using Gateway.Machines;
using Gateway.Provisioning;
using Gateway.Sessions;

namespace Gateway.Operations;

internal sealed record SnapshotView(string Id, long SizeBytes, DateTimeOffset CreatedAt, long AgeSeconds, string Status);

internal sealed record SnapshotsAnswer(string Volume, IReadOnlyList<SnapshotView> Snapshots);

/// <summary>The snapshot is taken some time later; the list shows it then.</summary>
internal sealed record SnapshotAsked(string Volume);

internal sealed record VolumeAnswer(string Id, string State, string Region, int SizeGb, long BytesUsed, long BytesTotal);

internal sealed record RestoreRequest(string? Snapshot);

internal sealed record ExtendRequest(int? SizeGb);

internal sealed record RestoreAnswer(string Outcome, string Detail, bool Fenced, string? Machine, string? Volume);

[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.SnakeCaseLower)]
[JsonSerializable(typeof(SnapshotsAnswer))]
[JsonSerializable(typeof(VolumeAnswer))]
[JsonSerializable(typeof(SnapshotAsked))]
[JsonSerializable(typeof(RestoreRequest))]
[JsonSerializable(typeof(ExtendRequest))]
[JsonSerializable(typeof(RestoreAnswer))]
internal sealed partial class RecoveryJson : JsonSerializerContext;

/// <summary>A user's volume, its snapshots, and the way back to one of them.</summary>
internal static class RecoveryEndpoints
{
    private const int LargestVolume = 500;

    public static Task VolumeAsync(HttpContext context, string id, RouteListing listing, IMachines machines) => WithVolumeAsync(context, id, listing, async (session, volume) =>
    {
        var read = await machines.GetVolumeAsync(session.App, volume, context.RequestAborted);
        await (read.IsOk ? context.Response.WriteAsJsonAsync(AnswerOf(read.Value), RecoveryJson.Default.VolumeAnswer) : RouteEndpoints.RefuseAsync(context, OperatorRefusals.Of(read.Failure)));
    });

    public static Task ExtendAsync(HttpContext context, string id, RouteListing listing, IMachines machines, ISessionMap map) => WithVolumeAsync(context, id, listing, async (session, volume) =>
    {
        var (body, fault) = await RequestBody.ReadAsync(context.Request, RecoveryJson.Default.ExtendRequest, context.RequestAborted);
        var read = await machines.GetVolumeAsync(session.App, volume, context.RequestAborted);
        if (!read.IsOk)
        {
            await RouteEndpoints.RefuseAsync(context, OperatorRefusals.Of(read.Failure));
            return;
        }

        if (fault is not null || body?.SizeGb is not { } size || size > LargestVolume || size < read.Value.SizeGb)
        {
            await RouteEndpoints.RefuseAsync(context, new Refusal(400, "bad-size", "The size cannot be used",
                string.Create(CultureInfo.InvariantCulture, $"Send {{\"size_gb\":…}}, from {read.Value.SizeGb} to {LargestVolume}: volumes only grow.")));
            return;
        }

        // Asking again for what is there is done already; the platform would refuse it.
        var extended = size == read.Value.SizeGb ? read : await machines.ExtendVolumeAsync(session.App, volume, size, context.RequestAborted);
        if (!extended.IsOk)
        {
            await RouteEndpoints.RefuseAsync(context, OperatorRefusals.Of(extended.Failure));
            return;
        }

        // It is paid by its new size from now on. A session that changed meanwhile is corrected when the map is next compared with the platform.
        if (session.VolumeGb != extended.Value.SizeGb)
        {
            await map.WriteAsync(session with { VolumeGb = extended.Value.SizeGb }, context.RequestAborted);
        }

        await ActionAnswer.WriteAsync(context, session.User, listing, AnswerOf(extended.Value), RecoveryJson.Default.VolumeAnswer, $"/api/routes/{id}/volume");
    });

    public static Task SnapshotsAsync(HttpContext context, string id, RouteListing listing, IMachines machines, TimeProvider time) => WithVolumeAsync(context, id, listing, async (session, volume) =>
    {
        var snapshots = await machines.ListSnapshotsAsync(session.App, volume, context.RequestAborted);
        if (!snapshots.IsOk)
        {
            await RouteEndpoints.RefuseAsync(context, OperatorRefusals.Of(snapshots.Failure));
            return;
        }

        var now = time.GetUtcNow();
        var views = snapshots.Value.OrderByDescending(snapshot => snapshot.CreatedAt)
            .Select(snapshot => new SnapshotView(snapshot.Id, snapshot.SizeBytes, snapshot.CreatedAt, (long)(now - snapshot.CreatedAt).TotalSeconds, snapshot.Status));
        await context.Response.WriteAsJsonAsync(new SnapshotsAnswer(volume.Value, [.. views]), RecoveryJson.Default.SnapshotsAnswer);
    });

    public static Task TakeSnapshotAsync(HttpContext context, string id, RouteListing listing, IMachines machines) => WithVolumeAsync(context, id, listing, async (session, volume) =>
    {
        var taken = await machines.TakeSnapshotAsync(session.App, volume, context.RequestAborted);
        if (!taken.IsOk)
        {
            await RouteEndpoints.RefuseAsync(context, OperatorRefusals.Of(taken.Failure));
            return;
        }

        await ActionAnswer.WriteAsync(context, session.User, listing, new SnapshotAsked(volume.Value), RecoveryJson.Default.SnapshotAsked, $"/api/routes/{id}/snapshots");
    });

    /// <summary>Only with the snapshot's id, which nobody has who has not looked how old it is.</summary>
    public static Task RestoreAsync(HttpContext context, string id, RouteListing listing, WorkspaceRestore restore) => RouteEndpoints.AnswerAsync(context, async () =>
    {
        var (body, fault) = await RequestBody.ReadAsync(context.Request, RecoveryJson.Default.RestoreRequest, context.RequestAborted);
        if (fault is not null || body is not { Snapshot: { Length: > 0 } snapshot })
        {
            await RouteEndpoints.RefuseAsync(context, new Refusal(400, "confirm-snapshot", "Name the snapshot to restore",
                $"GET /api/routes/{id}/snapshots tells which there are and how old they are; send {{\"snapshot\":\"<its id>\"}}. What was written since then is not on the new volume."));
            return;
        }

        if (await RouteEndpoints.FindAsync(id, listing, context.RequestAborted) is not { } found)
        {
            await RouteEndpoints.RefuseAsync(context, RouteEndpoints.NoSuchRoute);
            return;
        }

        // Not given up with its caller: half a restore is for nobody.
        var outcome = await restore.RunAsync(found.Session, snapshot, context.User.GetUserId().Value, CancellationToken.None);
        if (OperatorRefusals.Of(outcome) is { } refusal)
        {
            await RouteEndpoints.RefuseAsync(context, refusal);
            return;
        }

        var answer = new RestoreAnswer(
            outcome.Result is RestoreResult.Underway ? "underway" : "restored", outcome.Detail, outcome.Fenced, outcome.Session?.Machine?.Value, outcome.Session?.Volume?.Value);
        await ActionAnswer.WriteAsync(context, found.Session.User, listing, answer, RecoveryJson.Default.RestoreAnswer);
    });

    private static Task WithVolumeAsync(HttpContext context, string id, RouteListing listing, Func<Session, VolumeId, Task> answer) => RouteEndpoints.AnswerAsync(context, async () =>
    {
        context.Response.Headers.CacheControl = "no-store";
        switch (await RouteEndpoints.FindAsync(id, listing, context.RequestAborted))
        {
            case { Session: { Volume: { } volume } session }:
                await answer(session, volume);
                return;
            case null:
                await RouteEndpoints.RefuseAsync(context, RouteEndpoints.NoSuchRoute);
                return;
            default:
                await RouteEndpoints.RefuseAsync(context, new Refusal(409, "no-volume", "The user has no volume", "The workspace is not made yet, or its machine has none."));
                return;
        }
    });

    private static VolumeAnswer AnswerOf(Volume volume) => new(volume.Id.Value, volume.State, volume.Region, volume.SizeGb, volume.BytesUsed, volume.BytesTotal);
}
