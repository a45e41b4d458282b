using System.Net;
using System.Net.Http.Json;
using System.Text.Json.Nodes;
using Xunit;

namespace Gateway.FunctionalTests.Workspaces;

/// <summary>What one user's workspace differs by, and how it survives the loss of the map.</summary>
public sealed class ExportTests
{
    [Fact]
    public async Task OverrideOfAUser_ShapesTheirWorkspace_AndIsBroughtBackFromAnExport()
    {
        await using var cloud = await GatewayEnvironment.StartAsync();
        var gateway = await cloud.StartGatewayAsync(("Workspaces:RegionHeader", "Fly-Region"));
        using var alice = gateway.ClientOf("alice");
        using var bob = gateway.ClientOf("bob");
        using var operators = gateway.OperatorClient();
        bob.DefaultRequestHeaders.Add("Fly-Region", "fra");

        using var wrong = await operators.PutAsJsonAsync("/api/routes/alice/override", new { memory_mb = 300 });
        using var written = await operators.PutAsJsonAsync("/api/routes/alice/override", new { memory_mb = 1024, regions = new[] { "syd" } });
        await alice.GetAsync("/");
        await bob.GetAsync("/");
        var export = await operators.GetStringAsync("/api/export");

        Assert.Equal((HttpStatusCode.BadRequest, HttpStatusCode.OK), (wrong.StatusCode, written.StatusCode));
        Assert.Equal(("syd", "fra"), (cloud.Simulator.MachineOf("alice").Region, cloud.Simulator.MachineOf("bob").Region));
        Assert.Equal(1024, cloud.Simulator.MachineOf("alice").Config["guest"]!["memory_mb"]!.GetValue<int>());

        using var gone = await operators.PutAsJsonAsync("/api/routes/alice/override", new { });
        for (var times = 0; times < 2; times++)
        {
            using var back = await operators.PutAsync("/api/export", new StringContent(export, System.Text.Encoding.UTF8, "application/json"));
            Assert.Equal(HttpStatusCode.NoContent, back.StatusCode);
        }

        var own = await operators.GetFromJsonAsync<JsonNode>("/api/routes/alice/override");
        Assert.Equal(1024, own!["memory_mb"]!.GetValue<int>());
        Assert.Equal(2, (await operators.GetFromJsonAsync<JsonNode>("/api/audit"))!["entries"]!.AsArray().Count);
        using var bad = await operators.PutAsJsonAsync("/api/export", new { format = 2 });
        Assert.Equal(HttpStatusCode.BadRequest, bad.StatusCode);
    }
}
