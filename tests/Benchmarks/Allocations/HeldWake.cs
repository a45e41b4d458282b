using BenchmarkDotNet.Attributes;
using Gateway.Tests.Waking;
using Gateway.Waking;

namespace Benchmarks.Allocations;

/// <summary>
/// Requests that come at once for one machine that sleeps: one wakes it and all others join. Over the simulated map and platform, whose own allocations are
/// those of <see cref="One"/>; what a held request adds is the difference.
/// </summary>
[MemoryDiagnoser(displayGenColumns: false)]
public class HeldWake
{
    public const int Requests = 1000;

    [Benchmark(Baseline = true)]
    public void One() => Wake(1);

    [Benchmark]
    public void Thousand() => Wake(Requests);

    private static void Wake(int requests) => WakingWorld.Run(async world =>
    {
        (world.Options.MaxHeld, world.Options.MaxHeldPerUser) = (Requests, Requests);
        var replica = world.Replica();
        var outcomes = await Task.WhenAll(Enumerable.Range(0, requests).Select(_ => replica.WakeAsync()));
        if (!Array.TrueForAll(outcomes, static outcome => outcome is WakeOutcome.Awake) || world.Machines.AcceptedStarts(world.Machine) != 1)
        {
            throw new InvalidOperationException("Not all were held for one wake.");
        }
    });
}
