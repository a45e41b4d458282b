using System.Globalization;
using Xunit;
using Xunit.Abstractions;

namespace Gateway.Tests.Simulation.Whole;

/// <summary>The whole system under seeds: no promise is broken, every run is the same again, and nothing worth seeing goes unseen.</summary>
public sealed class WholeSystemTests(ITestOutputHelper output)
{
    private const int SeedsInCi = 2_000;

    /// <summary>So many meet everything there is to meet.</summary>
    private const int SeedsThatMeetAll = 60;

    /// <summary>What a set of seeds has to have met at least once, or it proves little.</summary>
    private static readonly string[] MustHappen =
    [
        "machine: Asleep > Waking", "machine: Waking > Awake", "machine: Awake > Draining", "machine: Draining > Stopping", "machine: Stopping > Asleep", "machine: Asleep > Stopping",
        "machine: Draining > Awake", "machine: Waking > Failed", "machine: Failed > Waking", "machine: Waking > Waking", "machine: Stopping > Waking",
        "session: none > Provisioning", "session: Provisioning > Assigned", "session: Provisioning > Failed", "machine put to sleep: stop", "machine put to sleep: suspend",
        "machine: write refused", "session: write refused", "gateway: StopAbandoned", "gateway: StopObjected", "gateway: WakeTakenOver", "gateway: ResumeGivenUp", "gateway: WakingAlone",
        "gateway: MapRebuilt", "gateway: MachineUnreachable", "socket closed for idleness", "forward: never reached",
        "fault: gateway killed", "fault: gateway paused", "fault: gateway paused before a stop", "fault: gateway isolated", "fault: clock jumped", "fault: redis line cut", "fault: redis outage",
        "fault: redis lost writes", "fault: redis flushed", "fault: redis call lost", "fault: redis slow", "fault: message lost", "fault: message late", "fault: message twice",
        "fault: platform errs", "fault: platform refuses all", "fault: answers lost", "fault: platform slow", "fault: host full", "fault: host unreachable", "fault: region full",
        "fault: quota used up", "fault: boots fail", "fault: boots slow", "fault: process ended", "fault: stopped behind our back", "fault: destroyed behind our back",
        "fault: migrated", "fault: metadata forged", "answer: 200", "answer: 502", "answer: 503",
    ];

    [Fact]
    public void Seeds_break_no_promise_and_meet_everything_there_is_to_meet()
    {
        var (first, count, size) = (Number("SIMULATION_SEED", 1), Number("SIMULATION_SEEDS", SeedsInCi), SizeAsked());
        if (Environment.GetEnvironmentVariable("SIMULATION_TRACE") is { Length: > 0 } path)
        {
            using var file = new StreamWriter(path);
            WholeSystem.Run(first, size, file.WriteLine);
        }

        var started = TimeProvider.System.GetTimestamp();
        var (tally, broken) = WholeRuns.Run(first, count, size, Number("SIMULATION_FAILURES", 3), Number("SIMULATION_SHRUNK", 3));
        output.WriteLine($"{tally["seeds"]} seeds from {first} in {TimeProvider.System.GetElapsedTime(started)}\n{tally}");

        Assert.True(broken.Count == 0, string.Join('\n', broken));
        if (count >= SeedsThatMeetAll)
        {
            Assert.True(MustHappen.All(what => tally[what] > 0), "never happened: " + string.Join(", ", MustHappen.Where(what => tally[what] == 0)));
        }
    }

    [Theory]
    [InlineData(3)]
    [InlineData(11)]
    public void Same_seed_runs_the_same_again(int seed)
    {
        var (once, again) = (WholeSystem.Run(seed, new WholeSize()), WholeSystem.Run(seed, new WholeSize()));

        output.WriteLine($"{once.Trace:x} {once.Steps}");
        Assert.Equal((once.Trace, once.Steps), (again.Trace, again.Steps));
        Assert.Equal(once.Tally.ToString(), again.Tally.ToString());
    }

    internal static int Number(string variable, int otherwise) =>
        Environment.GetEnvironmentVariable(variable) is { Length: > 0 } text ? int.Parse(text, CultureInfo.InvariantCulture) : otherwise;

    /// <summary>Users, gateways, hours, faults.</summary>
    private static WholeSize SizeAsked() =>
        Environment.GetEnvironmentVariable("SIMULATION_SIZE")?.Split(',') is [var users, var gateways, var hours, var faults]
            ? new WholeSize(int.Parse(users, CultureInfo.InvariantCulture), int.Parse(gateways, CultureInfo.InvariantCulture), double.Parse(hours, CultureInfo.InvariantCulture), double.Parse(faults, CultureInfo.InvariantCulture))
            : new WholeSize();
}
