using System.Globalization;
using Xunit;
using Xunit.Abstractions;

namespace Gateway.FunctionalTests.Chaos;

/// <summary>
/// Three gateways as processes, a real Redis, the simulator with its workspaces, some of them processes too, and people at work through an edge that cuts
/// and slows, while all of these are killed, paused, emptied and started again. What came back is held against what was done.
/// <c>CHAOS_SECONDS</c> and <c>CHAOS_PEOPLE</c> make it long and large, <c>CHAOS_SEED</c> begins another one.
/// </summary>
[Collection(nameof(Alone))]
public sealed class ChaosTests(ITestOutputHelper output)
{
    // Refusals that say that the workspace has not seen the request.
    private static readonly HashSet<string> NotSeen =
    [
        "still-waking", "still-provisioning", "too-many-held", "capacity-short", "updating", "host-full", "host-unreachable", "never-healthy", "crashed", "out-of-memory", "gone", "asleep",
        "map-unavailable", "platform-unavailable", "provisioning-failed", "unreachable", "closed",
    ];

    [Fact]
    public async Task WhateverIsKilledPausedEmptiedAndCut_NobodyGetsAnothersAnswer_NothingIsDoneTwice_AndNothingAcknowledgedIsLost()
    {
        var (seconds, people, seed) = (Setting("CHAOS_SECONDS", 30), Setting("CHAOS_PEOPLE", 40), Setting("CHAOS_SEED", 1));
        await using var stage = await ChaosStage.StartAsync(people, seed);
        using var stop = new CancellationTokenSource();
        var lives = stage.People.Select(person => person.LiveAsync(stop.Token)).ToList();

        // One gateway of three dies, again and again: what a client that tries again notices of that.
        stage.People.ForEach(static person => person.ForgetReads());
        await stage.LoseGatewaysAsync(TimeSpan.FromSeconds(seconds / 3.0));
        var (answered, failed) = (stage.People.Sum(static person => person.Reads.Answered), stage.People.Sum(static person => person.Reads.Failed));

        await stage.BreakAnythingAsync(TimeSpan.FromSeconds(seconds * 2 / 3.0));
        await stage.CalmAsync();
        await stop.CancelAsync();
        Report(stage, answered, failed);
        await Task.WhenAll(lives).WaitAsync(TimeSpan.FromMinutes(3), TimeProvider.System);
        // State converges with no restart, for everybody.
        var unserved = (await Task.WhenAll(stage.People.Select(async person => (person.Name, Served: await person.ReadAsync(person.Name + "-last"))))).Where(static last => !last.Served).Select(static last => last.Name);
        Assert.Empty(unserved);
        Assert.Empty(stage.People.SelectMany(static person => person.Wrongs).Take(20));
        Assert.True(answered > people && failed <= answered / 1000, $"While one gateway of three died, {failed} reads failed and {answered} were answered.");
        AssertDoneAsTold(stage);
        AssertKept(stage);
    }

    private static void AssertDoneAsTold(ChaosStage stage)
    {
        var orders = stage.People.SelectMany(static person => person.All).Where(static came => came.Kind == "order").ToList();
        Assert.DoesNotContain(stage.Orders, static order => order.Value > 1);
        Assert.DoesNotContain(orders, order => stage.RunsHere(order.What) && order.IsGood && !stage.Orders.ContainsKey(order.What));
        Assert.DoesNotContain(orders, order => NotSeen.Contains(order.Problem) && stage.Orders.ContainsKey(order.What));
    }

    private static void AssertKept(ChaosStage stage)
    {
        foreach (var person in stage.People)
        {
            var machine = stage.Cloud.Simulator.MachineOf(person.Name);
            var volume = stage.Cloud.Simulator.Volumes.Single(volume => volume.Id == machine.VolumeId);
            Assert.Equal("created", volume.State);
            var folder = stage.Cloud.Simulator.Cloud.FolderOf(volume);
            Assert.Empty(person.Written.Where(file => Read(Path.Combine(folder, file.Key)) != file.Value).Select(static file => file.Key));
        }
    }

    private static string? Read(string path) => File.Exists(path) ? File.ReadAllText(path) : null;

    private void Report(ChaosStage stage, int answered, int failed)
    {
        var all = stage.People.SelectMany(static person => person.All).ToList();
        output.WriteLine($"{all.Count} requests; while one gateway of three died {answered} reads were answered and {failed} were not; {stage.Edge.Cut} connections cut; faults: {string.Join(", ", stage.Faults.GroupBy(static fault => fault).OrderBy(static group => group.Key, StringComparer.Ordinal).Select(static group => $"{group.Key} {group.Count()}"))}");
        foreach (var kind in all.GroupBy(static came => came.Kind).OrderBy(static group => group.Key, StringComparer.Ordinal))
        {
            output.WriteLine($"  {kind.Key}: {string.Join(", ", kind.GroupBy(static came => came.Problem.Length > 0 ? came.Problem : came.Status == 0 ? "broken off" : came.Status.ToString(CultureInfo.InvariantCulture)).OrderByDescending(static group => group.Count()).Select(static group => $"{group.Key} {group.Count()}"))}");
        }
    }

    private static int Setting(string name, int otherwise) =>
        int.TryParse(Environment.GetEnvironmentVariable(name), NumberStyles.None, CultureInfo.InvariantCulture, out var set) ? set : otherwise;
}
