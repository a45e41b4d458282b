namespace Gateway.Waking;

/// <summary>
/// Those who wait for one wake, in the order they came. Each waits with a bound of its own and may leave; the wake goes on. When the machine is awake they
/// are let go through a window that widens with every answer: all at once costs several times the memory and is slower.
/// </summary>
internal sealed class HeldLine(TimeProvider time)
{
    private const int FirstWindow = 32;
    private const int WidestWindow = 128;

    /// <summary>Answers may be long in coming, or never come at all. When none came for this long, those who wait for one are no longer counted.</summary>
    private static readonly TimeSpan Stalled = TimeSpan.FromMilliseconds(100);

    private readonly Lock _lock = new();
    private readonly Queue<HeldPlace> _waiting = new();
    private WakeOutcome? _outcome;
    private bool _isOpen;
    private int _window = FirstWindow;
    private int _unanswered;
    private int _answers;
    private int _round;

    /// <summary>The outcome, or null when <paramref name="hold"/> was over first. Throws only the cancellation of the caller's token.</summary>
    public async Task<WakeOutcome?> WaitAsync(TimeSpan hold, CancellationToken cancellationToken)
    {
        HeldPlace place;
        lock (_lock)
        {
            if (_isOpen)
            {
                return _outcome;
            }

            place = new HeldPlace(this);
            _waiting.Enqueue(place);
        }

        await using var limit = time.CreateTimer(static waiting => ((HeldPlace)waiting!).EndHold(), place, hold, Timeout.InfiniteTimeSpan);
        using var leaving = cancellationToken.UnsafeRegister(static (waiting, token) => ((HeldPlace)waiting!).TrySetCanceled(token), place);
        return await place.Task;
    }

    /// <summary>Lets everybody go who waits, and whoever still comes.</summary>
    public async Task ReleaseAsync(WakeOutcome outcome)
    {
        lock (_lock)
        {
            _outcome = outcome;
        }

        for (var answers = 0; !IsEmptied(ref answers);)
        {
            await Task.Delay(Stalled, time);
        }
    }

    internal void EndHold(HeldPlace place)
    {
        lock (_lock)
        {
            // Who was still in the line of a machine that is awake by now is not sent away for that.
            place.TrySetResult(_outcome);
        }
    }

    internal void Answered(int round)
    {
        lock (_lock)
        {
            _answers++;
            _unanswered -= round == _round ? 1 : 0;
            _window += _window < WidestWindow ? 1 : 0;
            LetGo();
        }
    }

    private bool IsEmptied(ref int answersBefore)
    {
        lock (_lock)
        {
            if (_answers == answersBefore)
            {
                (_unanswered, _round) = (0, _round + 1);
            }

            answersBefore = _answers;
            LetGo();
            return _isOpen = _waiting.Count == 0;
        }
    }

    /// <summary>As many as the window has room for. What they do next runs elsewhere, not under this lock; one that left already takes no room.</summary>
    private void LetGo()
    {
        while ((_unanswered < _window || _outcome is not WakeOutcome.Awake) && _waiting.TryDequeue(out var place))
        {
            _unanswered += place.LetGo(_outcome!, _round) ? 1 : 0;
        }
    }
}

/// <summary>One request's place in the line. Once let go it takes room in the window until it is answered.</summary>
internal sealed class HeldPlace(HeldLine line) : TaskCompletionSource<WakeOutcome?>(TaskCreationOptions.RunContinuationsAsynchronously)
{
    private int _round;
    private int _answered;

    /// <summary>The machine has begun to answer, or nothing more is expected of it: somebody else may go. Further calls do nothing.</summary>
    public void Answered()
    {
        if (Interlocked.Exchange(ref _answered, 1) == 0)
        {
            line.Answered(_round);
        }
    }

    internal void EndHold() => line.EndHold(this);

    /// <summary>False: it has left.</summary>
    internal bool LetGo(WakeOutcome outcome, int round)
    {
        _round = round;
        return TrySetResult(outcome is WakeOutcome.Awake awake ? awake with { Place = this } : outcome);
    }
}
