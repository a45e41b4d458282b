using System.Security.Cryptography;
using System.Text.Json.Nodes;

namespace MachinesSimulator;

/// <summary>Machines' leases: while one stands, only calls with its nonce change the machine.</summary>
internal sealed class Leases(SimulatedCloud cloud, SimulatorOptions options)
{
    private const string Path = "/v1/apps/{app}/machines/{machine}/lease";

    private DateTimeOffset Now => options.Time.GetUtcNow();

    public void Map(IEndpointRouteBuilder endpoints, ApiEndpoint api)
    {
        endpoints.MapGet(Path, api.Of("lease.get", call => Wrapped(Standing(Found(call)) ?? throw ApiError.NotFound("no lease"))));
        endpoints.MapPost(Path, api.Of("lease", call => Wrapped(Take(
            Reachable(call), call.Nonce, call.Body["ttl"]?.GetValue<int>() ?? (int.TryParse(call.Query("ttl"), out var ttl) ? ttl : 30), call.Body["description"]?.GetValue<string>() ?? "")), 201));
        endpoints.MapDelete(Path, api.Of("release", Release));
    }

    /// <summary>Refuses a call without the nonce of the lease that stands, and one with the nonce of a lease that does not.</summary>
    public void Require(SimulatedMachine machine, string? nonce)
    {
        if (Standing(machine) is null ? nonce is not null : nonce != machine.Nonce)
        {
            throw Held(machine);
        }
    }

    public JsonObject Take(SimulatedMachine machine, string? nonce, int ttl, string description)
    {
        if (Standing(machine) is not null && nonce != machine.Nonce)
        {
            throw Held(machine);
        }

        machine.LeaseUntil = Now + TimeSpan.FromSeconds(ttl);
        machine.Nonce = nonce is not null && nonce == machine.Nonce ? nonce : RandomNumberGenerator.GetHexString(12, lowercase: true);
        machine.Lease = new JsonObject
        {
            ["nonce"] = machine.Nonce,
            ["expires_at"] = machine.LeaseUntil.ToUnixTimeSeconds() + 1,
            ["owner"] = "gateway@example.com",
            ["description"] = description,
            ["version"] = machine.Version,
        };
        return machine.Lease;
    }

    private JsonNode Release(ApiCall call)
    {
        var machine = Reachable(call);
        Require(machine, call.Nonce);
        (machine.Lease, machine.Nonce) = (null, null);
        return new JsonObject { ["status"] = "success", ["data"] = new JsonObject { ["ok"] = true } };
    }

    private SimulatedMachine Found(ApiCall call) => cloud.Machine(call.App, call.Machine!);

    private SimulatedMachine Reachable(ApiCall call)
    {
        var machine = Found(call);
        machine.RequireHost();
        return machine;
    }

    private JsonObject? Standing(SimulatedMachine machine) => machine.LeaseUntil > Now ? machine.Lease : null;

    private static ApiError Held(SimulatedMachine machine) =>
        new(409, $"machine ID {machine.Id} lease currently held by {machine.Lease?["owner"]?.GetValue<string>() ?? "nobody with that nonce"}, expires at {machine.LeaseUntil:O}", fromLease: true);

    private static JsonObject Wrapped(JsonObject lease) => new() { ["status"] = "success", ["data"] = lease.DeepClone() };
}
