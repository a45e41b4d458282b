using System.Net;
using System.Net.Http.Json;
using System.Text.Json.Nodes;
using MachinesSimulator;
using Xunit;

namespace Gateway.FunctionalTests.Workspaces;

/// <summary>Another image, through the operators' interface and the platform's own calls.</summary>
public sealed class UpgradeTests
{
    private const string After = EchoWorkspace.Image + ":2";

    [Fact]
    public async Task NewImageOfTheTemplate_ReachesEachUserAtTheirNextWake_AndWhoIsAwakeIsNotInterrupted()
    {
        await using var cloud = await GatewayEnvironment.StartAsync();
        var before = await cloud.StartGatewayAsync();
        using var alice = before.ClientOf("alice");
        using var bob = before.ClientOf("bob");
        await alice.GetAsync("/");
        await bob.GetAsync("/");
        await StopAsync(cloud, "bob");
        var volume = cloud.Simulator.MachineOf("bob").VolumeId;

        var after = await cloud.StartGatewayAsync(("Workspaces:Image", After));
        using var aliceAgain = after.ClientOf("alice");
        using var bobAgain = after.ClientOf("bob");
        using var hers = await aliceAgain.GetAsync("/again");
        using var his = await bobAgain.GetAsync("/again");

        Assert.Equal((HttpStatusCode.OK, HttpStatusCode.OK), (hers.StatusCode, his.StatusCode));
        Assert.Equal((EchoWorkspace.Image, 1), (cloud.Simulator.MachineOf("alice").Image, cloud.Simulator.MachineOf("alice").Starts));
        Assert.Equal((After, volume), (cloud.Simulator.MachineOf("bob").Image, cloud.Simulator.MachineOf("bob").VolumeId));
    }

    [Fact]
    public async Task OperatorPinsAnImage_AndGoesBack()
    {
        await using var cloud = await GatewayEnvironment.StartAsync();
        var gateway = await cloud.StartGatewayAsync();
        using var alice = gateway.ClientOf("alice");
        using var operators = gateway.OperatorClient();
        await alice.GetAsync("/");
        using var later = await operators.PostAsJsonAsync("/api/routes/alice/upgrade", new { image = After });
        Assert.Equal(HttpStatusCode.Accepted, later.StatusCode);
        await StopAsync(cloud, "alice");
        await alice.GetAsync("/again");
        Assert.Equal(After, cloud.Simulator.MachineOf("alice").Image);

        using var back = await operators.PostAsJsonAsync("/api/routes/alice/upgrade", new { previous = true });
        await StopAsync(cloud, "alice");
        await alice.GetAsync("/once-more");

        Assert.Equal(HttpStatusCode.Accepted, back.StatusCode);
        Assert.Equal(EchoWorkspace.Image, cloud.Simulator.MachineOf("alice").Image);
        var route = await operators.GetFromJsonAsync<JsonNode>("/api/routes/alice");
        Assert.Equal(EchoWorkspace.Image, route!["detail"]!["make"]!["spec"]!["image"]!.GetValue<string>());
    }

    [Fact]
    public async Task RoundOfUpgrades_ReachesThoseThatSleep_AndTellsWhatItDid()
    {
        await using var cloud = await GatewayEnvironment.StartAsync();
        var before = await cloud.StartGatewayAsync();
        foreach (var user in new[] { "alice", "bob" })
        {
            using var client = before.ClientOf(user);
            await client.GetAsync("/");
            await StopAsync(cloud, user);
        }

        // Nobody told the map that they sleep, and the platform is asked before anything is done.
        var after = await cloud.StartGatewayAsync(("Workspaces:Image", After), ("Idling:IdleAfter", "00:00:01"), ("Idling:SweepEvery", "00:00:00.2"), ("Idling:ReportEvery", "00:00:00.2"), ("Idling:ReplicaLease", "00:00:02"));
        using var operators = after.OperatorClient();
        await Eventually.HoldsAsync(async () => (await operators.GetFromJsonAsync<JsonNode>("/api/routes?state=asleep"))!["routes"]!.AsArray().Count == 2);
        using var asked = await operators.PostAsJsonAsync("/api/upgrade", new { pace_seconds = 0 });
        await Eventually.HoldsAsync(async () => (await operators.GetFromJsonAsync<JsonNode>("/api/upgrade"))!["ended_at"] is not null);

        Assert.Equal(HttpStatusCode.Accepted, asked.StatusCode);
        Assert.Equal(2, (await operators.GetFromJsonAsync<JsonNode>("/api/upgrade"))!["upgraded"]!.GetValue<int>());
        Assert.All(cloud.Simulator.Machines, machine => Assert.Equal((After, "stopped"), (machine.Image, machine.State)));
    }

    private static async Task StopAsync(GatewayEnvironment cloud, string user)
    {
        var machine = cloud.Simulator.MachineOf(user);
        cloud.Simulator.StopBehindOurBack(machine);
        await cloud.Simulator.ReachAsync(machine, "stopped");
    }
}
