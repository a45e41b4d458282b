using System.Net;
using System.Text.Json.Nodes;
using Gateway.FunctionalTests.Workspaces;
using MachinesSimulator;
using Xunit;

namespace Gateway.FunctionalTests.Waking;

/// <summary>What may happen to a replica that leads a wake, to the Redis they share and to the platform: gateways as processes, a real Redis.</summary>
public sealed class ReplicaFaultTests
{
    [Fact]
    public async Task LeaderKilledInTheMiddleOfAWake_IsReplacedWithinItsLease_WithoutASecondStart()
    {
        await using var cloud = await GatewayEnvironment.StartAsync(static options => options.Delays.EchoBoot = TimeSpan.FromSeconds(2));
        await using var one = await cloud.StartProcessAsync("one");
        await using var two = await cloud.StartProcessAsync("two");
        var machine = await SleepingWorkspace.GiveMachineAsync(cloud, one.OperationsUrl, "alice");
        var (leader, asked) = await LeadAsync(cloud, one, machine);
        using var other = RunningGateway.Client(two.Url, cloud.TokenOf("alice"));
        var waiting = other.GetAsync("/");

        leader.Kill();

        using var answer = await waiting;
        Assert.Equal(HttpStatusCode.OK, answer.StatusCode);
        Assert.Equal(1, machine.Starts);
        await Assert.ThrowsAnyAsync<HttpRequestException>(() => asked);
    }

    [Fact]
    public async Task LeaderPausedBeyondItsLease_IsReplaced_AndServesItsOwnOnceItGoesOn()
    {
        await using var cloud = await GatewayEnvironment.StartAsync(static options => options.Delays.EchoBoot = TimeSpan.FromSeconds(2));
        await using var one = await cloud.StartProcessAsync("one");
        await using var two = await cloud.StartProcessAsync("two");
        var machine = await SleepingWorkspace.GiveMachineAsync(cloud, one.OperationsUrl, "alice");
        var (leader, asked) = await LeadAsync(cloud, one, machine);

        leader.Pause();
        using var other = RunningGateway.Client(two.Url, cloud.TokenOf("alice"));
        using var answer = await other.GetAsync("/");
        leader.Resume();

        Assert.Equal(HttpStatusCode.OK, answer.StatusCode);
        using var late = await asked;
        Assert.Equal(HttpStatusCode.OK, late.StatusCode);
        Assert.Equal(1, machine.Starts);
    }

    [Fact]
    public async Task RedisKilledInTheMiddleOfAWake_CostsTheRequestNothing()
    {
        await using var sleeping = await SleepingWorkspace.StartAsync(static options => options.Delays.EchoBoot = TimeSpan.FromSeconds(2));
        var asking = sleeping.Alice.GetAsync("/");
        await sleeping.Simulator.ReachAsync(sleeping.Machine, "started");

        sleeping.Cloud.Redis.Kill();

        using var answer = await asking;
        Assert.Equal(HttpStatusCode.OK, answer.StatusCode);
        Assert.Equal(1, sleeping.Machine.Starts);
    }

    [Fact]
    public async Task PlatformDown_IsNoticedByNobodyWhoIsAwake()
    {
        await using var sleeping = await SleepingWorkspace.StartAsync();
        await sleeping.Alice.GetAsync("/");
        sleeping.Simulator.Faults.Down = true;

        var answers = await Task.WhenAll(Enumerable.Range(0, 50).Select(_ => sleeping.Alice.GetAsync("/")));

        Assert.All(answers, static answer => Assert.Equal(HttpStatusCode.OK, answer.StatusCode));
    }

    /// <summary>A request on the replica, once the platform has accepted the start that it leads.</summary>
    private static async Task<(GatewayProcess Leader, Task<HttpResponseMessage> Asked)> LeadAsync(GatewayEnvironment cloud, GatewayProcess gateway, SimulatedMachine machine)
    {
        var client = RunningGateway.Client(gateway.Url, cloud.TokenOf("alice"));
        var asked = client.GetAsync("/");
        await cloud.Simulator.ReachAsync(machine, "starting", "started");
        await using var redis = await cloud.Redis.ConnectAsync();
        var body = JsonNode.Parse((string)(await redis.GetDatabase().HashGetAsync($"{{gateway}}:machine:{machine.Id}", "b"))!)!;
        Assert.StartsWith(gateway.Name, body["lease"]!["owner"]!.GetValue<string>(), StringComparison.Ordinal);
        return (gateway, asked);
    }
}
