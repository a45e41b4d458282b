using System.Collections.Concurrent;

namespace Gateway.Waking;

/// <summary>Counts held requests, in all and of each user, and says no when there are too many: memory must not run out while machines boot.</summary>
internal sealed class HeldRequests(WakingOptions options)
{
    private readonly ConcurrentDictionary<UserId, int> _byUser = new();
    private int _total;

    public int Total => Volatile.Read(ref _total);

    /// <summary>False: not held, and nothing counted.</summary>
    public bool TryEnter(UserId? user)
    {
        if (Interlocked.Increment(ref _total) > options.MaxHeld)
        {
            Interlocked.Decrement(ref _total);
            return false;
        }

        if (user is { } counted && _byUser.AddOrUpdate(counted, 1, static (_, held) => held + 1) > options.MaxHeldPerUser)
        {
            Leave(user);
            return false;
        }

        return true;
    }

    public void Leave(UserId? user)
    {
        Interlocked.Decrement(ref _total);
        if (user is { } counted && _byUser.AddOrUpdate(counted, 0, static (_, held) => held - 1) == 0)
        {
            // Only if it is still zero: somebody may have come in between.
            _byUser.TryRemove(new(counted, 0));
        }
    }
}
