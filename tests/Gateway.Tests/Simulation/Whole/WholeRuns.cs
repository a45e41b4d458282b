using System.Collections.Concurrent;
using System.Globalization;

namespace Gateway.Tests.Simulation.Whole;

/// <summary>Many seeds, on as many threads as the machine has cores, each with a thread of its own from beginning to end.</summary>
internal static class WholeRuns
{
    /// <summary>What was counted over all seeds, and what the first seeds that broke something say, the first of them made as small as they go.</summary>
    /// <param name="first">The first seed.</param>
    /// <param name="count">How many seeds from there.</param>
    /// <param name="size">How much of everything.</param>
    /// <param name="mostBroken">After so many that broke something no more are begun.</param>
    /// <param name="shrunk">How many of those are made smaller, which takes many runs each.</param>
    public static (Tally Tally, IReadOnlyList<string> Broken) Run(int first, int count, WholeSize size, int mostBroken, int shrunk)
    {
        var (tally, broken, next) = (new Tally(), new ConcurrentQueue<WholeResult>(), first - 1);
        var threads = Enumerable.Range(0, Math.Clamp(Environment.ProcessorCount, 1, 8)).Select(_ => new Thread(RunNext) { IsBackground = true }).ToList();
        threads.ForEach(static thread => thread.Start());
        threads.ForEach(static thread => thread.Join());
        return (tally, [.. broken.OrderBy(static result => result.Seed).Take(shrunk).Select(Explain), .. broken.OrderBy(static result => result.Seed).Skip(shrunk).Select(static result => $"seed {result.Seed}: {result.Broken}")]);

        void RunNext()
        {
            for (int seed; broken.Count < mostBroken && (seed = Interlocked.Increment(ref next)) < first + count;)
            {
                var result = WholeSystem.Run(seed, size);
                lock (tally)
                {
                    tally.Add(result.Tally);
                    tally.Count("seeds");
                    tally.Count("steps", result.Steps);
                }

                if (result.Broken is not null)
                {
                    broken.Enqueue(result);
                }
            }
        }
    }

    /// <summary>What broke, in the smallest run that still breaks something, and how to see it again.</summary>
    private static string Explain(WholeResult result)
    {
        var smallest = Shrink(result);
        var size = smallest.Size;
        return string.Create(CultureInfo.InvariantCulture, $"""
            seed {result.Seed}: {result.Broken}
              again:    SIMULATION_SEED={result.Seed} bash tests/soak simulation 1
              smallest: SIMULATION_SEED={smallest.Seed} SIMULATION_SIZE={size.Users},{size.Gateways},{size.Hours},{size.Faults} bash tests/soak simulation 1
                        {smallest.Broken}
              every step of it: the same with SIMULATION_TRACE=FILE
            """);
    }

    /// <summary>Fewer users, gateways, hours and faults, as long as something still breaks.</summary>
    private static WholeResult Shrink(WholeResult broken)
    {
        for (var smaller = true; smaller;)
        {
            smaller = false;
            var size = broken.Size;
            foreach (var candidate in (WholeSize[])
                [
                    size with { Users = size.Users / 2 }, size with { Users = size.Users - 1 }, size with { Gateways = size.Gateways - 1 },
                    size with { Hours = size.Hours / 2 }, size with { Faults = size.Faults / 2 },
                ])
            {
                if (candidate is { Users: >= 1, Gateways: >= 1, Hours: >= 0.05, Faults: >= 0.05 } && WholeSystem.Run(broken.Seed, candidate) is { Broken: { } what } again && what[..11] == broken.Broken![..11])
                {
                    (broken, smaller) = (again, true);
                    break;
                }
            }
        }

        return broken;
    }
}
