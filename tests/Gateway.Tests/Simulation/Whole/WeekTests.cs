using Xunit;
using Xunit.Abstractions;

namespace Gateway.Tests.Simulation.Whole;

/// <summary>Whole days of many people under the idle times that the product has by default.</summary>
public sealed class WeekTests(ITestOutputHelper output)
{
    public static TheoryData<int> Seeds => [.. Enumerable.Range(WholeSystemTests.Number("SIMULATION_SEED", 1), WholeSystemTests.Number("SIMULATION_SEEDS", 2))];

    /// <summary>Gateways and Redis killed at random, messages lost, stops that race requests: what holds in two hours holds for many people over a day.</summary>
    [Theory]
    [MemberData(nameof(Seeds))]
    public void Day_of_many_people_under_faults_breaks_no_promise(int seed)
    {
        var size = new WholeSize(Users: 200, Hours: 24 * WholeSystemTests.Number("SIMULATION_DAYS", 1), Faults: 0.5, Everyday: true);

        using var trace = Trace();
        var result = WholeSystem.Run(seed, size, trace is null ? null : trace.WriteLine);
        output.WriteLine($"{size.Hours} hours of 200 people under faults, {result.Steps} steps\n{result.Tally}");

        Assert.Null(result.Broken);
    }

    [Fact]
    public void Week_of_many_people_cuts_no_request_and_leaves_no_machine_awake_beyond_its_time()
    {
        var days = WholeSystemTests.Number("SIMULATION_DAYS", 7);
        var size = new WholeSize(Users: 200, Hours: 24 * days, Faults: 0, Everyday: true);

        var started = TimeProvider.System.GetTimestamp();
        using var trace = Trace();
        var result = WholeSystem.Run(WholeSystemTests.Number("SIMULATION_SEED", 1), size, trace is null ? null : trace.WriteLine);
        output.WriteLine($"{days} days of 200 people, {result.Steps} steps in {TimeProvider.System.GetElapsedTime(started)}\n{result.Awake}\n{result.Tally}");

        Assert.Null(result.Broken);
        Assert.Equal(0, result.Tally["work cut: request"]);
        Assert.Equal(0, result.Tally["work cut: socket"]);
        Assert.Equal(0, result.Tally["work cut: stream"]);
        Assert.NotEqual(0, result.Tally["stream closed for idleness"]);
        Assert.Equal(result.Awake.Billed, result.Awake.Accounted);
        Assert.InRange(result.Awake.LongestOverdue, TimeSpan.FromSeconds(1), TimeSpan.FromSeconds(70));
        Assert.All([AwakeTime.Boot, AwakeTime.Request, AwakeTime.InUse, AwakeTime.Attached, AwakeTime.Idle, AwakeTime.Stop], cause => Assert.NotEqual(TimeSpan.Zero, result.Awake.Of(cause)));
    }

    private static StreamWriter? Trace() => Environment.GetEnvironmentVariable("SIMULATION_TRACE") is { Length: > 0 } path ? new StreamWriter(path) : null;
}
