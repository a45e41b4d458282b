using System.Diagnostics;
using LocalCloud;
using Xunit;

namespace Gateway.FunctionalTests;

/// <summary>What a warm request and a held one allocate, by the benchmark of them, against the figures in the tree.</summary>
[Collection(nameof(Alone))]
public sealed class AllocationTests
{
    [Fact]
    public async Task WarmRequestsAndHeldOnes_AllocateNoMoreThanIsWrittenDown()
    {
        var figures = Path.Combine(Checkout.Root, "tests/Benchmarks/Allocations/allocations.json");
        using var benchmark = Process.Start(new ProcessStartInfo(Programs.Host, [Programs.Find("Benchmarks"), "--allocations", figures]) { RedirectStandardOutput = true })!;
        using var bound = new CancellationTokenSource(TimeSpan.FromMinutes(3), TimeProvider.System);

        var said = await benchmark.StandardOutput.ReadToEndAsync(bound.Token);
        await benchmark.WaitForExitAsync(bound.Token);

        Assert.True(benchmark.ExitCode == 0, said[Math.Max(0, said.Length - 2000)..]);
    }
}
