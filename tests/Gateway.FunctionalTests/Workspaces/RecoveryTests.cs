using System.Net;
using System.Net.Http.Json;
using System.Net.WebSockets;
using System.Text.Json.Nodes;
using Xunit;

namespace Gateway.FunctionalTests.Workspaces;

/// <summary>Volumes, snapshots and the way back to one, through the operators' interface.</summary>
public sealed class RecoveryTests
{
    [Fact]
    public async Task LostHost_IsRecoveredFromASnapshotThatTheOperatorNamed()
    {
        await using var cloud = await GatewayEnvironment.StartAsync();
        var gateway = await cloud.StartGatewayAsync();
        using var alice = gateway.ClientOf("alice");
        using var operators = gateway.OperatorClient();
        await alice.GetAsync("/");
        var old = cloud.Simulator.MachineOf("alice");
        using var taken = await operators.PostAsync("/api/routes/alice/snapshots", null);
        old.HostUnreachable = true;

        using var unconfirmed = await operators.PostAsync("/api/routes/alice/restore", null);
        var newest = (await operators.GetFromJsonAsync<JsonNode>("/api/routes/alice/snapshots"))!["snapshots"]![0]!;
        using var restored = await operators.PostAsJsonAsync("/api/routes/alice/restore", new { snapshot = newest["id"]!.GetValue<string>() });
        using var back = await alice.GetAsync("/back");

        Assert.Equal((HttpStatusCode.Accepted, HttpStatusCode.BadRequest), (taken.StatusCode, unconfirmed.StatusCode));
        Assert.True(newest["age_seconds"]!.GetValue<long>() is >= 0 and < 600);
        Assert.Equal((HttpStatusCode.Accepted, HttpStatusCode.OK), (restored.StatusCode, back.StatusCode));
        var route = await operators.GetFromJsonAsync<JsonNode>("/api/routes/alice");
        Assert.NotEqual(old.Id, route!["machine"]!.GetValue<string>());
        Assert.NotEqual(old.VolumeId, route["volume"]!.GetValue<string>());
        Assert.Equal((2, 2), (cloud.Simulator.Machines.Count, cloud.Simulator.Volumes.Count));
    }

    [Fact]
    public async Task Restore_ClosesSocketsOfTheOldMachineWithAReason()
    {
        await using var cloud = await GatewayEnvironment.StartAsync();
        var (one, two) = (await cloud.StartGatewayAsync(), await cloud.StartGatewayAsync());
        using var socket = await one.OpenSocketAsync("alice");
        using var bound = new CancellationTokenSource(Eventually.Limit, TimeProvider.System);
        await socket.ReceiveAsync(new byte[1024], bound.Token);
        using var operators = two.OperatorClient();
        await operators.PostAsync("/api/routes/alice/snapshots", null);
        var newest = (await operators.GetFromJsonAsync<JsonNode>("/api/routes/alice/snapshots"))!["snapshots"]![0]!;

        var restoring = operators.PostAsJsonAsync("/api/routes/alice/restore", new { snapshot = newest["id"]!.GetValue<string>() });
        var closed = await socket.ReceiveAsync(new byte[1024], bound.Token);

        Assert.Equal((WebSocketMessageType.Close, (WebSocketCloseStatus)1001), (closed.MessageType, socket.CloseStatus));
        Assert.Contains("connect again", socket.CloseStatusDescription, StringComparison.Ordinal);
        Assert.Equal(HttpStatusCode.Accepted, (await restoring).StatusCode);
    }

    [Fact]
    public async Task Volume_TellsHowFullItIs_AndOnlyGrows()
    {
        await using var cloud = await GatewayEnvironment.StartAsync();
        var gateway = await cloud.StartGatewayAsync();
        using var alice = gateway.ClientOf("alice");
        using var operators = gateway.OperatorClient();
        await alice.GetAsync("/");

        var before = await operators.GetFromJsonAsync<JsonNode>("/api/routes/alice/volume");
        using var grown = await operators.PostAsJsonAsync("/api/routes/alice/volume", new { size_gb = 8 });
        using var same = await operators.PostAsJsonAsync("/api/routes/alice/volume", new { size_gb = 8 });
        using var smaller = await operators.PostAsJsonAsync("/api/routes/alice/volume", new { size_gb = 5 });
        using var nobodys = await operators.GetAsync("/api/routes/bob/volume");

        Assert.Equal(5L << 30, before!["bytes_total"]!.GetValue<long>());
        Assert.True(before["bytes_used"]!.GetValue<long>() > 0);
        Assert.Equal((HttpStatusCode.Accepted, HttpStatusCode.Accepted, HttpStatusCode.BadRequest, HttpStatusCode.NotFound), (grown.StatusCode, same.StatusCode, smaller.StatusCode, nobodys.StatusCode));
        Assert.Equal(8, Assert.Single(cloud.Simulator.Volumes).SizeGb);
        // What the ledger counts by.
        Assert.Equal(8, (await operators.GetFromJsonAsync<JsonNode>("/api/routes/alice"))!["detail"]!["volume_gb"]!.GetValue<int>());
    }
}
