namespace Gateway.Idling;

/// <summary>
/// The visits of one machine through this replica, and the gate that an idle stop closes before it reads them.
/// The order is what makes a stop safe: a visit is counted first and the gate read afterwards; a stop closes the gate first and reads the count
/// afterwards. Whichever comes second sees the other.
/// </summary>
internal sealed class MachineVisits(MachineId machine, TimeProvider time)
{
    private const int Opened = 0;
    private const int Closed = 1;
    private const int Retired = 2;

    private int _open;
    private int _polls;
    private int _bySignIn;
    private int _byToken;
    private int _gate = Opened;
    private long _gateClosedAt;
    private long _lastEnd = DateTimeOffset.UnixEpoch.UtcTicks;
    private long _lastBegan;
    private long _elsewhere = DateTimeOffset.UnixEpoch.UtcTicks;
    private long _firstSocket = DateTimeOffset.UnixEpoch.UtcTicks;

    public MachineId Machine { get; } = machine;

    /// <summary>What passes on visits that count as use.</summary>
    public Traffic Counted { get; } = new(time);

    /// <summary>What passes on visits that do not: polls in the background, monitors.</summary>
    public Traffic Uncounted { get; } = new(time);

    /// <summary>Requests and sockets in progress, whether they count as use or not.</summary>
    public int Open => Volatile.Read(ref _open);

    /// <summary>Of those, the sockets that the workspace took. One that is not through yet is a request that waits.</summary>
    public int Sockets => Counted.Sockets + Uncounted.Sockets;

    /// <summary>Answers that have begun, of requests that are use of the machine. Like sockets, they may be silent for long.</summary>
    public int Answers => Counted.Answers;

    /// <summary>The same of requests that are no use: most are over in a moment, and the event stream of a page lasts.</summary>
    public int PollAnswers => Uncounted.Answers;

    /// <summary>Sockets and answers that have begun: what may be silent for long.</summary>
    public int Lasting => Sockets + Answers + PollAnswers;

    /// <summary>Requests that wait for their answer to begin.</summary>
    public int Requests => Math.Max(0, Open - Lasting);

    /// <summary>Of the requests, those that are no use of the machine: they stand against a stop while they last, and put off nothing.</summary>
    public int Polls => Math.Max(0, Volatile.Read(ref _polls) - PollAnswers);

    /// <summary>Of all that is open, what a browser's sign-in let in.</summary>
    public int BySignIn => Volatile.Read(ref _bySignIn);

    /// <summary>Of all that is open, what a bearer token let in.</summary>
    public int ByToken => Volatile.Read(ref _byToken);

    /// <summary>
    /// When something that counts last passed, a visit that counts last ended, or the machine was woken. The Unix epoch: nothing of that here. A visit that began
    /// stands against a stop while it lasts; that it did is no use of the machine before somebody was reached, or whoever asks again and again for one that hangs
    /// would keep it from the sleep that it comes back well from.
    /// </summary>
    public DateTimeOffset LastActivity
    {
        get
        {
            var end = new DateTimeOffset(Volatile.Read(ref _lastEnd), TimeSpan.Zero);
            return Counted.LastPassed is { } passed && passed > end ? passed : end;
        }
    }

    /// <summary>How long nothing of that was here, whatever was done to the clock meanwhile.</summary>
    public TimeSpan Silence
    {
        get
        {
            var began = Volatile.Read(ref _lastBegan) is not 0 and var at ? time.GetElapsedTime(at) : TimeSpan.MaxValue;
            return Counted.Silence is { } silence && silence < began ? silence : began;
        }
    }

    /// <summary>
    /// What the attached time of its sockets and answers counts from. A page may open one by itself, which is no activity; but where nothing else is known of
    /// the machine, a terminal that came back after a cut connection gets its full time. What passed through other replicas counts as far as it was heard of.
    /// </summary>
    public DateTimeOffset AttachedSince
    {
        get
        {
            var (here, elsewhere) = (LastActivity, new DateTimeOffset(Volatile.Read(ref _elsewhere), TimeSpan.Zero));
            if (here == DateTimeOffset.UnixEpoch)
            {
                here = Sockets > 0 ? new DateTimeOffset(Volatile.Read(ref _firstSocket), TimeSpan.Zero)
                    : elsewhere > DateTimeOffset.UnixEpoch ? elsewhere
                    : Uncounted.AnswersSince ?? here;
            }

            return here > elsewhere ? here : elsewhere;
        }
    }

    /// <summary>Through any replica something that counts passed then. Written by the one loop that reports.</summary>
    public void HeardOf(DateTimeOffset activity) => Volatile.Write(ref _elsewhere, activity.UtcTicks);

    /// <summary>A stop is being decided. A visit that finds it so must win the machine back in the session map before it forwards.</summary>
    public bool GateIsClosed => Volatile.Read(ref _gate) == Closed;

    /// <summary>Counts a visit; false when this object was just retired and the machine's next one must be taken.</summary>
    public bool TryEnter(bool socket, bool counts, VisitCredential by = VisitCredential.None)
    {
        Interlocked.Increment(ref _open);
        if (Volatile.Read(ref _gate) == Retired)
        {
            Interlocked.Decrement(ref _open);
            return false;
        }

        Count(by, 1);
        if (socket)
        {
            Interlocked.CompareExchange(ref _firstSocket, time.GetUtcNow().UtcTicks, DateTimeOffset.UnixEpoch.UtcTicks);
        }
        else if (!counts)
        {
            Interlocked.Increment(ref _polls);
        }

        return true;
    }

    /// <param name="socket">As it entered.</param>
    /// <param name="counts">Its end is use of the machine.</param>
    /// <param name="traffic">What passed on it.</param>
    /// <param name="by">As it entered.</param>
    public void Leave(bool socket, bool counts, Traffic? traffic = null, VisitCredential by = VisitCredential.None)
    {
        // What may be silent for long and ends while a stop is decided was closed for that stop, or would have been.
        if (counts && traffic is not { NeverReached: true } && !((socket || traffic is { IsAnswer: true }) && GateIsClosed))
        {
            // Before the count goes down, so that a sweep between the two never sees an idle machine with an old time.
            Begin();
        }

        // Before it is no longer open: it must not hide a request that waits.
        traffic?.Ended();
        if (!socket && !counts)
        {
            Interlocked.Decrement(ref _polls);
        }

        Count(by, -1);
        Interlocked.Decrement(ref _open);
    }

    /// <summary>
    /// Closes the gate and then reads the visits, in that order. True: nobody is here, and whoever comes will see the gate. Null: this object was retired.
    /// </summary>
    public bool? CloseGate()
    {
        Volatile.Write(ref _gateClosedAt, time.GetTimestamp());
        return Interlocked.CompareExchange(ref _gate, Closed, Opened) == Retired ? null : Volatile.Read(ref _open) == 0;
    }

    public void OpenGate() => Interlocked.CompareExchange(ref _gate, Opened, Closed);

    /// <summary>Opens a gate closed longer ago than any stop acts on a consent, so that this object can be retired.</summary>
    public void LetGateLapse(TimeSpan after)
    {
        if (GateIsClosed && time.GetElapsedTime(Volatile.Read(ref _gateClosedAt)) > after)
        {
            OpenGate();
        }
    }

    /// <summary>Takes this object out of use when nobody is on the machine and no stop waits for its gate.</summary>
    public bool TryRetire()
    {
        if (Interlocked.CompareExchange(ref _gate, Retired, Opened) != Opened)
        {
            return false;
        }

        if (Volatile.Read(ref _open) == 0)
        {
            return true;
        }

        Interlocked.Exchange(ref _gate, Opened);
        return false;
    }

    private void Count(VisitCredential by, int change)
    {
        if (by is VisitCredential.SignIn)
        {
            Interlocked.Add(ref _bySignIn, change);
        }
        else if (by is VisitCredential.Token)
        {
            Interlocked.Add(ref _byToken, change);
        }
    }

    private void Begin()
    {
        Volatile.Write(ref _lastBegan, time.GetTimestamp());
        Advance(time.GetUtcNow().UtcTicks);
    }

    private void Advance(long ticks)
    {
        var seen = Volatile.Read(ref _lastEnd);
        while (ticks > seen)
        {
            var previous = Interlocked.CompareExchange(ref _lastEnd, ticks, seen);
            if (previous == seen)
            {
                return;
            }

            seen = previous;
        }
    }
}
