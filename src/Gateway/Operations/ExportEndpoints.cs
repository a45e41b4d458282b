using System.Text.Json.Serialization;
using Gateway.Identity;
using Gateway.Provisioning;
using Gateway.Sessions;
using Microsoft.Extensions.Options;

namespace Gateway.Operations;

/// <summary>What no machine's metadata can bring back when the session map is lost.</summary>
/// <param name="Format">1.</param>
/// <param name="Overrides">By user: where their workspace differs from the template, pins included.</param>
/// <param name="Audit">Newest first.</param>
internal sealed record Export(int Format, DateTimeOffset At, IReadOnlyDictionary<string, WorkspaceOverride>? Overrides, IReadOnlyList<AuditEntry>? Audit);

[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.SnakeCaseLower, DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull)]
[JsonSerializable(typeof(Export))]
[JsonSerializable(typeof(WorkspaceOverride))]
internal sealed partial class ExportJson : JsonSerializerContext;

/// <summary><c>/api/export</c>, and one user's override.</summary>
internal static class ExportEndpoints
{
    private const int Format = 1;
    private const int WholeAudit = 10_000;
    private const int Longest = 64 << 20;

    public static Task ReadAsync(HttpContext context, WorkspaceOverrides overrides, AuditTrail audit, TimeProvider time) => RouteEndpoints.AnswerAsync(context, async () =>
    {
        var all = await overrides.ReadAllAsync(context.RequestAborted);
        var export = new Export(Format, time.GetUtcNow(), all.ToDictionary(own => own.User.Value, own => own.Override), await audit.ReadLastAsync(WholeAudit, context.RequestAborted));
        context.Response.Headers.CacheControl = "no-store";
        await context.Response.WriteAsJsonAsync(export, ExportJson.Default.Export);
    });

    /// <summary>Writes what is in it over what stands; what is not in it stays. Audit entries that are there already are not doubled.</summary>
    public static Task WriteAsync(HttpContext context, WorkspaceOverrides overrides, IOptions<WorkspaceOptions> template, AuditTrail audit) => RouteEndpoints.AnswerAsync(context, async () =>
    {
        var (export, fault) = await RequestBody.ReadAsync(context.Request, ExportJson.Default.Export, context.RequestAborted, Longest);
        if (fault is not null || export is not { Format: Format })
        {
            await RouteEndpoints.RefuseAsync(context, new Refusal(400, "bad-export", "The export cannot be read", $"Send what GET /api/export answered; {fault ?? "its format must be 1"}."));
            return;
        }

        var owns = export.Overrides ?? new Dictionary<string, WorkspaceOverride>();
        var faults = owns.SelectMany(own => own.Value.FaultsOver(template.Value).Select(wrong => $"{own.Key}: {wrong}")).Concat(owns.Keys.Any(user => user.Length == 0) ? ["a user's name is empty"] : []).ToList();
        if (faults.Count > 0)
        {
            await RouteEndpoints.RefuseAsync(context, new Refusal(400, "bad-export", "The export cannot be used, and nothing of it was", string.Join("; ", faults)));
            return;
        }

        foreach (var (user, own) in owns)
        {
            await overrides.WriteAsync(new UserId(user), own, context.RequestAborted);
        }

        var known = (await audit.ReadLastAsync(WholeAudit, context.RequestAborted)).Select(entry => entry.Id).ToHashSet();
        foreach (var entry in (export.Audit ?? []).Reverse().Where(entry => known.Add(entry.Id)))
        {
            await audit.AppendAsync(entry, context.RequestAborted);
        }

        context.Response.StatusCode = StatusCodes.Status204NoContent;
    });

    public static Task ReadOverrideAsync(HttpContext context, string id, WorkspaceOverrides overrides) => WithUserAsync(context, id, async user =>
        await context.Response.WriteAsJsonAsync(await overrides.FindAsync(user, context.RequestAborted) ?? new WorkspaceOverride(), ExportJson.Default.WorkspaceOverride));

    /// <summary>Also for a user who never came yet: their workspace is made by it.</summary>
    public static Task WriteOverrideAsync(HttpContext context, string id, WorkspaceOverrides overrides, IOptions<WorkspaceOptions> template, AuditTrail audit) => WithUserAsync(context, id, async user =>
    {
        var (own, fault) = await RequestBody.ReadAsync(context.Request, ExportJson.Default.WorkspaceOverride, context.RequestAborted);
        IReadOnlyList<string> faults = own is null ? [fault ?? "send {} to take it away"] : own.FaultsOver(template.Value);
        if (faults.Count > 0)
        {
            await RouteEndpoints.RefuseAsync(context, new Refusal(400, "bad-override", "The override cannot be used", string.Join("; ", faults)));
            return;
        }

        await overrides.WriteAsync(user, own!, context.RequestAborted);
        await audit.RecordAsync("override-written", user.Value, context.User.GetUserId().Value, own!.IsEmpty ? "The template's again." : own.ToString(), context.RequestAborted);
        await context.Response.WriteAsJsonAsync(own, ExportJson.Default.WorkspaceOverride);
    });

    private static Task WithUserAsync(HttpContext context, string id, Func<UserId, Task> answer) => RouteEndpoints.AnswerAsync(context, async () =>
    {
        context.Response.Headers.CacheControl = "no-store";
        await (RouteId.TryParse(id, out var user) ? answer(user.Value) : RouteEndpoints.RefuseAsync(context, RouteEndpoints.NoSuchRoute));
    });
}
