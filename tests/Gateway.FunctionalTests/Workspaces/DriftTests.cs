using System.Net.Http.Json;
using System.Text.Json.Nodes;
using Xunit;

namespace Gateway.FunctionalTests.Workspaces;

/// <summary>What differs between the map and the platform, through the operators' interface.</summary>
public sealed class DriftTests
{
    [Fact]
    public async Task DestroyedMachine_IsListedAsDrift_AndIsNoneAfterTheNextRequest()
    {
        await using var cloud = await GatewayEnvironment.StartAsync();
        var gateway = await cloud.StartGatewayAsync(("Reconciling:Every", "00:00:01"), ("Reconciling:Grace", "00:00:00"));
        using var alice = gateway.ClientOf("alice");
        using var operators = gateway.OperatorClient();
        await alice.GetAsync("/");
        var machine = cloud.Simulator.MachineOf("alice");
        await cloud.Simulator.DestroyAsync(machine);

        // With no grace at all, a comparison may have met the machine while it was being made; that is none of this story.
        var drift = default(JsonNode);
        await Eventually.HoldsAsync(async () =>
            (drift = (await DriftAsync(operators)).SingleOrDefault(found => found!["kind"]!.GetValue<string>() == "session-without-machine")) is { } seen && seen["outcome"] is not null);
        Assert.Equal(("session-without-machine", machine.Id, false), (drift!["kind"]!.GetValue<string>(), drift["subject"]!.GetValue<string>(), drift["dry_run"]!.GetValue<bool>()));
        using var again = await alice.GetAsync("/again");

        Assert.True(again.IsSuccessStatusCode);
        Assert.Equal(machine.VolumeId, cloud.Simulator.MachineOf("alice").VolumeId);
        await Eventually.HoldsAsync(async () => (await DriftAsync(operators)).Count == 0);
    }

    [Fact]
    public async Task MachineThatClaimsToBeAnothers_IsListedAsDrift_AndChangesNobodysRoute()
    {
        await using var cloud = await GatewayEnvironment.StartAsync();
        var gateway = await cloud.StartGatewayAsync(("Reconciling:Every", "00:00:01"), ("Reconciling:Grace", "00:00:00"));
        using var alice = gateway.ClientOf("alice");
        using var mallory = gateway.ClientOf("mallory");
        using var operators = gateway.OperatorClient();
        await alice.GetAsync("/");
        await mallory.GetAsync("/");
        var (hers, hostile) = (cloud.Simulator.MachineOf("alice"), cloud.Simulator.MachineOf("mallory"));

        hostile.Metadata["gateway_user"] = hers.Metadata["gateway_user"]!.GetValue<string>();

        await Eventually.HoldsAsync(async () => (await DriftAsync(operators)).Any(found => found!["kind"]!.GetValue<string>() == "forged-metadata" && found["subject"]!.GetValue<string>() == hostile.Id));
        Assert.Equal(hers.Id, await AnsweredByAsync(alice));
        Assert.Equal(hostile.Id, await AnsweredByAsync(mallory));
    }

    private static async Task<string> AnsweredByAsync(HttpClient client) => (await client.GetFromJsonAsync<JsonNode>("/"))!["machine"]!.GetValue<string>();

    private static async Task<JsonArray> DriftAsync(HttpClient operators) => (await operators.GetFromJsonAsync<JsonNode>("/api/drift"))!["drift"]!.AsArray();
}
