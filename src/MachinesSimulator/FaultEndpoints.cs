using System.Text.Json.Nodes;

namespace MachinesSimulator;

/// <summary>Faults and sights for people and scripts: <c>/_simulator/…</c>, without a token.</summary>
internal sealed class FaultEndpoints(Simulator simulator)
{
    public void Map(IEndpointRouteBuilder endpoints)
    {
        endpoints.MapGet("/_simulator/machines", () => Results.Json(new JsonArray([.. simulator.Machines.Select(static machine => machine.Describe())])));
        endpoints.MapGet("/_simulator/calls", () => Results.Json(new JsonArray([.. simulator.Cloud.Calls.Select(static pair =>
            new JsonObject { ["action"] = pair.Key.Action, ["target"] = pair.Key.Target, ["calls"] = pair.Value })])));
        endpoints.MapPost("/_simulator/faults", AddAsync);
        endpoints.MapDelete("/_simulator/faults", () => simulator.Faults.Clear());
        endpoints.MapPost("/_simulator/machines/{machine}/{what}", DoAsync);
    }

    /// <summary>Body: <c>{"action":"start","status":500,"error":"…","times":1,"carried_out":false,"target":"…"}</c>, <c>{"action":"*","latency_ms":500}</c>, <c>{"full_region":"sjc"}</c> or <c>{"down":true}</c>.</summary>
    private async Task AddAsync(HttpContext context)
    {
        var body = (await JsonNode.ParseAsync(context.Request.Body))!.AsObject();
        var action = body["action"]?.GetValue<string>() ?? "*";
        if (body["down"] is { } down)
        {
            simulator.Faults.Down = down.GetValue<bool>();
        }
        else if (body["full_region"]?.GetValue<string>() is { } region)
        {
            simulator.Faults.FullRegions[region] = true;
        }
        else if (body["latency_ms"] is { } latency)
        {
            simulator.Faults.Latency[action] = TimeSpan.FromMilliseconds(latency.GetValue<int>());
        }
        else
        {
            simulator.Faults.FailNext(
                action,
                body["status"]?.GetValue<int>() ?? 500,
                body["error"]?.GetValue<string>() ?? "internal: a fault on demand",
                body["times"]?.GetValue<int>() ?? 1,
                body["carried_out"]?.GetValue<bool>() ?? false,
                body["target"]?.GetValue<string>());
        }

        context.Response.StatusCode = StatusCodes.Status204NoContent;
    }

    /// <summary><c>stop start destroy kill oom migrate host-full host-unreachable never-healthy</c>, or a mode of its address: <c>refuse silent open cut hang follow</c>.</summary>
    private async Task DoAsync(HttpContext context, string machine, string what)
    {
        if (simulator.Find(machine) is not { } found)
        {
            context.Response.StatusCode = StatusCodes.Status404NotFound;
            return;
        }

        context.Response.StatusCode = StatusCodes.Status204NoContent;
        switch (what)
        {
            case "stop":
                simulator.StopBehindOurBack(found);
                break;
            case "start":
                simulator.Cloud.Life.Boot(found);
                break;
            case "destroy":
                await simulator.DestroyAsync(found);
                break;
            case "kill":
                simulator.Cloud.Life.Kill(found, 1, outOfMemory: false);
                break;
            case "oom":
                simulator.Cloud.Life.Kill(found, 137, outOfMemory: true);
                break;
            case "migrate":
                simulator.Cloud.Migrate(found);
                break;
            case "host-full":
                found.HostFull = !found.HostFull;
                break;
            case "host-unreachable":
                found.HostUnreachable = !found.HostUnreachable;
                break;
            case "never-healthy":
                found.NeverHealthy = !found.NeverHealthy;
                break;
            default:
                context.Response.StatusCode = Force(found, what) ? StatusCodes.Status204NoContent : StatusCodes.Status400BadRequest;
                break;
        }
    }

    private static bool Force(SimulatedMachine machine, string what)
    {
        if (what == "follow")
        {
            machine.Forced = null;
            return true;
        }

        if (!Enum.TryParse<FrontMode>(what, ignoreCase: true, out var mode))
        {
            return false;
        }

        machine.Forced = mode;
        machine.Front.Set(mode);
        return true;
    }
}
