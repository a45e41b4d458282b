namespace Gateway;

/// <summary>What has passed, and when: written by the forwarder from any thread as bytes go by, read by idling. No lock; the last writer wins, and all write "now".</summary>
/// <param name="time">Whose now is written.</param>
/// <param name="total">What this is a part of, and is counted in as well; null: nothing.</param>
internal sealed class Traffic(TimeProvider time, Traffic? total = null)
{
    private long _lastPassed;
    private long _bytesToClient;
    private long _bytesToWorkspace;
    private bool _clientSpoke;

    /// <summary>When something that counts as use last passed: bytes of an answer, data frames of a socket in either direction. Null: nothing yet.</summary>
    public DateTimeOffset? LastPassed => Volatile.Read(ref _lastPassed) is > 0 and var ticks ? new DateTimeOffset(ticks, TimeSpan.Zero) : null;

    /// <summary>Data came from the client's side: somebody, or something of theirs, is there.</summary>
    public bool ClientSpoke => Volatile.Read(ref _clientSpoke);

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

    private void Count(ref long total, int bytes, bool isUse)
    {
        Interlocked.Add(ref total, bytes);
        if (isUse)
        {
            Volatile.Write(ref _lastPassed, time.GetUtcNow().UtcTicks);
        }
    }
}
