using System.Net;
using System.Net.Http.Json;
using System.Net.WebSockets;
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
    public async Task FiftyUsersTenOfThemAwake_AllHaveTheNewImageAfterTheirNextSleep_NoFileIsLostAndNobodyAwakeIsInterrupted()
    {
        const int Users = 50;
        const int Awake = 10;
        await using var cloud = await GatewayEnvironment.StartAsync();
        foreach (var (key, value) in new[] { ("IdleAfter", "00:00:03"), ("SweepEvery", "00:00:00.3"), ("ReportEvery", "00:00:00.3"), ("ReplicaLease", "00:00:02") })
        {
            cloud.Settings["Idling:" + key] = value;
        }

        var before = await cloud.StartGatewayAsync();
        var users = Enumerable.Range(0, Users).Select(static i => $"user{i}").ToList();
        await Task.WhenAll(users.Select(user => VisitAsync(before, user)));
        var files = users.ToDictionary(static user => user, user => Path.Combine(cloud.Simulator.Cloud.FolderOf(VolumeOf(cloud, user)), "work.txt"));
        await Task.WhenAll(users.Select(user => File.WriteAllTextAsync(files[user], "work of " + user)));
        await Eventually.HoldsAsync(() => cloud.Simulator.Machines.All(static machine => machine.State == "suspended"));

        // The first ten are awake when the image changes, and stay in use through the deploy and after it, until they leave.
        var earlier = await OpenAsync(before, users.Take(Awake));
        var after = await cloud.StartGatewayAsync(("Workspaces:Image", After));
        var sockets = await OpenAsync(after, users.Take(Awake));
        earlier.ForEach(static socket => socket.Dispose());
        await before.DisposeAsync();
        var starts = users.Take(Awake).Select(user => cloud.Simulator.MachineOf(user).Starts).ToList();
        await Task.WhenAll(users.Skip(Awake).Select(user => VisitAsync(after, user)));
        foreach (var socket in sockets)
        {
            using var bound = new CancellationTokenSource(Eventually.Limit, TimeProvider.System);
            await socket.SendAsync(new byte[] { 1 }, WebSocketMessageType.Binary, true, bound.Token);
            Assert.Equal(WebSocketMessageType.Binary, (await ReceiveAsync(socket)).MessageType);
        }

        Assert.Equal(starts, users.Take(Awake).Select(user => cloud.Simulator.MachineOf(user).Starts));
        Assert.All(users.Take(Awake), user => Assert.Equal(("started", EchoWorkspace.Image), (cloud.Simulator.MachineOf(user).State, cloud.Simulator.MachineOf(user).Image)));
        sockets.ForEach(static socket => socket.Dispose());

        // At their next sleep, before anybody wakes them again.
        await Eventually.HoldsAsync(() => cloud.Simulator.Machines.All(static machine => machine.Image == After && machine.State is "stopped" or "suspended"));
        Assert.Equal(starts, users.Take(Awake).Select(user => cloud.Simulator.MachineOf(user).Starts));
        Assert.All(users, user => Assert.Equal("work of " + user, File.ReadAllText(Path.Combine(cloud.Simulator.Cloud.FolderOf(VolumeOf(cloud, user)), "work.txt"))));
        Assert.Equal((Users, Users), (cloud.Simulator.Machines.Count, cloud.Simulator.Volumes.Count));
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
        foreach (var (key, value) in new[] { ("IdleAfter", "00:00:01"), ("SweepEvery", "00:00:00.2"), ("ReportEvery", "00:00:00.2"), ("ReplicaLease", "00:00:02") })
        {
            cloud.Settings["Idling:" + key] = value;
        }

        var before = await cloud.StartGatewayAsync();
        foreach (var user in new[] { "alice", "bob" })
        {
            using var client = before.ClientOf(user);
            await client.GetAsync("/");
            await StopAsync(cloud, user);
        }

        // Nobody told the map that they sleep, and the platform is asked before anything is done.
        var after = await cloud.StartGatewayAsync(("Workspaces:Image", After));
        using var operators = after.OperatorClient();
        await Eventually.HoldsAsync(async () => (await operators.GetFromJsonAsync<JsonNode>("/api/routes?state=asleep"))!["routes"]!.AsArray().Count == 2);
        using var asked = await operators.PostAsJsonAsync("/api/upgrade", new { pace_seconds = 0 });
        await Eventually.HoldsAsync(async () => (await operators.GetFromJsonAsync<JsonNode>("/api/upgrade"))!["ended_at"] is not null);

        Assert.Equal(HttpStatusCode.Accepted, asked.StatusCode);
        Assert.Equal(2, (await operators.GetFromJsonAsync<JsonNode>("/api/upgrade"))!["upgraded"]!.GetValue<int>());
        Assert.All(cloud.Simulator.Machines, machine => Assert.Equal((After, "stopped"), (machine.Image, machine.State)));
    }

    private static async Task VisitAsync(RunningGateway gateway, string user)
    {
        using var client = gateway.ClientOf(user);
        using var answer = await client.GetAsync("/");
        Assert.Equal(HttpStatusCode.OK, answer.StatusCode);
    }

    private static async Task<List<ClientWebSocket>> OpenAsync(RunningGateway gateway, IEnumerable<string> users)
    {
        var sockets = new List<ClientWebSocket>();
        foreach (var user in users)
        {
            sockets.Add(await gateway.OpenSocketAsync(user));
            await ReceiveAsync(sockets[^1]);
        }

        return sockets;
    }

    private static SimulatedVolume VolumeOf(GatewayEnvironment cloud, string user) =>
        cloud.Simulator.Volumes.Single(volume => volume.Id == cloud.Simulator.MachineOf(user).VolumeId);

    private static async Task<WebSocketReceiveResult> ReceiveAsync(ClientWebSocket socket)
    {
        using var bound = new CancellationTokenSource(Eventually.Limit, TimeProvider.System);
        return await socket.ReceiveAsync(new byte[1024], bound.Token);
    }

    private static async Task StopAsync(GatewayEnvironment cloud, string user)
    {
        var machine = cloud.Simulator.MachineOf(user);
        cloud.Simulator.StopBehindOurBack(machine);
        await cloud.Simulator.ReachAsync(machine, "stopped");
    }
}
