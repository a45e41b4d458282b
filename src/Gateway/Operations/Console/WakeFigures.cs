using Gateway.Sessions;

namespace Gateway.Operations.Console;

/// <summary>How long the latest wakes took, on any replica.</summary>
/// <param name="Since">When the first of them was; null: there was none.</param>
internal sealed record WakeTimes(IReadOnlyList<double> Sorted, DateTimeOffset? Since)
{
    /// <summary>The upper ends in seconds of the bars that are shown; a last one is for all above.</summary>
    public static readonly IReadOnlyList<double> Ends = [0.5, 1, 2, 5, 10, 30];

    public double At(double share) => Sorted[Math.Min(Sorted.Count - 1, (int)(share * Sorted.Count))];

    public IEnumerable<(double? End, int Count)> Bars()
    {
        var below = 0.0;
        foreach (var end in Ends)
        {
            yield return (end, Sorted.Count(taken => taken > below && taken <= end));
            below = end;
        }

        yield return (null, Sorted.Count(taken => taken > below));
    }
}

/// <summary>Reads the wakes out of the latest events, at most every few seconds for all who look.</summary>
internal sealed class WakeFigures(IRouteHistory history, TimeProvider time)
{
    private const int EventsRead = 2000;

    private static readonly TimeSpan HoldsFor = TimeSpan.FromSeconds(5);

    private Latest? _last;

    public Task<WakeTimes> ReadAsync(CancellationToken cancellationToken)
    {
        if (_last is { } last && time.GetElapsedTime(last.At) < HoldsFor && !last.Read.IsFaulted)
        {
            return last.Read.WaitAsync(cancellationToken);
        }

        // Two at once read twice, which does no harm. Not given up with the first who asked.
        var read = ReadNowAsync();
        _last = new Latest(time.GetTimestamp(), read);
        return read.WaitAsync(cancellationToken);
    }

    private async Task<WakeTimes> ReadNowAsync()
    {
        var (_, newest) = await history.ReadEventRangeAsync(CancellationToken.None);
        var events = await history.ReadEventsAsync(Math.Max(0, newest - EventsRead), EventsRead, CancellationToken.None);
        var wakes = events.Where(static happened => happened.Cause is { Kind: "wake", Timing: not null }).ToList();
        return new WakeTimes([.. wakes.Select(static wake => wake.Cause!.Timing!.GetValueOrDefault("total")).Order()], wakes.Count == 0 ? null : wakes.Min(static wake => wake.At));
    }

    private sealed record Latest(long At, Task<WakeTimes> Read);
}
