using System.Globalization;
using System.Net.Sockets;
using System.Text.Json.Nodes;
using Gateway.FunctionalTests.Workspaces;
using MachinesSimulator;

namespace Figures;

/// <summary>Several gateways, one cold user: one start between them, also when the one that leads is killed in the middle.</summary>
internal static class LeaderLost
{
    private const int Replicas = 3;
    private const int Requests = 300;

    private static readonly TimeSpan Boot = TimeSpan.FromSeconds(2);
    private static readonly TimeSpan Lease = TimeSpan.FromSeconds(5);

    public static async Task<IReadOnlyList<Reading>> TakeAsync()
    {
        await using var stage = await Stage.SetAsync(static options => options.Delays.EchoBoot = Boot, Replicas);
        return [.. await SpreadAsync(stage), .. await KilledAsync(stage)];
    }

    private static async Task<IReadOnlyList<Reading>> SpreadAsync(Stage stage)
    {
        var machine = await stage.GiveMachineAsync("alice");

        var answers = await AskAsync(stage.Gateways, stage.TokenOf("alice"));

        var good = answers.Count(static answer => answer?.Status == 200);
        return
        [
            new($"of {Requests} requests for one cold machine over {Replicas} replicas, answered 200", $"{good}", $"{Requests}", good == Requests),
            new("accepted starts for them", $"{machine.Starts}", "1", machine.Starts == 1),
        ];
    }

    private static async Task<IReadOnlyList<Reading>> KilledAsync(Stage stage)
    {
        var machine = await stage.GiveMachineAsync("bob");
        var asking = AskAsync(stage.Gateways, stage.TokenOf("bob"));
        var leader = await LeaderAsync(stage, machine);
        leader.Kill();
        var answers = await asking;

        // Whoever was on the killed one has lost the connection, which no gateway can help; the others wait for a new leader.
        var good = answers.OfType<Answer>().Count(static answer => answer.Status == 200);
        var last = answers.OfType<Answer>().Max(static answer => answer.SinceReady);
        var others = Requests - (Requests / Replicas);
        return
        [
            new("the leader killed in the middle of a wake: requests on the other replicas answered 200", $"{good}", $"{others}", good == others),
            new("accepted starts then", $"{machine.Starts}", "1", machine.Starts == 1),
            new("from ready to the last answer then", string.Create(CultureInfo.InvariantCulture, $"{last.TotalSeconds:0.00} s"), $"≤ {Lease.TotalSeconds} s, one lease", last <= Lease),
        ];
    }

    /// <summary>Null: the connection broke.</summary>
    private static Task<Answer?[]> AskAsync(IReadOnlyList<GatewayProcess> gateways, string token) => Task.WhenAll(Enumerable.Range(0, Requests).Select(async i =>
    {
        try
        {
            var answer = await Request.GetAsync(gateways[i % gateways.Count].Url, token);
            return answer.Status == 0 ? null : answer;
        }
        catch (SocketException)
        {
            return default(Answer?);
        }
    }));

    /// <summary>Who owns the wake, once the platform has accepted its start.</summary>
    private static async Task<GatewayProcess> LeaderAsync(Stage stage, SimulatedMachine machine)
    {
        await stage.Simulator.ReachAsync(machine, "starting", "started");
        await using var redis = await stage.Redis.ConnectAsync();
        var body = (string?)await redis.GetDatabase().HashGetAsync($"{{gateway}}:machine:{machine.Id}", "b");
        var owner = JsonNode.Parse(body!)!["lease"]!["owner"]!.GetValue<string>();
        return stage.Gateways.Single(gateway => owner.StartsWith(gateway.Name, StringComparison.Ordinal));
    }
}
