using System.Collections.Concurrent;

namespace Gateway.Identity;

/// <summary>
/// What the store last said of each credential, by its id, in memory and bounded, so that a warm request asks nobody. Believed for a while, doubted when a
/// change may have gone by unheard, and believed longer, but not for ever, while the store does not answer.
/// </summary>
internal sealed class Beliefs<T>(TimeProvider time, IdentityOptions options, Func<string, Task<T?>> read, Func<T, bool> isPast)
    where T : class
{
    /// <summary>A store that did not answer is asked again this often, by one for all.</summary>
    private static readonly TimeSpan AskAgainAfter = TimeSpan.FromSeconds(2);

    /// <summary>How long whoever has a belief to go by waits for the store to say that it still holds: many times what a store that is well takes.</summary>
    private static readonly TimeSpan Patience = TimeSpan.FromMilliseconds(250);

    /// <summary>How long nobody with a belief waits for a store that did not answer: longer than it takes to ask it again, so that it is waited for once.</summary>
    private static readonly TimeSpan NotWaitedFor = TimeSpan.FromSeconds(5);

    private readonly ConcurrentDictionary<string, Belief> _believed = new(StringComparer.Ordinal);
    private int _evicting;

    // Raised with everything heard: what was read while something was heard may be older than it.
    private long _heard;

    // When the store was last asked without an answer so far, and when it last answered.
    private long _askedInVain;
    private long _answered;

    public int Count => _believed.Count;

    /// <summary>Null: there is no such credential, unless not known.</summary>
    public async ValueTask<(T? Value, bool Known)> FindAsync(string id)
    {
        _believed.TryGetValue(id, out var belief);
        if (belief is { Doubted: false } && Age(belief) < options.BelieveFor && (belief.Value is null || !isPast(belief.Value)))
        {
            return (belief.Value, true);
        }

        var askedInVain = Volatile.Read(ref _askedInVain);
        var sinceInVain = askedInVain == 0 || askedInVain < Volatile.Read(ref _answered) ? TimeSpan.MaxValue : time.GetElapsedTime(askedInVain);
        if (belief is null || Age(belief) > options.TrustWithoutRedis)
        {
            return belief is not null && sinceInVain < AskAgainAfter ? (null, false) : await AskAsync(id, belief);
        }

        if (sinceInVain < NotWaitedFor)
        {
            if (sinceInVain >= AskAgainAfter && Interlocked.CompareExchange(ref _askedInVain, time.GetTimestamp(), askedInVain) == askedInVain)
            {
                _ = AskAsync(id, belief);
            }

            return (belief.Value, true);
        }

        var asked = time.GetTimestamp();
        try
        {
            return await AskAsync(id, belief).WaitAsync(Patience, time);
        }
        catch (TimeoutException)
        {
            return BelieveWithoutStore(id, asked);
        }
    }

    /// <summary>What is believed of the credential now, for whoever remembers by it: doubted as soon as something else is believed. Null: nothing that counts.</summary>
    public (T Value, Evidence Evidence)? Current(string id) =>
        _believed.TryGetValue(id, out var belief) && belief is { Value: { } value, Doubted: false } && Age(belief) < options.BelieveFor && !isPast(value) ? (value, belief) : null;

    /// <summary>How much was heard; read before the store is, for <see cref="Set"/>.</summary>
    public long Heard => Volatile.Read(ref _heard);

    /// <summary>Written here, so it is so, unless something was heard since.</summary>
    public void Set(string id, T value, long heard)
    {
        var next = new Belief(value, time.GetTimestamp());
        Replace(id, next);
        if (Heard != heard)
        {
            next.Doubt();
        }

        EvictIfFull();
    }

    /// <summary>It was ended here; a read that is under way must not bring it back.</summary>
    public void End(string id)
    {
        Interlocked.Increment(ref _heard);
        Replace(id, new Belief(null, time.GetTimestamp()));
        EvictIfFull();
    }

    /// <summary>It was ended elsewhere. What is not held needs no entry: a read that is under way is doubted by the count.</summary>
    public void HasEnded(string id)
    {
        Interlocked.Increment(ref _heard);
        if (_believed.ContainsKey(id))
        {
            Replace(id, new Belief(null, time.GetTimestamp()));
        }
    }

    /// <summary>It was written anew elsewhere: its next use asks the store.</summary>
    public void Doubt(string id)
    {
        Interlocked.Increment(ref _heard);
        if (_believed.TryGetValue(id, out var belief))
        {
            belief.Doubt();
        }
    }

    /// <summary>Makes the next use of everything ask the store.</summary>
    public void Doubt()
    {
        Interlocked.Increment(ref _heard);
        foreach (var belief in _believed.Values)
        {
            belief.Doubt();
        }
    }

    private async Task<(T? Value, bool Known)> AskAsync(string id, Belief? belief)
    {
        var asked = time.GetTimestamp();
        try
        {
            var heard = Heard;
            var stored = await read(id);
            Volatile.Write(ref _answered, time.GetTimestamp());
            return (Learn(id, belief, stored, heard), true);
        }
        catch (SignInStoreUnavailableException)
        {
            return BelieveWithoutStore(id, asked);
        }
    }

    /// <summary>By what is believed now: it may have been heard to have ended while the store was asked.</summary>
    private (T? Value, bool Known) BelieveWithoutStore(string id, long asked)
    {
        // As of the asking: a call that is given up late must not hide that another one has been answered since.
        Volatile.Write(ref _askedInVain, asked);
        return _believed.TryGetValue(id, out var belief) && Age(belief) <= options.TrustWithoutRedis ? (belief.Value, true) : (null, false);
    }

    // Replaces only what was there before the read: an end heard meanwhile wins.
    private T? Learn(string id, Belief? before, T? stored, long heard)
    {
        if (stored is null)
        {
            Remove(id);
            return null;
        }

        var next = new Belief(stored, time.GetTimestamp());
        var learnt = before is null ? _believed.TryAdd(id, next) : _believed.TryUpdate(id, next, before);
        if (learnt)
        {
            before?.Doubt();
        }

        if (Heard != heard)
        {
            next.Doubt();
        }

        EvictIfFull();
        return learnt || !_believed.TryGetValue(id, out var other) ? stored : other.Value;
    }

    /// <summary>What is not held any more is doubted, always: somebody may remember by it.</summary>
    private void Replace(string id, Belief next)
    {
        while (true)
        {
            if (!_believed.TryGetValue(id, out var before))
            {
                if (_believed.TryAdd(id, next))
                {
                    return;
                }
            }
            else if (_believed.TryUpdate(id, next, before))
            {
                before.Doubt();
                return;
            }
        }
    }

    private void Remove(string id)
    {
        if (_believed.TryRemove(id, out var removed))
        {
            removed.Doubt();
        }
    }

    private void EvictIfFull()
    {
        if (_believed.Count <= options.MaximumBelieved || Interlocked.Exchange(ref _evicting, 1) == 1)
        {
            return;
        }

        // A tenth at a time, the longest unverified first: a sort per entry would be the attack.
        foreach (var (id, _) in _believed.OrderBy(pair => pair.Value.ReadAt).Take((options.MaximumBelieved / 10) + 1))
        {
            Remove(id);
        }

        Volatile.Write(ref _evicting, 0);
    }

    private TimeSpan Age(Belief belief) => time.GetElapsedTime(belief.ReadAt);

    /// <summary>What the store said, and when. Without a value: ended.</summary>
    private sealed class Belief(T? value, long readAt) : Evidence(readAt)
    {
        public T? Value { get; } = value;
    }
}
