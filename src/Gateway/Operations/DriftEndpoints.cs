using System.Globalization;
using System.Text.Json.Serialization;
using Gateway.Reconciling;
using Gateway.Sessions;
using Microsoft.Extensions.Options;

namespace Gateway.Operations;

/// <summary>A difference as operators see it.</summary>
/// <param name="DryRun">It has a repair, which the configuration keeps from being carried out.</param>
internal sealed record DriftView(
    string Kind, string App, string Subject, IReadOnlyList<string> Users, string Detail, string Planned, string Repair, bool DryRun,
    DateTimeOffset FirstSeen, DateTimeOffset LastSeen, long AgeSeconds, string? Outcome);

internal sealed record DriftAnswer(ReconcilePass? Pass, IReadOnlyList<DriftView> Drift);

internal sealed record AuditAnswer(IReadOnlyList<AuditEntry> Entries);

[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.SnakeCaseLower)]
[JsonSerializable(typeof(DriftAnswer))]
[JsonSerializable(typeof(AuditAnswer))]
internal sealed partial class DriftViewJson : JsonSerializerContext;

/// <summary><c>/api/drift</c> and <c>/api/audit</c>.</summary>
internal static class DriftEndpoints
{
    private const int MostEntries = 1000;

    public static Task ListAsync(HttpContext context, DriftList drifts, IOptions<ReconcilingOptions> options, TimeProvider time) => RouteEndpoints.AnswerAsync(context, async () =>
    {
        var now = time.GetUtcNow();
        var found = await drifts.ReadAsync(context.RequestAborted);
        var pass = await drifts.ReadPassAsync(context.RequestAborted);
        context.Response.Headers.CacheControl = "no-store";
        await context.Response.WriteAsJsonAsync(new DriftAnswer(pass, [.. found.Select(drift => ViewOf(drift, options.Value, now))]), DriftViewJson.Default.DriftAnswer);
    });

    public static Task AuditAsync(HttpContext context, AuditTrail audit) => RouteEndpoints.AnswerAsync(context, async () =>
    {
        var limit = 100;
        if (context.Request.Query["limit"].ToString() is { Length: > 0 } text && (!int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out limit) || limit is < 1 or > MostEntries))
        {
            await RouteEndpoints.RefuseAsync(context, new Refusal(400, "bad-query", "The query cannot be read", string.Create(CultureInfo.InvariantCulture, $"limit must be a number from 1 to {MostEntries}")));
            return;
        }

        context.Response.Headers.CacheControl = "no-store";
        await context.Response.WriteAsJsonAsync(new AuditAnswer(await audit.ReadLastAsync(limit, context.RequestAborted)), DriftViewJson.Default.AuditAnswer);
    });

    private static DriftView ViewOf(Drift drift, ReconcilingOptions options, DateTimeOffset now) => new(
        drift.Kind, drift.App, drift.Subject, drift.Users, drift.Detail, drift.Planned,
        drift.Repair switch { DriftRepairKind.Safe => "safe", DriftRepairKind.Destroys => "destroys", _ => "operator" },
        (drift.Repair is DriftRepairKind.Destroys && !options.Destroy) || (drift.Repair is DriftRepairKind.Safe && !options.Repair),
        drift.FirstSeen, drift.LastSeen, (long)(now - drift.FirstSeen).TotalSeconds, drift.Outcome);
}
