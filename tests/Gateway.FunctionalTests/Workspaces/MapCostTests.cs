using System.Globalization;
using System.Net;
using Gateway.FunctionalTests.Sessions;
using Gateway.Idling;
using Gateway.Sessions;
using Microsoft.Extensions.DependencyInjection;
using Xunit;
using Xunit.Abstractions;

namespace Gateway.FunctionalTests.Workspaces;

/// <summary>What the session map is asked, counted by Redis itself: some providers bill each command.</summary>
[Collection(nameof(Alone))]
public sealed class MapCostTests(ITestOutputHelper output)
{
    private const int Sessions = 10_000;
    private const int Due = 50;

    [Fact]
    public async Task SweepOfManySessions_CostsByTheMachinesThatAreDue()
    {
        await using var cloud = await GatewayEnvironment.StartAsync();
        await using var map = await MapReplica.StartAsync(cloud.Redis.Url, "{gateway}");
        await FillAsync(map);
        (string, string)[] quick = [("Idling:IdleAfter", "00:00:02"), ("Idling:ReportEvery", "00:00:00.5"), ("Idling:ReplicaLease", "00:00:30"), ("Idling:SweepEvery", "00:10:00"), ("Idling:ConsentGrace", "00:00:20")];
        await cloud.StartGatewayAsync(quick);
        await cloud.StartGatewayAsync(quick);
        var gateway = await cloud.StartGatewayAsync(quick);
        var users = Enumerable.Range(0, Due).Select(static number => string.Create(CultureInfo.InvariantCulture, $"due-{number:00}")).ToList();
        await Task.WhenAll(users.Select(async user =>
        {
            using var client = gateway.ClientOf(user);
            using var answer = await client.GetAsync("/");
            Assert.Equal(HttpStatusCode.OK, answer.StatusCode);
        }));
        var visits = gateway.Services.GetRequiredService<IVisitMap>();
        await Eventually.HoldsAsync(async () => (await visits.ReadDueAsync(TimeProvider.System.GetUtcNow(), Sessions, CancellationToken.None)).Count >= Due
            && !gateway.Services.GetRequiredService<Visits>().All.Any());

        await using var monitor = await RedisMonitor.StartAsync(cloud.Redis.Url);
        var began = TimeProvider.System.GetTimestamp();
        var asleep = await gateway.Services.GetRequiredService<IdleSweeper>().SweepAsync(CancellationToken.None).WaitAsync(Eventually.Limit);
        var took = TimeProvider.System.GetElapsedTime(began);

        var commands = monitor.Commands;
        output.WriteLine($"{asleep} of {Sessions} machines put to sleep in {took.TotalSeconds:F1} s with {commands.Count} commands, and {monitor.CallsInScripts} calls inside their scripts:");
        foreach (var kind in commands.CountBy(KindOf).OrderByDescending(static kind => kind.Value))
        {
            output.WriteLine($"  {kind.Value,6} {kind.Key}");
        }

        Assert.Equal(Due, asleep);
        Assert.Equal(Due, cloud.Simulator.Calls("suspend"));
        Assert.InRange(commands.Count, Due, (10 * Due) + 10);
    }

    [Fact]
    public async Task GatewayAtRest_SendsThreeCommandsASecondAtMost()
    {
        var watched = TimeSpan.FromSeconds(20);
        await using var cloud = await GatewayEnvironment.StartAsync();
        var gateway = await cloud.StartGatewayAsync();
        using var alice = gateway.ClientOf("alice");
        using (await alice.GetAsync("/"))
        {
        }

        await using var monitor = await RedisMonitor.StartAsync(cloud.Redis.Url);
        await Task.Delay(watched, TimeProvider.System);

        var commands = monitor.Commands;
        output.WriteLine($"{commands.Count / watched.TotalSeconds:F2} commands a second, and {monitor.CallsInScripts / watched.TotalSeconds:F2} calls inside their scripts:");
        foreach (var kind in commands.CountBy(KindOf).OrderByDescending(static kind => kind.Value))
        {
            output.WriteLine($"  {kind.Value,6} {kind.Key}");
        }

        Assert.InRange(commands.Count / watched.TotalSeconds, 0.1, 3);
    }

    /// <summary>So its cost does not depend on what the map holds. What is told of its use is told by turns, however many requests there were.</summary>
    [Fact]
    public async Task WarmRequests_AskTheMapNothing()
    {
        const int Requests = 2000;
        await using var cloud = await GatewayEnvironment.StartAsync();
        var gateway = await cloud.StartGatewayAsync();
        using var alice = gateway.ClientOf("alice");
        using (await alice.GetAsync("/"))
        {
        }

        await using var monitor = await RedisMonitor.StartAsync(cloud.Redis.Url);
        var began = TimeProvider.System.GetTimestamp();
        for (var i = 0; i < Requests; i++)
        {
            using var answer = await alice.GetAsync("/");
            Assert.Equal(HttpStatusCode.OK, answer.StatusCode);
        }

        // As at rest, and once more for each turn in which something passed.
        var allowed = 10 + (6 * TimeProvider.System.GetElapsedTime(began).TotalSeconds);
        output.WriteLine($"{monitor.Commands.Count} commands during {Requests} warm requests in {TimeProvider.System.GetElapsedTime(began).TotalSeconds:F1} s");
        Assert.InRange(monitor.Commands.Count, 0, allowed);
        Assert.InRange(allowed, 0, Requests / 2);
    }

    /// <summary>The command, and for a script the first key it is about.</summary>
    private static string KindOf(string command)
    {
        var words = command[(command.IndexOf(']', StringComparison.Ordinal) + 1)..].Split('"', StringSplitOptions.RemoveEmptyEntries).Where(static word => word != " ").ToList();
        var name = words[0].Trim().ToUpperInvariant();
        return name is "EVALSHA" or "EVAL" ? $"script on {Generic(words.ElementAtOrDefault(3))}" : $"{name} {Generic(words.ElementAtOrDefault(1))}";
    }

    private static string Generic(string? key) => key is null ? "" : string.Join(':', key.Split(':').Take(2));

    private static async Task FillAsync(MapReplica map)
    {
        foreach (var some in Enumerable.Range(0, Sessions).Chunk(200))
        {
            await Task.WhenAll(some.Select(async number =>
            {
                var machine = new MachineId(string.Create(CultureInfo.InvariantCulture, $"m{number:x13}"));
                var user = new UserId(string.Create(CultureInfo.InvariantCulture, $"user{number:0000000}"));
                await map.Map.WriteAsync(new MachineRecord { Machine = machine, App = GatewayEnvironment.App, State = MachineRecordState.Asleep, Region = "sjc", Boot = 1 }, CancellationToken.None);
                await map.Map.WriteAsync(new Session { User = user, State = SessionState.Assigned, App = GatewayEnvironment.App, Machine = machine }, CancellationToken.None);
            }));
        }
    }
}
