using System.Collections.Concurrent;

namespace Gateway.Sessions;

/// <summary>Those who wait for a record to change, woken by the feed.</summary>
internal sealed class ChangeWaiters : IDisposable
{
    private readonly ChangeFeed _feed;
    private readonly ConcurrentDictionary<(string Kind, string Id), ConcurrentDictionary<Waiter, byte>> _waiters = new();

    public ChangeWaiters(ChangeFeed feed)
    {
        _feed = feed;
        _feed.SessionChanged += OnSession;
        _feed.MachineChanged += OnMachine;
        _feed.Missed += OnMissed;
    }

    public Waiter Wait(UserId user) => Wait((RedisSessionMap.SessionKind, user.Value));

    public Waiter Wait(MachineId machine) => Wait((RedisSessionMap.MachineKind, machine.Value));

    public void Dispose()
    {
        _feed.SessionChanged -= OnSession;
        _feed.MachineChanged -= OnMachine;
        _feed.Missed -= OnMissed;
    }

    private Waiter Wait((string, string) key)
    {
        var waiter = new Waiter(this, key);
        _waiters.GetOrAdd(key, static _ => new()).TryAdd(waiter, 0);
        return waiter;
    }

    private void OnSession(UserId user, long epoch) => Wake((RedisSessionMap.SessionKind, user.Value));

    private void OnMachine(MachineId machine, long epoch) => Wake((RedisSessionMap.MachineKind, machine.Value));

    private void OnMissed()
    {
        foreach (var key in _waiters.Keys)
        {
            Wake(key);
        }
    }

    private void Wake((string, string) key)
    {
        if (_waiters.TryGetValue(key, out var waiters))
        {
            foreach (var waiter in waiters.Keys)
            {
                waiter.Wake();
            }
        }
    }

    private void Remove(Waiter waiter)
    {
        if (_waiters.TryGetValue(waiter.Key, out var waiters))
        {
            waiters.TryRemove(waiter, out _);
            if (waiters.IsEmpty)
            {
                // One that came in between is lost to the feed and found by the slow poll.
                _waiters.TryRemove(new(waiter.Key, waiters));
            }
        }
    }

    /// <summary>One wait for one record.</summary>
    internal sealed class Waiter(ChangeWaiters waiters, (string Kind, string Id) key) : IDisposable
    {
        private TaskCompletionSource _next = new(TaskCreationOptions.RunContinuationsAsynchronously);

        public (string Kind, string Id) Key => key;

        /// <summary>Completes at the next change after this call.</summary>
        public Task Next()
        {
            if (_next.Task.IsCompleted)
            {
                Interlocked.Exchange(ref _next, new(TaskCreationOptions.RunContinuationsAsynchronously));
            }

            return Volatile.Read(ref _next).Task;
        }

        public void Wake() => Volatile.Read(ref _next).TrySetResult();

        public void Dispose() => waiters.Remove(this);
    }
}
