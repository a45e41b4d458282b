using System.Text.Json;
using System.Text.Json.Serialization;
using Gateway.Identity;
using Gateway.Idling;
using Gateway.Sessions;
using Microsoft.Extensions.Options;

namespace Gateway;

/// <summary>
/// What a workspace says of its own use: <c>POST /.gateway/keep</c> by a page whose user is still there, <c>POST /.gateway/busy</c> by whoever has long
/// work running. Both only put the next sleep off; neither wakes anything.
/// </summary>
internal sealed class WorkspaceUse(RouteTable routes, IVisitMap visits, SameOrigin sameOrigin, IOptions<IdlingOptions> options, TimeProvider time)
{
    private const int LongestBody = 1024;

    private static readonly Refusal Foreign = new(
        StatusCodes.Status403Forbidden, "foreign-page", "Asked by another site", "Only the workspace's own pages, and programs with a token, may keep it awake.");

    private static readonly Refusal NothingAwake = new(
        StatusCodes.Status409Conflict, "not-awake", "Your workspace is not awake", "There is nothing to keep awake. Open the workspace first.") { GatewayState = "asleep" };

    public static void Map(IEndpointRouteBuilder endpoints)
    {
        endpoints.MapPost("/.gateway/keep", static (HttpContext context, WorkspaceUse use) => use.KeepAsync(context)).RequireAuthorization(IdentityPolicies.Workspace);
        endpoints.MapPost("/.gateway/busy", static (HttpContext context, WorkspaceUse use) => use.BusyAsync(context)).RequireAuthorization(IdentityPolicies.Workspace);
    }

    private Task KeepAsync(HttpContext context) => PutOffAsync(context, options.Value.IdleAfter);

    private async Task BusyAsync(HttpContext context)
    {
        var asked = await ReadAsync(context);
        if (asked?.Minutes is not { } minutes || minutes <= 0 || minutes > options.Value.BusyLimit.TotalMinutes)
        {
            await RefusalResponse.WriteAsync(context, new Refusal(
                StatusCodes.Status400BadRequest, "bad-minutes", "For how long?", $"Send {{\"minutes\": N}} with N from 1 to {options.Value.BusyLimit.TotalMinutes:0}, and again when the work takes longer."));
            return;
        }

        await PutOffAsync(context, TimeSpan.FromMinutes(minutes));
    }

    private async Task PutOffAsync(HttpContext context, TimeSpan forTime)
    {
        if (!sameOrigin.IsNotForeign(context.Request))
        {
            await RefusalResponse.WriteAsync(context, Foreign);
            return;
        }

        if (await routes.FindAsync(context.User.GetUserId(), context.RequestAborted) is not { Route: { IsAwake: true, Session.Machine: { } machine } })
        {
            await RefusalResponse.WriteAsync(context, NothingAwake);
            return;
        }

        var until = time.GetUtcNow() + forTime;
        try
        {
            await visits.ReportAsync([new IdleReport(machine, until, DateTimeOffset.UnixEpoch)], context.RequestAborted);
        }
        catch (SessionMapUnavailableException)
        {
            await RefusalResponse.WriteAsync(context, Outcomes.MapUnavailable(TimeSpan.FromSeconds(2)));
            return;
        }

        context.Response.Headers.CacheControl = "no-store";
        await context.Response.WriteAsJsonAsync(new AwakeUntil(until), WorkspaceUseJson.Default.AwakeUntil);
    }

    private static async Task<BusyFor?> ReadAsync(HttpContext context)
    {
        var buffer = new byte[LongestBody + 1];
        var length = await context.Request.Body.ReadAtLeastAsync(buffer, buffer.Length, throwOnEndOfStream: false, context.RequestAborted);
        try
        {
            return length > LongestBody ? null : JsonSerializer.Deserialize(buffer.AsSpan(0, length), WorkspaceUseJson.Default.BusyFor);
        }
        catch (JsonException)
        {
            return null;
        }
    }
}

internal sealed record BusyFor(double? Minutes);

internal sealed record AwakeUntil(DateTimeOffset Until);

[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.SnakeCaseLower)]
[JsonSerializable(typeof(BusyFor))]
[JsonSerializable(typeof(AwakeUntil))]
internal sealed partial class WorkspaceUseJson : JsonSerializerContext;
