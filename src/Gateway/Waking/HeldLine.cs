namespace Gateway.Waking;

/// <summary>
/// Those who wait for one wake, in the order they came. Each waits with a bound of its own and may leave; the wake goes on. When the machine is awake they
/// are let go in groups that double in size: all at once costs several times the memory and is slower.
/// </summary>
internal sealed class HeldLine(TimeProvider time)
{
    private const int FirstGroup = 32;

    private static readonly TimeSpan BetweenGroups = TimeSpan.FromMilliseconds(2);

    private readonly Lock _lock = new();
    private readonly Queue<Place> _waiting = new();
    private WakeOutcome? _outcome;

    /// <summary>The outcome, or null when <paramref name="hold"/> was over first. Throws only the cancellation of the caller's token.</summary>
    public async Task<WakeOutcome?> WaitAsync(TimeSpan hold, CancellationToken cancellationToken)
    {
        Place place;
        lock (_lock)
        {
            if (_outcome is not null)
            {
                return _outcome;
            }

            place = new Place();
            _waiting.Enqueue(place);
        }

        await using var limit = time.CreateTimer(static waiting => ((Place)waiting!).TrySetResult(null), place, hold, Timeout.InfiniteTimeSpan);
        using var leaving = cancellationToken.UnsafeRegister(static (waiting, token) => ((Place)waiting!).TrySetCanceled(token), place);
        return await place.Task;
    }

    /// <summary>Lets everybody go who waits, and whoever still comes.</summary>
    public async Task ReleaseAsync(WakeOutcome outcome)
    {
        for (var group = FirstGroup; ; group *= 2)
        {
            if (ReleaseGroup(outcome, group))
            {
                return;
            }

            await Task.Delay(BetweenGroups, time);
        }
    }

    /// <summary>True: nobody is left.</summary>
    private bool ReleaseGroup(WakeOutcome outcome, int group)
    {
        lock (_lock)
        {
            while (group > 0 && _waiting.TryDequeue(out var place))
            {
                // Continues elsewhere, not under this lock. One that left already takes no place in the group.
                group -= place.TrySetResult(outcome) ? 1 : 0;
            }

            if (_waiting.Count > 0)
            {
                return false;
            }

            _outcome = outcome;
            return true;
        }
    }

    private sealed class Place() : TaskCompletionSource<WakeOutcome?>(TaskCreationOptions.RunContinuationsAsynchronously);
}
