using System.Globalization;
using System.Text.Json.Nodes;

namespace MachinesSimulator;

/// <summary>The calls below <c>/v1/apps/{app}/machines</c>.</summary>
internal sealed class MachineEndpoints(SimulatedCloud cloud, SimulatorOptions options, Leases leases)
{
    private const string One = "/v1/apps/{app}/machines/{machine}";

    private DateTimeOffset Now => options.Time.GetUtcNow();

    public void Map(IEndpointRouteBuilder endpoints, ApiEndpoint api)
    {
        endpoints.MapGet("/v1/apps/{app}/machines", api.Of("list", List));
        endpoints.MapPost("/v1/apps/{app}/machines", api.Of("create", Create));
        endpoints.MapGet(One, api.Of("get", call => Found(call).Describe(call.Is("include_leases"))));
        endpoints.MapPost(One, api.Of("update", Update));
        endpoints.MapDelete(One, api.Of("destroy", DestroyAsync));
        endpoints.MapPost(One + "/start", api.Of("start", Start));
        endpoints.MapPost(One + "/stop", api.Of("stop", Stop));
        endpoints.MapPost(One + "/suspend", api.Of("suspend", Suspend));
        endpoints.MapPost(One + "/restart", api.Of("restart", Restart));
        endpoints.MapGet(One + "/wait", api.Of("wait", WaitAsync));
        endpoints.MapGet(One + "/events", api.Of("events", call => new JsonArray([.. Found(call).Events.Select(static e => e.DeepClone())])));
        endpoints.MapGet(One + "/metadata", api.Of("metadata.get", call => Found(call).Metadata.DeepClone()));
        endpoints.MapMethods(One + "/metadata", ["PATCH", "PUT"], api.Of("metadata", PatchMetadata, 204));
        endpoints.MapGet(One + "/metadata/{key}", api.Of("metadata.get", call =>
            new JsonObject { ["value"] = Found(call).Metadata[call.Route("key")!]?.DeepClone() ?? throw ApiError.NotFound("metadata key not found") }));
        endpoints.MapPost(One + "/metadata/{key}", api.Of("metadata", SetMetadata, 204));
        endpoints.MapDelete(One + "/metadata/{key}", api.Of("metadata", RemoveMetadata, 204));
    }

    private SimulatedMachine Found(ApiCall call) => cloud.Machine(call.App, call.Machine!);

    /// <summary>The machine, if the call may change it: its lease is free, or the nonce is the lease's.</summary>
    private SimulatedMachine Changeable(ApiCall call)
    {
        var machine = Found(call);
        if (machine.State == "destroyed")
        {
            throw ApiError.NotFound("machine not found");
        }

        machine.RequireHost();
        leases.Require(machine, call.Nonce);
        return machine;
    }

    private JsonNode List(ApiCall call)
    {
        var query = call.Context.Request.Query;
        var wanted = query.Where(static pair => pair.Key.StartsWith("metadata.", StringComparison.Ordinal)).ToDictionary(static pair => pair.Key[9..], static pair => pair.Value.ToString());
        var states = call.Query("state")?.Split(',');
        var machines = cloud.Machines.Where(machine => machine.App == call.App
            && (machine.State != "destroyed" || call.Is("include_deleted"))
            && (states is null || states.Contains(machine.State))
            && (call.Query("region") is not { } region || machine.Region == region)
            && wanted.All(pair => machine.Metadata[pair.Key]?.GetValue<string>() == pair.Value));

        // The cursor is the last id of a page: machines that come and go in between neither repeat nor hide others.
        var limit = int.TryParse(call.Query("limit"), out var asked) ? Math.Clamp(asked, 1, 1000) : 1000;
        var rest = call.Query("cursor") is { } cursor ? machines.SkipWhile(machine => machine.Id != cursor).Skip(1) : machines;
        var page = rest.Take(limit + 1).ToList();
        if (page.Count > limit)
        {
            page.RemoveAt(limit);
            call.Context.Response.Headers["fly-next-cursor"] = page[^1].Id;
        }

        return new JsonArray([.. page.Select(machine => machine.Describe(call.Is("include_leases")))]);
    }

    private JsonNode Create(ApiCall call)
    {
        var machine = cloud.Create(call.App, call.Body);
        var described = machine.Describe();
        if (call.Body["lease_ttl"]?.GetValue<int>() is > 0 and var ttl)
        {
            described["nonce"] = leases.Take(machine, null, ttl, "create")["nonce"]!.DeepClone();
        }

        return described;
    }

    private JsonNode Update(ApiCall call)
    {
        var machine = Changeable(call);
        if (call.Body["current_version"]?.GetValue<string>() is { } version && version != machine.Version)
        {
            throw ApiError.Aborted("machine update failed due to concurrent update: current_version is stale");
        }

        machine.Config = (JsonObject)(call.Body["config"] ?? throw ApiError.Invalid("config is required")).DeepClone();
        cloud.Life.Update(machine, SimulatedCloud.NewVersion(), launch: call.Body["skip_launch"]?.GetValue<bool>() is not true);
        return machine.Describe();
    }

    private async Task<JsonNode?> DestroyAsync(ApiCall call)
    {
        await cloud.DestroyAsync(Changeable(call), call.Is("force") || call.Is("kill"));
        return Ok();
    }

    private JsonNode Start(ApiCall call)
    {
        var machine = Changeable(call);
        var previous = machine.State;
        if (machine.HostFull && (previous is "stopped" or "suspended" or "failed"))
        {
            throw ApiError.Aborted("could not reserve resource for machine: insufficient CPUs available to fulfill request on the current host");
        }

        switch (previous)
        {
            case "starting" or "started":
                throw ApiError.Aborted("machine still attempting to start");
            case "stopping":
                throw ApiError.Precondition("machine still active, refusing to start");
            case "created":
                throw ApiError.Precondition("unable to start machine from current state: 'created'");
            case "replacing" or "updating":
                throw ApiError.Precondition("machine getting replaced, refusing to start");
            case "stopped" when machine.ActiveUntil > Now:
                throw ApiError.Precondition("machine still active, refusing to start");
            case "suspended" or "suspending":
                cloud.Life.Resume(machine);
                break;
            default:
                cloud.Life.Boot(machine);
                break;
        }

        return new JsonObject { ["previous_state"] = previous, ["migrated"] = false, ["new_host"] = "" };
    }

    private JsonNode Stop(ApiCall call)
    {
        var machine = Changeable(call);
        if (machine.State is "started" or "starting" or "suspended" or "suspending")
        {
            cloud.Life.Stop(machine, Duration(call.Body["timeout"]?.GetValue<string>()) ?? TimeSpan.FromSeconds(5));
        }

        return Ok();
    }

    private JsonNode Suspend(ApiCall call)
    {
        var machine = Changeable(call);
        if (machine.State is not ("started" or "suspending" or "suspended"))
        {
            throw ApiError.Precondition($"unable to suspend machine from current state: '{machine.State}'");
        }

        if (machine.State == "started")
        {
            cloud.Life.Suspend(machine);
        }

        return Ok();
    }

    private JsonNode Restart(ApiCall call)
    {
        var machine = Changeable(call);
        cloud.Life.Update(machine, machine.Version, launch: true);
        return Ok();
    }

    private async Task<JsonNode?> WaitAsync(ApiCall call)
    {
        var seconds = call.Query("timeout") is { Length: > 0 } text ? int.TryParse(text.TrimEnd('s'), out var parsed) ? parsed : -1 : 60;
        if (seconds is < 1 or > 60)
        {
            throw ApiError.Invalid("timeout must be between 1 and 60 seconds");
        }

        var states = (call.Query("state") is { Length: > 0 } asked ? asked : "started").Split(',');
        var deadline = Now + TimeSpan.FromSeconds(seconds);
        while (true)
        {
            var change = cloud.NextChange;
            var machine = Found(call);
            if ((call.Query("version") ?? call.Query("instance_id")) is { Length: > 0 } version && version != machine.Version)
            {
                throw NotReached(states, "replaced");
            }

            if (states.Any(state => Reached(machine.State, state)))
            {
                return new JsonObject { ["ok"] = true, ["state"] = machine.State, ["event_id"] = machine.Events[0]["id"]!.DeepClone(), ["version"] = machine.Version };
            }

            if (machine.State == "destroyed")
            {
                throw ApiError.NotFound("machine not found");
            }

            var left = deadline - Now;
            if (left <= TimeSpan.Zero)
            {
                throw NotReached(states, machine.State);
            }

            await Task.WhenAny(change, Task.Delay(left, options.Time, call.Context.RequestAborted));
            call.Context.RequestAborted.ThrowIfCancellationRequested();
        }
    }

    private static ApiError NotReached(string[] states, string state) =>
        new(408, $"deadline_exceeded: machine failed to reach desired state, {string.Join(",", states)}, currently {state}");

    private static bool Reached(string state, string wanted) =>
        state == wanted || (wanted == "settled" && (state is "started" or "stopped" or "suspended" or "failed"));

    private JsonNode? PatchMetadata(ApiCall call)
    {
        var machine = Found(call);
        if (call.Body["machine_version"]?.GetValue<string>() is { } version && version != machine.Version)
        {
            throw ApiError.Precondition("machine_version does not match");
        }

        foreach (var (key, value) in call.Body["metadata"] as JsonObject ?? [])
        {
            Set(machine, key, value?.GetValue<string>());
        }

        cloud.Changed();
        return null;
    }

    private JsonNode? SetMetadata(ApiCall call)
    {
        Set(Found(call), call.Route("key")!, call.Body["value"]?.GetValue<string>());
        cloud.Changed();
        return null;
    }

    private JsonNode? RemoveMetadata(ApiCall call)
    {
        Set(Found(call), call.Route("key")!, null);
        cloud.Changed();
        return null;
    }

    private static void Set(SimulatedMachine machine, string key, string? value)
    {
        if (string.IsNullOrEmpty(value))
        {
            machine.Metadata.Remove(key);
        }
        else
        {
            machine.Metadata[key] = value;
        }
    }

    private static JsonObject Ok() => new() { ["ok"] = true };

    /// <summary>A Go duration in whole seconds, such as <c>10s</c>.</summary>
    private static TimeSpan? Duration(string? text) =>
        int.TryParse(text?.TrimEnd('s'), NumberStyles.None, CultureInfo.InvariantCulture, out var seconds) ? TimeSpan.FromSeconds(seconds) : null;
}
