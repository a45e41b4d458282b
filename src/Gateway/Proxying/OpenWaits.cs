using System.Collections.Concurrent;
using System.Security.Claims;

namespace Gateway.Proxying;

/// <summary>
/// What clients wait for at the gateway itself: a request that is held for its machine, an event stream of ours. Neither is forwarded, and both must end
/// with their credential as sockets and answers do. A warm request is never among them.
/// </summary>
internal sealed class OpenWaits(TimeProvider time)
{
    /// <summary>Its credential may have ended between being checked and being listed here.</summary>
    private static readonly TimeSpan FirstLook = TimeSpan.FromSeconds(1);

    private readonly ConcurrentDictionary<OpenWait, byte> _waits = new();

    public IEnumerable<OpenWait> All => _waits.Select(static one => one.Key);

    /// <summary>Listed until it is disposed.</summary>
    /// <param name="user">Whose workspace it is about.</param>
    /// <param name="holder">The same with the credential they came with.</param>
    /// <param name="aborted">The client has left.</param>
    public OpenWait Begin(UserId user, ClaimsPrincipal holder, CancellationToken aborted)
    {
        var wait = new OpenWait(user, holder, gone => _waits.TryRemove(gone, out _), aborted) { LookAgainAt = time.GetUtcNow() + FirstLook };
        _waits.TryAdd(wait, 0);
        return wait;
    }
}

/// <summary>One client that waits.</summary>
internal sealed class OpenWait(UserId user, ClaimsPrincipal holder, Action<OpenWait> ended, CancellationToken aborted) : ILasting, IDisposable
{
    private readonly CancellationTokenSource _end = CancellationTokenSource.CreateLinkedTokenSource(aborted);
    private volatile string? _cutFor;

    public UserId User => user;

    public ClaimsPrincipal Holder => holder;

    public DateTimeOffset? GoodUntil { get; set; }

    public DateTimeOffset LookAgainAt { get; set; }

    /// <summary>The client left, or its credential ended.</summary>
    public CancellationToken Token => _end.Token;

    /// <summary>Why its credential does not count any more, for the person who waits; null: it still does.</summary>
    public string? CutFor => _cutFor;

    public void Cut(string reason)
    {
        _cutFor = reason;
        try
        {
            _end.Cancel();
        }
        catch (ObjectDisposedException)
        {
            // It has ended by itself meanwhile.
            _cutFor = null;
        }
    }

    public void Dispose()
    {
        ended(this);
        _end.Dispose();
    }
}
