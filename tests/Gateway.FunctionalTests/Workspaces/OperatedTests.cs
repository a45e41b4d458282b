using System.Net;
using System.Net.Http.Json;
using System.Net.WebSockets;
using System.Text.Json;
using Gateway.FunctionalTests.Operations;
using Xunit;

namespace Gateway.FunctionalTests.Workspaces;

/// <summary>What operators see and do, on a whole gateway over a real map.</summary>
public sealed class OperatedTests
{
    private static readonly (string, string)[] Quick =
    [
        ("Idling:IdleAfter", "00:00:01"), ("Idling:SweepEvery", "00:00:00.2"), ("Idling:ReportEvery", "00:00:00.2"), ("Idling:ConsentGrace", "00:00:20"),
        // A new map is left alone for one lease.
        ("Idling:ReplicaLease", "00:00:03"),
    ];

    [Fact]
    public async Task WakeOfAMachine_IsAnEvent_AndExplained()
    {
        await using var cloud = await GatewayEnvironment.StartAsync();
        var gateway = await cloud.StartGatewayAsync(Quick);
        using var ops = gateway.OperatorClient();
        using var alice = gateway.ClientOf("alice");
        await alice.GetAsync("/");
        await cloud.Simulator.ReachAsync(cloud.Simulator.MachineOf("alice"), "suspended");
        await Eventually.HoldsAsync(async () => (await RouteAsync(ops, "alice")).GetProperty("state").GetString() == "asleep");
        using var events = await EventStream.OpenAsync(ops, null);

        await alice.GetAsync("/again");

        var states = new List<string>();
        var woken = false;
        while (!woken || !states.Contains("awake"))
        {
            var (_, kind, data) = await events.ReadAsync();
            Assert.Equal("alice", data.GetProperty("routes")[0].GetString());
            states.AddRange(kind == "state" ? [data.GetProperty("state").GetString()!] : []);
            woken |= kind == "wake" && data.GetProperty("cause").GetProperty("what").GetString() == "request";
        }

        Assert.Equal(["waking", "awake"], states.Take(2));
        await Eventually.HoldsAsync(async () => (await WhyAsync(ops, "alice")).GetProperty("causes").EnumerateArray().Any(static cause => cause.GetProperty("kind").GetString() == "use"));
        var why = await WhyAsync(ops, "alice");
        Assert.Contains(why.GetProperty("causes").EnumerateArray(), static cause => cause.GetProperty("what").GetString() == "put_to_sleep");
        Assert.Contains(why.GetProperty("timeline").EnumerateArray(), static change => change.GetProperty("state").GetString() == "asleep");
        Assert.True((await RouteAsync(ops, "alice")).GetProperty("detail").GetProperty("last_wake").GetProperty("timing").GetProperty("total").GetDouble() > 0);
    }

    [Fact]
    public async Task ActionOnASharedMachine_Is409WithTheNumberOfItsUsers_UnlessItIsMeantForAllOfThem()
    {
        await using var cloud = await GatewayEnvironment.StartAsync();
        var gateway = await cloud.StartGatewayAsync();
        using var ops = gateway.OperatorClient();
        using var alice = gateway.ClientOf("alice");
        await alice.GetAsync("/");
        using var assigned = await ops.PutAsJsonAsync("/api/routes/bob", new { app = GatewayEnvironment.App, machine = cloud.Simulator.MachineOf("alice").Id });
        Assert.True(assigned.IsSuccessStatusCode);

        foreach (var action in new[] { "stop", "suspend", "restart", "upgrade" })
        {
            using var refused = await ops.PostAsync($"/api/routes/alice/{action}", null);
            Assert.Equal(HttpStatusCode.Conflict, refused.StatusCode);
            Assert.Contains("2 users", await refused.Content.ReadAsStringAsync(), StringComparison.Ordinal);
        }

        using var meant = await ops.PostAsync("/api/routes/alice/stop?shared=true", null);
        Assert.Equal(HttpStatusCode.Accepted, meant.StatusCode);
    }

    [Fact]
    public async Task PinnedMachine_IsNotPutToSleep_UntilThePinIsTakenAway()
    {
        await using var cloud = await GatewayEnvironment.StartAsync();
        var gateway = await cloud.StartGatewayAsync(Quick);
        using var ops = gateway.OperatorClient();
        using var alice = gateway.ClientOf("alice");
        await using var held = await OpenAsync(gateway, "alice");
        var until = TimeProvider.System.GetUtcNow().AddHours(1);
        await Eventually.HoldsAsync(async () => (await ops.PostAsJsonAsync("/api/routes/alice/pin", new { until })).StatusCode == HttpStatusCode.Accepted);
        await held.DisposeAsync();

        // Somebody else's machine, last used after alice's, is put to sleep meanwhile.
        using var bob = gateway.ClientOf("bob");
        await bob.GetAsync("/");
        await cloud.Simulator.ReachAsync(cloud.Simulator.MachineOf("bob"), "suspended");
        await alice.GetAsync("/");
        Assert.Equal("started", cloud.Simulator.MachineOf("alice").State);
        Assert.Equal(until, (await RouteAsync(ops, "alice")).GetProperty("pinned_until").GetDateTimeOffset());

        using var answer = await ops.DeleteAsync("/api/routes/alice/pin");
        Assert.Equal(HttpStatusCode.Accepted, answer.StatusCode);
        await cloud.Simulator.ReachAsync(cloud.Simulator.MachineOf("alice"), "suspended");
    }

    [Fact]
    public async Task DrainedRoute_RefusesWhatIsNew_LetsOpenSocketsGoOn_AndOpensAgain()
    {
        await using var cloud = await GatewayEnvironment.StartAsync();
        var gateway = await cloud.StartGatewayAsync();
        using var ops = gateway.OperatorClient();
        using var alice = gateway.ClientOf("alice");
        using var socket = await gateway.OpenSocketAsync("alice");

        using var accepted = await ops.PostAsync("/api/routes/alice/drain", null);
        Assert.Equal(HttpStatusCode.Accepted, accepted.StatusCode);
        using var again = await ops.PostAsync("/api/routes/alice/drain", null);
        Assert.Equal(HttpStatusCode.Accepted, again.StatusCode);

        using var refused = await alice.GetAsync("/");
        Assert.Equal(HttpStatusCode.ServiceUnavailable, refused.StatusCode);
        Assert.Equal("urn:gateway:problem:closed", (await refused.Content.ReadFromJsonAsync<JsonElement>()).GetProperty("type").GetString());
        Assert.Equal(WebSocketState.Open, socket.State);
        await socket.SendAsync("ping"u8.ToArray(), WebSocketMessageType.Text, true, CancellationToken.None);

        using var opened = await ops.DeleteAsync("/api/routes/alice/drain");
        using var answered = await alice.GetAsync("/");
        Assert.Equal(HttpStatusCode.OK, answered.StatusCode);
    }

    [Fact]
    public async Task WhileRedisIsAway_WhatIsKnownHereIsShown_WithItsAge()
    {
        await using var cloud = await GatewayEnvironment.StartAsync();
        var gateway = await cloud.StartGatewayAsync();
        using var ops = gateway.OperatorClient();
        using var alice = gateway.ClientOf("alice");
        await alice.GetAsync("/");
        cloud.Redis.Kill();

        var list = await ops.GetFromJsonAsync<JsonElement>("/api/routes?user=ali*");
        var route = await RouteAsync(ops, "alice");

        Assert.True(list.GetProperty("age_seconds").GetDouble() >= 0);
        Assert.Equal("alice", Assert.Single(list.GetProperty("routes").EnumerateArray()).GetProperty("id").GetString());
        Assert.Equal("awake", route.GetProperty("state").GetString());
        Assert.True(route.GetProperty("detail").GetProperty("age_seconds").GetDouble() >= 0);
        var why = await WhyAsync(ops, "alice");
        Assert.Equal("awake", why.GetProperty("state").GetString());
        Assert.True(why.GetProperty("age_seconds").GetDouble() >= 0);
    }

    [Fact]
    public async Task WhileRedisIsAway_TheConsoleShowsWhatIsKnownHere_AndSaysSo()
    {
        await using var cloud = await GatewayEnvironment.StartAsync();
        var gateway = await cloud.StartGatewayAsync();
        using var ops = gateway.OperatorClient();
        using var alice = gateway.ClientOf("alice");
        await alice.GetAsync("/");
        cloud.Redis.Kill();

        var table = await ops.GetStringAsync("/");
        var page = await ops.GetStringAsync("/users/alice");

        Assert.Contains("Redis does not answer. These are the routes this replica knows by itself", table, StringComparison.Ordinal);
        Assert.Contains("href=\"/users/alice\"", table, StringComparison.Ordinal);
        Assert.Contains("Redis does not answer.", page, StringComparison.Ordinal);
        Assert.Contains("data-state=\"awake\"", page, StringComparison.Ordinal);
    }

    private static async Task<OpenSocket> OpenAsync(RunningGateway gateway, string user) => new(await gateway.OpenSocketAsync(user));

    private static Task<JsonElement> RouteAsync(HttpClient ops, string id) => ops.GetFromJsonAsync<JsonElement>("/api/routes/" + id);

    private static Task<JsonElement> WhyAsync(HttpClient ops, string id) => ops.GetFromJsonAsync<JsonElement>($"/api/routes/{id}/why");

    /// <summary>A socket that keeps its machine awake until it is closed; may be closed twice.</summary>
    private sealed class OpenSocket(ClientWebSocket socket) : IAsyncDisposable
    {
        public ValueTask DisposeAsync()
        {
            socket.Dispose();
            return ValueTask.CompletedTask;
        }
    }
}
