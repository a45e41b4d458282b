using System.Collections.Concurrent;
using System.Globalization;

namespace Figures;

/// <summary>How long a request still waits once its workspace could answer, over many wakes of machines that are first silent, then refuse, then answer.</summary>
internal static class TimeLost
{
    private const int Wakes = 1000;
    private const int AtOnce = 24;

    private static readonly TimeSpan Start = TimeSpan.FromMilliseconds(50);

    public static async Task<IReadOnlyList<Reading>> TakeAsync()
    {
        await using var stage = await Stage.SetAsync(static options => options.Delays.Start = Start, 1);
        var machines = await stage.GiveMachinesAsync(Wakes);
        // The same boots each time.
        var random = new Random(1);
        foreach (var (_, machine) in machines)
        {
            var boot = TimeSpan.FromSeconds(0.2 + (7.8 * random.NextDouble())) - Start;
            machine.BootDelay = boot * (0.3 + (0.6 * random.NextDouble()));
            machine.RefuseFor = boot - machine.BootDelay.Value;
        }

        var answers = new ConcurrentQueue<Answer>();
        await Parallel.ForEachAsync(machines, new ParallelOptions { MaxDegreeOfParallelism = AtOnce }, async (given, _) =>
            answers.Enqueue(await Request.GetAsync(stage.Gateway.Url, stage.TokenOf(given.User))));

        var failed = answers.Count(static answer => answer.Status != 200);
        var lost = answers.Where(static answer => answer.Status == 200).Select(static answer => answer.SinceReady.TotalMilliseconds).Order().ToList();
        return
        [
            new($"wakes that failed, of {Wakes} with boots of 0.2 to 8 s", $"{failed}", "0", failed == 0),
            Percentile("time lost to us, median", lost, 0.5, 10),
            Percentile("time lost to us, 99th percentile", lost, 0.99, 30),
        ];
    }

    private static Reading Percentile(string what, List<double> ordered, double share, double bar)
    {
        var value = ordered.Count == 0 ? double.NaN : ordered[(int)(share * (ordered.Count - 1))];
        return new(what, string.Create(CultureInfo.InvariantCulture, $"{value:0.0} ms"), string.Create(CultureInfo.InvariantCulture, $"≤ {bar:0} ms"), value <= bar);
    }
}
