namespace Gateway;

/// <summary>What has passed, and when: written by the forwarder from any thread as bytes go by, read by idling. No lock; the last writer wins, and all write "now".</summary>
/// <param name="time">Whose now is written.</param>
/// <param name="total">What this is a part of, and is counted in as well; null: nothing.</param>
/// <param name="openingIsUse">That a socket opens is use already.</param>
internal sealed class Traffic(TimeProvider time, Traffic? total = null, bool openingIsUse = true)
{
    private long _lastPassed;
    private long _lastPassedAt;
    private long _bytesToClient;
    private long _bytesToWorkspace;
    private bool _clientSpoke;
    private int _answers;
    private long _answersSince;
    private bool _isAnswer;
    private bool _isSocket;
    private int _sockets;

    /// <summary>When something that counts as use last passed: bytes of an answer, data frames of a socket in either direction. Null: nothing yet.</summary>
    public DateTimeOffset? LastPassed => Volatile.Read(ref _lastPassed) is > 0 and var ticks ? new DateTimeOffset(ticks, TimeSpan.Zero) : null;

    /// <summary>How long ago that was, whatever was done to the clock since; null: nothing yet.</summary>
    public TimeSpan? Silence => LastPassed is null ? null : time.GetElapsedTime(Volatile.Read(ref _lastPassedAt));

    /// <summary>Data came from the client's side: somebody, or something of theirs, is there.</summary>
    public bool ClientSpoke => Volatile.Read(ref _clientSpoke);

    /// <summary>
    /// The answer has begun, and the machine waits for nothing any more: from here on it may be silent for long, as a socket may.
    /// </summary>
    public bool IsAnswer => Volatile.Read(ref _isAnswer);

    /// <summary>Of what this is the total of: the answers that have begun and not ended.</summary>
    public int Answers => Volatile.Read(ref _answers);

    /// <summary>Of what this is the total of: the sockets that a workspace took and that have not ended.</summary>
    public int Sockets => Volatile.Read(ref _sockets);

    /// <summary>It was forwarded, and nobody was there. Written by the request itself.</summary>
    public bool NeverReached { get; set; }

    /// <summary>Since when there is at least one of them all the time; null: there is none.</summary>
    public DateTimeOffset? AnswersSince => Answers > 0 ? new DateTimeOffset(Volatile.Read(ref _answersSince), TimeSpan.Zero) : null;

    public long BytesToClient => Volatile.Read(ref _bytesToClient);

    public long BytesToWorkspace => Volatile.Read(ref _bytesToWorkspace);

    /// <summary>Bytes went to the client. <paramref name="isUse"/>: an answer or data, not a Ping.</summary>
    public void ToClient(int bytes, bool isUse)
    {
        Count(ref _bytesToClient, bytes, isUse);
        total?.ToClient(bytes, isUse);
    }

    public void ToWorkspace(int bytes, bool isUse)
    {
        Count(ref _bytesToWorkspace, bytes, isUse);
        if (isUse && !_clientSpoke)
        {
            Volatile.Write(ref _clientSpoke, true);
        }

        total?.ToWorkspace(bytes, isUse);
    }

    /// <summary>Something that is use has passed of which nothing is counted, such as bytes of a request's body.</summary>
    public void Passed()
    {
        Note();
        total?.Passed();
    }

    /// <summary>The head of the answer is here. Only the first call counts; a socket has none.</summary>
    public void AnswerBegan()
    {
        if (total is null || _isAnswer)
        {
            return;
        }

        // Before it is counted: whoever sees it among the answers must not find an old time.
        Passed();
        Volatile.Write(ref _isAnswer, true);
        if (Interlocked.Increment(ref total._answers) == 1)
        {
            Volatile.Write(ref total._answersSince, time.GetUtcNow().UtcTicks);
        }
    }

    /// <summary>The workspace has taken the socket. Only the first call counts.</summary>
    public void SocketOpened()
    {
        if (total is null || _isSocket)
        {
            return;
        }

        if (openingIsUse)
        {
            Passed();
        }

        _isSocket = true;
        Interlocked.Increment(ref total._sockets);
    }

    /// <summary>The answer or the socket is over.</summary>
    public void Ended()
    {
        if (total is null)
        {
            return;
        }

        if (_isAnswer)
        {
            Volatile.Write(ref _isAnswer, false);
            Interlocked.Decrement(ref total._answers);
        }

        if (_isSocket)
        {
            _isSocket = false;
            Interlocked.Decrement(ref total._sockets);
        }
    }

    private void Count(ref long total, int bytes, bool isUse)
    {
        Interlocked.Add(ref total, bytes);
        if (isUse)
        {
            Note();
        }
    }

    private void Note()
    {
        Volatile.Write(ref _lastPassedAt, time.GetTimestamp());
        Volatile.Write(ref _lastPassed, time.GetUtcNow().UtcTicks);
    }
}
