using System.Net;
using System.Net.Http.Json;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using Xunit;

namespace Gateway.FunctionalTests.Workspaces;

/// <summary>The main job, end to end: a user's request reaches their own workspace, on a machine that slept or did not exist.</summary>
public sealed class MainJobTests
{
    [Fact]
    public async Task FirstRequestOfAnAllowedUser_IsAnsweredByAMachineMadeForThem()
    {
        await using var cloud = await GatewayEnvironment.StartAsync();
        var gateway = await cloud.StartGatewayAsync();
        using var alice = gateway.ClientOf("alice");
        using var bob = gateway.ClientOf("bob");

        var hers = await alice.GetFromJsonAsync<JsonNode>("/api/echo");
        var his = await bob.GetFromJsonAsync<JsonNode>("/api/echo");

        Assert.Equal(cloud.Simulator.MachineOf("alice").Id, hers!["machine"]!.GetValue<string>());
        Assert.Equal(cloud.Simulator.MachineOf("bob").Id, his!["machine"]!.GetValue<string>());
    }

    [Fact]
    public async Task TwoHundredFirstRequestsAtOnce_CostOneVolumeOneMachineAndOneStart()
    {
        await using var cloud = await GatewayEnvironment.StartAsync();
        var gateway = await cloud.StartGatewayAsync();
        using var alice = gateway.ClientOf("alice");

        var answers = await Task.WhenAll(Enumerable.Range(0, 200).Select(i => alice.GetAsync($"/request/{i}")));

        Assert.All(answers, answer => Assert.Equal(HttpStatusCode.OK, answer.StatusCode));
        Assert.Single(cloud.Simulator.Machines);
        Assert.Single(cloud.Simulator.Volumes);
        Assert.Equal(1, cloud.Simulator.MachineOf("alice").Starts);
    }

    [Fact]
    public async Task StoppedMachine_IsWokenByAPlainGet_WhichSaysHowLongItWasHeld()
    {
        await using var cloud = await GatewayEnvironment.StartAsync();
        var gateway = await cloud.StartGatewayAsync();
        using var alice = gateway.ClientOf("alice");
        await StopBehindOurBackAsync(cloud, alice);

        using var answer = await alice.GetAsync("/again");

        Assert.Equal(HttpStatusCode.OK, answer.StatusCode);
        Assert.Contains("hold;dur=", string.Join(",", answer.Headers.GetValues("Server-Timing")), StringComparison.Ordinal);
        Assert.Equal(2, cloud.Simulator.MachineOf("alice").Starts);
    }

    [Fact]
    public async Task StoppedMachine_IsWokenByALargePost_WhichArrivesWholeAndOnce()
    {
        await using var cloud = await GatewayEnvironment.StartAsync();
        var gateway = await cloud.StartGatewayAsync();
        using var alice = gateway.ClientOf("alice");
        await StopBehindOurBackAsync(cloud, alice);
        var body = RandomNumberGenerator.GetBytes(20 * 1024 * 1024);

        using var answer = await alice.PostAsync("/upload", new ByteArrayContent(body));

        var arrived = await answer.Content.ReadFromJsonAsync<JsonNode>();
        Assert.Equal(Convert.ToHexStringLower(SHA256.HashData(body)), arrived!["bodySha256"]!.GetValue<string>());
        Assert.Equal(1, arrived["requests"]!.GetValue<int>());
    }

    [Fact]
    public async Task StoppedMachine_IsWokenByAWebSocketUpgrade()
    {
        await using var cloud = await GatewayEnvironment.StartAsync();
        var gateway = await cloud.StartGatewayAsync();
        using var alice = gateway.ClientOf("alice");
        await StopBehindOurBackAsync(cloud, alice);

        using var socket = await gateway.OpenSocketAsync("alice");

        Assert.Equal(cloud.Simulator.MachineOf("alice").Id, await ReadTextAsync(socket));
        await socket.SendAsync(Encoding.UTF8.GetBytes("hello"), System.Net.WebSockets.WebSocketMessageType.Text, true, CancellationToken.None);
        Assert.Equal("hello", await ReadTextAsync(socket));
    }

    [Fact]
    public async Task MachineDestroyedBehindOurBack_IsReplacedOnTheSameVolume()
    {
        await using var cloud = await GatewayEnvironment.StartAsync();
        var gateway = await cloud.StartGatewayAsync();
        using var alice = gateway.ClientOf("alice");
        await alice.GetAsync("/first");
        var volume = cloud.Simulator.MachineOf("alice").VolumeId;
        await cloud.Simulator.DestroyAsync(cloud.Simulator.MachineOf("alice"));

        using var answer = await alice.GetAsync("/again");

        Assert.Equal(HttpStatusCode.OK, answer.StatusCode);
        Assert.Equal(volume, cloud.Simulator.MachineOf("alice").VolumeId);
        Assert.Single(cloud.Simulator.Volumes);
    }

    [Fact]
    public async Task FlushedMap_FindsEveryUsersOldMachineAgain_AndProvisionsNothing()
    {
        await using var cloud = await GatewayEnvironment.StartAsync();
        var gateway = await cloud.StartGatewayAsync();
        var users = Enumerable.Range(0, 5).Select(i => $"user{i}").ToList();
        var before = new Dictionary<string, string>();
        foreach (var user in users)
        {
            using var client = gateway.ClientOf(user);
            before[user] = (await client.GetFromJsonAsync<JsonNode>("/"))!["machine"]!.GetValue<string>();
        }

        // One of the workspaces claims to be another user's, and to belong to the operator.
        var hostile = cloud.Simulator.MachineOf("user0");
        hostile.Metadata["gateway_user"] = cloud.Simulator.MachineOf("user1").Metadata["gateway_user"]!.GetValue<string>();
        await cloud.Redis.FlushAsync();

        foreach (var user in users.Skip(1))
        {
            using var client = gateway.ClientOf(user);
            await Eventually.HoldsAsync(async () => (await client.GetAsync("/")).IsSuccessStatusCode);
            Assert.Equal(before[user], (await client.GetFromJsonAsync<JsonNode>("/"))!["machine"]!.GetValue<string>());
        }

        Assert.Equal(users.Count, cloud.Simulator.Machines.Count);
        Assert.Equal(users.Count, cloud.Simulator.Volumes.Count);
    }

    [Fact]
    public async Task PlatformDown_IsAClearRefusal_AndTheNextRequestTriesAgain()
    {
        await using var cloud = await GatewayEnvironment.StartAsync();
        var gateway = await cloud.StartGatewayAsync(("Waking:HoldLimit", "00:00:03"));
        using var alice = gateway.ClientOf("alice");
        await StopBehindOurBackAsync(cloud, alice);
        cloud.Simulator.Faults.Down = true;

        using (var refused = await alice.GetAsync("/down"))
        {
            Assert.Equal(HttpStatusCode.ServiceUnavailable, refused.StatusCode);
            Assert.NotNull(refused.Headers.RetryAfter);
            Assert.Equal("application/problem+json", refused.Content.Headers.ContentType?.MediaType);
        }

        cloud.Simulator.Faults.Down = false;
        await Eventually.HoldsAsync(async () => (await alice.GetAsync("/up")).IsSuccessStatusCode);
    }

    [Fact]
    public async Task FullHost_IsARefusalThatSaysSo_AndNoSecondMachineIsMade()
    {
        await using var cloud = await GatewayEnvironment.StartAsync();
        var gateway = await cloud.StartGatewayAsync();
        using var alice = gateway.ClientOf("alice");
        await StopBehindOurBackAsync(cloud, alice);
        cloud.Simulator.MachineOf("alice").HostFull = true;

        using var refused = await alice.GetAsync("/full");

        Assert.Equal(HttpStatusCode.ServiceUnavailable, refused.StatusCode);
        var problem = await refused.Content.ReadFromJsonAsync<JsonElement>();
        Assert.Equal("urn:gateway:problem:host-full", problem.GetProperty("type").GetString());
        Assert.Single(cloud.Simulator.Machines);
    }

    [Fact]
    public async Task RouteTable_ShowsStateMachineRegionAddressEpochsAndLastActivity_ToOperatorsOnly()
    {
        await using var cloud = await GatewayEnvironment.StartAsync();
        var gateway = await cloud.StartGatewayAsync(("Idling:ReportEvery", "00:00:00.2"));
        using var alice = gateway.ClientOf("alice");
        await alice.GetAsync("/first");
        using var operators = gateway.OperatorClient();

        var route = default(JsonNode);
        await Eventually.HoldsAsync(async () =>
        {
            var routes = (await operators.GetFromJsonAsync<JsonNode>("/api/routes?user=alice"))!["routes"]!.AsArray();
            route = routes.Single();
            return route!["last_activity"] is not null;
        });

        Assert.Equal("awake", route!["state"]!.GetValue<string>());
        Assert.Equal(cloud.Simulator.MachineOf("alice").Id, route["machine"]!.GetValue<string>());
        Assert.Equal(cloud.Simulator.MachineOf("alice").Address.ToString(), route["address"]!.GetValue<string>());
        Assert.Equal("sjc", route["region"]!.GetValue<string>());
        Assert.True(route["session_epoch"]!.GetValue<long>() > 0 && route["machine_epoch"]!.GetValue<long>() > 0);

        using var stranger = RunningGateway.Client(gateway.OperationsUrl, null);
        using var user = RunningGateway.Client(gateway.OperationsUrl, cloud.TokenOf("alice"));
        Assert.Equal(HttpStatusCode.Unauthorized, (await stranger.GetAsync("/api/routes")).StatusCode);
        Assert.Equal(HttpStatusCode.Forbidden, (await user.GetAsync("/api/routes")).StatusCode);
    }

    [Fact]
    public async Task OperationsHostOnThePublicPort_ReachesTheWorkspaceAndNothingOfTheOperators()
    {
        await using var cloud = await GatewayEnvironment.StartAsync();
        var gateway = await cloud.StartGatewayAsync();
        using var forged = RunningGateway.Client(gateway.Url, cloud.OperatorToken);
        using var request = new HttpRequestMessage(HttpMethod.Get, "/api/routes") { Headers = { Host = gateway.OperationsUrl.Authority } };

        using var answer = await forged.SendAsync(request);

        Assert.Equal("/api/routes", (await answer.Content.ReadFromJsonAsync<JsonNode>())!["target"]!.GetValue<string>());
    }

    [Fact]
    public async Task PathThatNormalisesToTheGatewaysOwn_IsRefused()
    {
        await using var cloud = await GatewayEnvironment.StartAsync();
        var gateway = await cloud.StartGatewayAsync();
        using var alice = gateway.ClientOf("alice");
        using var request = new HttpRequestMessage(HttpMethod.Get, new Uri(gateway.Url + "a/%2e%2e/.gateway/me", new UriCreationOptions { DangerousDisablePathAndQueryCanonicalization = true }));

        using var answer = await alice.SendAsync(request);

        Assert.Equal(HttpStatusCode.BadRequest, answer.StatusCode);
    }

    [Fact]
    public async Task UserMovedToAnothersMachineAndBack_FindsEachAgain()
    {
        await using var cloud = await GatewayEnvironment.StartAsync();
        var gateway = await cloud.StartGatewayAsync();
        using var alice = gateway.ClientOf("alice");
        using var bob = gateway.ClientOf("bob");
        using var operators = gateway.OperatorClient();
        var his = (await bob.GetFromJsonAsync<JsonNode>("/"))!["machine"]!.GetValue<string>();
        var shared = (await alice.GetFromJsonAsync<JsonNode>("/"))!["machine"]!.GetValue<string>();

        using (var assigned = await operators.PutAsJsonAsync("/api/routes/bob", new { app = GatewayEnvironment.App, machine = shared }))
        {
            Assert.Equal(HttpStatusCode.Accepted, assigned.StatusCode);
        }

        Assert.Equal(shared, (await bob.GetFromJsonAsync<JsonNode>("/"))!["machine"]!.GetValue<string>());
        Assert.Equal(HttpStatusCode.Accepted, (await operators.DeleteAsync("/api/routes/bob")).StatusCode);
        Assert.Equal(his, (await bob.GetFromJsonAsync<JsonNode>("/"))!["machine"]!.GetValue<string>());
        Assert.Equal(2, cloud.Simulator.Machines.Count);
        Assert.Equal(HttpStatusCode.UnprocessableEntity, (await operators.PutAsJsonAsync("/api/routes/bob", new { app = GatewayEnvironment.App, machine = "nosuchmachine1" })).StatusCode);
        Assert.Equal(HttpStatusCode.BadRequest, (await operators.PutAsJsonAsync("/api/routes/bob", new { app = "x" })).StatusCode);
    }

    private static async Task StopBehindOurBackAsync(GatewayEnvironment cloud, HttpClient alice)
    {
        Assert.Equal(HttpStatusCode.OK, (await alice.GetAsync("/first")).StatusCode);
        var machine = cloud.Simulator.MachineOf("alice");
        cloud.Simulator.StopBehindOurBack(machine);
        await cloud.Simulator.ReachAsync(machine, "stopped");
    }

    private static async Task<string> ReadTextAsync(System.Net.WebSockets.ClientWebSocket socket)
    {
        var buffer = new byte[4096];
        using var bound = new CancellationTokenSource(Eventually.Limit, TimeProvider.System);
        var message = await socket.ReceiveAsync(buffer, bound.Token);
        return Encoding.UTF8.GetString(buffer, 0, message.Count);
    }
}
