using System.Collections.Concurrent;

namespace Gateway.Proxying;

/// <summary>
/// What each key may ask: so many a second with so many at once after a pause, as a token bucket would have it. A bucket is one moment, that at which it is
/// full again (the generic cell rate algorithm, ITU-T I.371), so a request is a compare-and-swap. The framework's limiters, with the same arithmetic, lock
/// the table of keys and then the key at each request.
/// </summary>
/// <param name="perSecond">0: any number.</param>
/// <param name="burst">At least 1.</param>
/// <param name="time">Its timestamps.</param>
internal sealed class Allowances<TKey>(int perSecond, int burst, TimeProvider time)
    where TKey : notnull
{
    private const int FewestToSweep = 1000;

    private readonly ConcurrentDictionary<TKey, Allowance> _allowances = new();
    private readonly long _interval = perSecond == 0 ? 0 : time.TimestampFrequency / perSecond;
    private int _added;
    private int _sweepAt = FewestToSweep;

    /// <summary>Keys held: those with something open or not full again, and for a while others.</summary>
    public int Count => Volatile.Read(ref _added);

    /// <summary>The key's, to be held while something of it is open.</summary>
    public Allowance Of(TKey key)
    {
        if (_allowances.TryGetValue(key, out var allowance))
        {
            return allowance;
        }

        if (Volatile.Read(ref _added) >= Volatile.Read(ref _sweepAt))
        {
            ForgetIdle();
        }

        var made = new Allowance();
        allowance = _allowances.GetOrAdd(key, made);
        if (ReferenceEquals(allowance, made))
        {
            Interlocked.Increment(ref _added);
        }

        return allowance;
    }

    /// <summary>Null: it may. Otherwise when it may again.</summary>
    public TimeSpan? Take(Allowance allowance)
    {
        if (_interval == 0)
        {
            return null;
        }

        var late = allowance.Take(time.GetTimestamp(), _interval, burst);
        return late == 0 ? null : TimeSpan.FromSeconds((double)late / time.TimestampFrequency);
    }

    /// <summary>What is full and has nothing open is as good as new. Amortized: at least as many were added since the last time as are looked at now.</summary>
    private void ForgetIdle()
    {
        var sweepAt = Volatile.Read(ref _sweepAt);
        if (Interlocked.CompareExchange(ref _sweepAt, int.MaxValue, sweepAt) != sweepAt)
        {
            return;
        }

        var now = time.GetTimestamp();
        foreach (var pair in _allowances)
        {
            if (pair.Value.TryRetire(now) && _allowances.TryRemove(pair))
            {
                Interlocked.Decrement(ref _added);
            }
        }

        Volatile.Write(ref _sweepAt, Math.Max(FewestToSweep, 2 * Volatile.Read(ref _added)));
    }
}

/// <summary>What one key may ask, and has open. No lock: any thread writes.</summary>
internal sealed class Allowance
{
    // One word for both counts, so that nothing is open exactly when it is zero: requests in the lower half, sockets in the upper.
    private const long OneRequest = 1;
    private const long OneSocket = 1L << 32;
    private const long Retired = long.MinValue;

    private long _open;
    private long _fullAt;

    /// <summary>0: one was taken. Otherwise in how many ticks there is one again.</summary>
    public long Take(long now, long interval, int burst)
    {
        var seen = Volatile.Read(ref _fullAt);
        while (true)
        {
            var fullAt = Math.Max(seen, now);
            var late = fullAt - now - ((burst - 1) * interval);
            if (late > 0)
            {
                return late;
            }

            var previous = Interlocked.CompareExchange(ref _fullAt, fullAt + interval, seen);
            if (previous == seen)
            {
                return 0;
            }

            seen = previous;
        }
    }

    /// <summary>Counts one as open; false when there are as many already, null when this object was retired and the key's next one must be taken.</summary>
    /// <param name="socket">It is a socket.</param>
    /// <param name="most">0: any number.</param>
    public bool? TryOpen(bool socket, int most)
    {
        var open = Interlocked.Add(ref _open, socket ? OneSocket : OneRequest);
        if (open < 0)
        {
            Close(socket);
            return null;
        }

        if (most == 0 || (socket ? open >> 32 : open & uint.MaxValue) <= most)
        {
            return true;
        }

        Close(socket);
        return false;
    }

    public void Close(bool socket) => Interlocked.Add(ref _open, socket ? -OneSocket : -OneRequest);

    public bool TryRetire(long now) => Volatile.Read(ref _fullAt) <= now && Interlocked.CompareExchange(ref _open, Retired, 0) == 0;
}
