using System.Net;
using System.Net.Http.Json;
using System.Text.Json.Nodes;
using Xunit;

namespace Gateway.FunctionalTests.Workspaces;

/// <summary>Users leave, through the operators' interface.</summary>
public sealed class RemovalTests
{
    [Fact]
    public async Task RemovedRoute_TakesItsMachine_AndItsVolumeOnlyWhenThatIsNamed_HoweverOftenItIsAskedFor()
    {
        await using var cloud = await GatewayEnvironment.StartAsync();
        var gateway = await cloud.StartGatewayAsync();
        using var alice = gateway.ClientOf("alice");
        using var operators = gateway.OperatorClient();
        await alice.GetAsync("/");
        var volume = cloud.Simulator.MachineOf("alice").VolumeId;

        using var wrong = await operators.DeleteAsync("/api/routes/alice?volume=vol_another");
        Assert.Equal(HttpStatusCode.Conflict, wrong.StatusCode);
        Assert.Single(cloud.Simulator.Machines);
        for (var times = 0; times < 2; times++)
        {
            using var removed = await operators.DeleteAsync("/api/routes/alice");
            Assert.Equal(HttpStatusCode.NoContent, removed.StatusCode);
        }

        Assert.Empty(cloud.Simulator.Machines);
        Assert.Equal("created", Assert.Single(cloud.Simulator.Volumes).State);
        using var back = await alice.GetAsync("/back");
        Assert.Equal((HttpStatusCode.OK, volume), (back.StatusCode, cloud.Simulator.MachineOf("alice").VolumeId));

        using var all = await operators.DeleteAsync("/api/routes/alice?volume=" + volume);
        Assert.Equal(HttpStatusCode.NoContent, all.StatusCode);
        Assert.Equal("pending_destroy", Assert.Single(cloud.Simulator.Volumes).State);
        var audit = (await operators.GetFromJsonAsync<JsonNode>("/api/audit"))!["entries"]!.AsArray();
        Assert.Equal(["session-removed", "volume-destroyed", "machine-destroyed", "session-removed", "machine-destroyed"], audit.Select(entry => entry!["action"]!.GetValue<string>()));
        Assert.All(audit, entry => Assert.Equal("ops", entry!["by"]!.GetValue<string>()));
    }
}
