using System.Net;
using System.Net.Http.Json;
using System.Net.WebSockets;
using System.Text.Json.Nodes;
using Xunit;

namespace Gateway.FunctionalTests.Workspaces;

/// <summary>Users leave, through the operators' interface.</summary>
public sealed class RemovalTests
{
    [Fact]
    public async Task RemovedRoute_ClosesItsSocketsOnTheOtherReplicaWithAReason()
    {
        await using var cloud = await GatewayEnvironment.StartAsync();
        var (one, two) = (await cloud.StartGatewayAsync(), await cloud.StartGatewayAsync());
        using var socket = await one.OpenSocketAsync("alice");
        await ReceiveAsync(socket);
        using var operators = two.OperatorClient();

        var removing = operators.DeleteAsync("/api/routes/alice");
        var closed = await ReceiveAsync(socket);

        Assert.Equal((WebSocketMessageType.Close, (WebSocketCloseStatus)1001), (closed.MessageType, socket.CloseStatus));
        Assert.Contains("operator", socket.CloseStatusDescription, StringComparison.Ordinal);
        Assert.Equal(HttpStatusCode.Accepted, (await removing).StatusCode);
        Assert.Empty(cloud.Simulator.Machines);
    }

    [Fact]
    public async Task RemovedRouteOfASharedMachine_ClosesTheSocketsOfItsUserOnly()
    {
        await using var cloud = await GatewayEnvironment.StartAsync();
        var (one, two) = (await cloud.StartGatewayAsync(), await cloud.StartGatewayAsync());
        using var operators = two.OperatorClient();
        using var alices = await one.OpenSocketAsync("alice");
        await ReceiveAsync(alices);
        var machine = cloud.Simulator.MachineOf("alice");
        using var assigned = await operators.PutAsJsonAsync("/api/routes/bob", new { app = GatewayEnvironment.App, machine = machine.Id });
        Assert.True(assigned.IsSuccessStatusCode, await assigned.Content.ReadAsStringAsync());
        using var bobs = await one.OpenSocketAsync("bob");
        await ReceiveAsync(bobs);

        using var removed = await operators.DeleteAsync("/api/routes/bob");
        var closed = await ReceiveAsync(bobs);

        Assert.Equal((WebSocketMessageType.Close, (WebSocketCloseStatus)1001), (closed.MessageType, bobs.CloseStatus));
        Assert.Contains("removed", bobs.CloseStatusDescription, StringComparison.Ordinal);
        await alices.SendAsync(new byte[] { 1, 2, 3 }, WebSocketMessageType.Binary, true, CancellationToken.None);
        Assert.Equal((WebSocketMessageType.Binary, 3), await ReceiveAsync(alices) is var echo ? (echo.MessageType, echo.Count) : default);
    }

    private static async Task<WebSocketReceiveResult> ReceiveAsync(ClientWebSocket socket)
    {
        using var bound = new CancellationTokenSource(Eventually.Limit, TimeProvider.System);
        return await socket.ReceiveAsync(new byte[1024], bound.Token);
    }

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
            Assert.Equal(HttpStatusCode.Accepted, removed.StatusCode);
        }

        Assert.Empty(cloud.Simulator.Machines);
        Assert.Equal("created", Assert.Single(cloud.Simulator.Volumes).State);
        using var back = await alice.GetAsync("/back");
        Assert.Equal((HttpStatusCode.OK, volume), (back.StatusCode, cloud.Simulator.MachineOf("alice").VolumeId));

        using var all = await operators.DeleteAsync("/api/routes/alice?volume=" + volume);
        Assert.Equal(HttpStatusCode.Accepted, all.StatusCode);
        Assert.Equal("pending_destroy", Assert.Single(cloud.Simulator.Volumes).State);
        var audit = (await operators.GetFromJsonAsync<JsonNode>("/api/audit"))!["entries"]!.AsArray();
        Assert.Equal(["session-removed", "volume-destroyed", "machine-destroyed", "session-removed", "machine-destroyed"], audit.Select(entry => entry!["action"]!.GetValue<string>()));
        Assert.All(audit, entry => Assert.Equal("ops", entry!["by"]!.GetValue<string>()));
    }
}
