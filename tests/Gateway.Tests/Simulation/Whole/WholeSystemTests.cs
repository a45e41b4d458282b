using Xunit;
using Xunit.Abstractions;

namespace Gateway.Tests.Simulation.Whole;

/// <summary>The whole system under seeds.</summary>
public sealed class WholeSystemTests(ITestOutputHelper output)
{
    [Fact]
    public void Seeds_break_no_promise()
    {
        var tally = new Tally();
        var started = TimeProvider.System.GetTimestamp();
        var first = int.Parse(Environment.GetEnvironmentVariable("SIMULATION_SEED") ?? "1", System.Globalization.CultureInfo.InvariantCulture);
        var seeds = int.Parse(Environment.GetEnvironmentVariable("SIMULATION_SEEDS") ?? "20", System.Globalization.CultureInfo.InvariantCulture);
        var broken = new List<string>();
        for (var seed = first; seed < first + seeds; seed++)
        {
            Action<string>? reader = Environment.GetEnvironmentVariable("SIMULATION_TRACE") is { } path ? line => File.AppendAllText(path, line + "\n") : null;
            var result = WholeSystem.Run(seed, new WholeSize(), reader);
            tally.Add(result.Tally);
            if (result.Broken is { } what)
            {
                broken.Add($"seed {seed}: {what}");
            }
        }

        output.WriteLine($"{seeds} seeds in {TimeProvider.System.GetElapsedTime(started)}");
        output.WriteLine(tally.ToString());
        Assert.True(broken.Count == 0, string.Join("\n", broken));
    }
}
