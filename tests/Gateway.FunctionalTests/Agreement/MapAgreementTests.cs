using Gateway.FunctionalTests.Identity;
using Gateway.FunctionalTests.Sessions;
using Gateway.Tests.Simulation;
using Xunit;

namespace Gateway.FunctionalTests.Agreement;

/// <summary>The map that the simulation stands on answers as Redis and Garnet do: the same scripts, word for word.</summary>
public sealed class MapAgreementTests
{
    private const int Scripts = 12;
    private const int Calls = 150;

    [Theory]
    [InlineData(MapServer.Redis)]
    [InlineData(MapServer.Garnet)]
    public async Task Simulated_map_answers_as_the_real_one(string kind)
    {
        await using var server = await MapServer.StartAsync(kind);
        await using var raw = await server.ConnectAsync();
        for (var seed = 1; seed <= Scripts; seed++)
        {
            await raw.GetDatabase().ExecuteAsync("FLUSHALL");
            var prefix = $"{{agreement-{seed}}}";
            await using var one = await MapReplica.StartAsync(server.Url, prefix);
            await using var two = await MapReplica.StartAsync(server.Url, prefix);
            var real = await new MapScript(seed, [new("one", one.Map, one.Visits), new("two", two.Map, two.Visits)], () => raw.GetDatabase().ExecuteAsync("FLUSHALL")).RunAsync(Calls).WaitAsync(Eventually.Limit);

            var model = await SimulatedAsync(seed);

            Assert.Equal(real, model);
        }
    }

    private static async Task<IReadOnlyList<string>> SimulatedAsync(int seed)
    {
        var map = new SimulatedMap(TimeProvider.System);
        var visits = new SimulatedVisitStore(TimeProvider.System, map);
        var ends = new List<MapEnds>();
        foreach (var name in (string[])["one", "two"])
        {
            var replica = new SimulatedReplica(name);
            ends.Add(new MapEnds(name, map.For(replica), new SimulatedVisitMap(visits, replica)));
        }

        return await new MapScript(seed, ends, () =>
        {
            map.Flush();
            visits.Forget();
            return Task.CompletedTask;
        }).RunAsync(Calls).WaitAsync(Eventually.Limit);
    }
}
