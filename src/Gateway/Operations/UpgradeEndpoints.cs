using System.Globalization;
using System.Text.Json.Serialization;
using Gateway.Machines;
using Gateway.Provisioning;
using Gateway.Sessions;

namespace Gateway.Operations;

/// <summary>What an operator's upgrade may say. An image stays pinned for that user until an empty one takes the pin away.</summary>
internal sealed record UpgradeRequest(string? Image, bool? Previous);

internal sealed record UpgradeRoundRequest(double? PaceSeconds);

/// <summary>What became of it, and what the machine has and had.</summary>
internal sealed record UpgradeAnswer(string Outcome, string Detail, MachineSpec? Wanted, MachineMake? Make);

[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.SnakeCaseLower)]
[JsonSerializable(typeof(UpgradeRequest))]
[JsonSerializable(typeof(UpgradeRoundRequest))]
[JsonSerializable(typeof(UpgradeRoundState))]
[JsonSerializable(typeof(UpgradeAnswer))]
internal sealed partial class UpgradeJson : JsonSerializerContext;

/// <summary><c>/api/routes/{id}/upgrade</c> and <c>/api/upgrade</c>.</summary>
internal static class UpgradeEndpoints
{
    private const double DefaultPace = 2;
    private const double LongestPace = 3600;

    public static Task UpgradeAsync(HttpContext context, string id, RouteListing listing, OperatorUpgrade upgrade) => RouteEndpoints.AnswerAsync(context, async () =>
    {
        if (await RouteEndpoints.FindAsync(id, listing, context.RequestAborted) is not { } found)
        {
            await RouteEndpoints.RefuseAsync(context, RouteEndpoints.NoSuchRoute);
            return;
        }

        var (body, fault) = await RequestBody.ReadAsync(context.Request, UpgradeJson.Default.UpgradeRequest, context.RequestAborted);
        if (fault is not null || body is { Image: not null, Previous: true } || body?.Image is { Length: > 512 } || body?.Image?.Any(char.IsWhiteSpace) is true)
        {
            await RouteEndpoints.RefuseAsync(context, new Refusal(400, "bad-upgrade", "The upgrade cannot be read",
                "Send nothing, {\"image\":\"<image>\"} to pin one, {\"image\":\"\"} to take the pin away, or {\"previous\":true} to go back."));
            return;
        }

        var (answer, refusal) = await upgrade.RunAsync(found.Session, body, context.Request.Query["shared"] == "true", context.RequestAborted);
        if (refusal is not null)
        {
            await RouteEndpoints.RefuseAsync(context, refusal);
            return;
        }

        await ActionAnswer.WriteAsync(context, found.Session.User, listing, answer!, UpgradeJson.Default.UpgradeAnswer);
    });

    public static Task AskRoundAsync(HttpContext context, UpgradeRound round) => RouteEndpoints.AnswerAsync(context, async () =>
    {
        var (body, fault) = await RequestBody.ReadAsync(context.Request, UpgradeJson.Default.UpgradeRoundRequest, context.RequestAborted);
        var pace = body?.PaceSeconds ?? DefaultPace;
        if (fault is not null || pace is not (>= 0 and <= LongestPace))
        {
            await RouteEndpoints.RefuseAsync(context, new Refusal(400, "bad-pace", "The pace cannot be read", string.Create(CultureInfo.InvariantCulture, $"Send nothing or {{\"pace_seconds\":2}}, from 0 to {LongestPace}.")));
            return;
        }

        var asked = await round.AskAsync(TimeSpan.FromSeconds(pace), context.RequestAborted);
        context.Response.StatusCode = StatusCodes.Status202Accepted;
        await context.Response.WriteAsJsonAsync(asked, UpgradeJson.Default.UpgradeRoundState);
    });

    public static Task ReadRoundAsync(HttpContext context, UpgradeRound round) => RouteEndpoints.AnswerAsync(context, async () =>
    {
        if (await round.ReadAsync(context.RequestAborted) is { } state)
        {
            await context.Response.WriteAsJsonAsync(state, UpgradeJson.Default.UpgradeRoundState);
            return;
        }

        await RouteEndpoints.RefuseAsync(context, new Refusal(404, "no-round", "No round of upgrades", "None was asked for yet; POST here asks for one."));
    });
}

/// <summary>An operator's upgrade of one user's machine.</summary>
internal sealed class OperatorUpgrade(ISessionMap map, IMachines machines, WorkspaceNames names, WorkspaceOverrides overrides, WorkspaceUpgrade upgrade)
{
    public async Task<(UpgradeAnswer? Answer, Refusal? Refusal)> RunAsync(Session session, UpgradeRequest? request, bool shared, CancellationToken cancellationToken)
    {
        if (session is not { State: SessionState.Assigned, Machine: { } machine })
        {
            return (null, new Refusal(409, "no-machine-yet", "No machine to upgrade", "The session has no machine assigned yet."));
        }

        var read = await machines.GetAsync(session.App, machine, cancellationToken);
        if (!read.IsOk)
        {
            return (null, OperatorRefusals.Of(read.Failure));
        }

        if (WorkspaceUpgrade.OwnerOf(names, session.App, read.Value) is not { } owner)
        {
            return (null, new Refusal(409, "not-made-here", "The machine was not made by the gateway", "It is upgraded by whoever made it."));
        }

        var users = names.UsersOf(session.App, read.Value.Name, read.Value.Metadata, out _).Count;
        if (users > 1 && !shared)
        {
            return (null, OperatorRefusals.Shared(users));
        }

        var record = await map.FindMachineAsync(machine, cancellationToken);
        if (request is { Previous: true } && record?.Make?.Previous is null)
        {
            return (null, new Refusal(409, "no-previous", "There is nothing to go back to", "The machine was not upgraded since the map was made; name the image instead."));
        }

        await PinAsync(owner, request, record?.Make?.Previous, cancellationToken);
        record ??= new MachineRecord { Machine = machine, App = session.App, State = MachineRecordState.Asleep };
        var outcome = await upgrade.RunAsync(record, insist: true, cancellationToken);
        var after = await map.FindMachineAsync(machine, cancellationToken);
        return (new UpgradeAnswer(System.Text.Json.JsonNamingPolicy.SnakeCaseLower.ConvertName(outcome.Result.ToString()), outcome.Detail, outcome.Wanted, after?.Make), null);
    }

    private async Task PinAsync(UserId owner, UpgradeRequest? request, MachineSpec? previous, CancellationToken cancellationToken)
    {
        var own = await overrides.FindAsync(owner, cancellationToken) ?? new WorkspaceOverride();
        var next = request switch
        {
            { Previous: true } when previous is not null => own with { Image = previous.Image, CpuKind = previous.CpuKind, Cpus = previous.Cpus, MemoryMb = previous.MemoryMb },
            { Image.Length: 0 } => own with { Image = null },
            { Image: { } image } => own with { Image = image },
            _ => own,
        };
        if (next != own)
        {
            await overrides.WriteAsync(owner, next, cancellationToken);
        }
    }
}
