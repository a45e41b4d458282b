using System.Collections.Concurrent;
using Microsoft.Extensions.Options;

namespace Gateway.Sessions;

/// <summary>
/// Routes in memory: filled on demand, corrected by the change feed, bounded. A warm lookup reads two dictionaries and returns the object it returned last
/// time. What may have changed unheard is read again at its next use, and believed meanwhile only while Redis is away, and not for ever.
/// </summary>
internal sealed class RouteTable : IDisposable
{
    /// <summary>After a failed read nobody asks Redis again for this long: a request must not pay a timeout for what the last one found out.</summary>
    private static readonly TimeSpan AfterFailure = TimeSpan.FromSeconds(1);

    /// <summary>How long whoever has a record to go by waits for Redis to say that it still stands: many times what a Redis that is well takes.</summary>
    private static readonly TimeSpan Patience = TimeSpan.FromMilliseconds(250);

    private readonly ConcurrentDictionary<UserId, CachedRecord<Session>> _sessions = new();
    private readonly ConcurrentDictionary<MachineId, CachedRecord<MachineRecord>> _machines = new();
    private readonly ISessionMap _map;
    private readonly ChangeFeed _feed;
    private readonly IChangeChannel _channel;
    private readonly SessionsOptions _options;
    private readonly TimeProvider _time;

    // Raised by one when changes may have been missed: everything read before is unverified.
    private long _verification;
    private long _failedAt;

    public RouteTable(ISessionMap map, ChangeFeed feed, IChangeChannel channel, IOptions<SessionsOptions> options, TimeProvider time)
    {
        (_map, _feed, _channel, _options, _time) = (map, feed, channel, options.Value, time);
        _feed.SessionChanged += OnSessionChanged;
        _feed.MachineChanged += OnMachineChanged;
        _feed.Missed += OnMissed;
        _map.SessionRemoved += OnSessionChanged;
        _map.SessionWritten += Apply;
        _map.MachineWritten += Apply;
    }

    /// <summary>Whether somebody is on the machine: its route is not dropped to make room. Set once, at start.</summary>
    public Func<MachineId, bool> InUse { get; set; } = static _ => false;

    /// <summary>Routes held.</summary>
    public int Count => _sessions.Count;

    /// <summary>Sessions and records as held, for operators while Redis is away.</summary>
    public IEnumerable<Route> Snapshot => _sessions.Values
        .Select(static entry => entry.Value)
        .OfType<Session>()
        .Select(session => new Route(session, session.Machine is { } machine && _machines.TryGetValue(machine, out var entry) ? entry.Value : null));

    public ValueTask<RouteLookup> FindAsync(UserId user, CancellationToken cancellationToken)
    {
        if (_sessions.TryGetValue(user, out var entry) && IsVerified(entry) && entry.Value is { Machine: { } machine } session
            && _machines.TryGetValue(machine, out var record) && IsVerified(record))
        {
            return new(RouteLookup.Of(entry.RouteOf(session, record.Value)));
        }

        return new(FillAsync(user, cancellationToken));
    }

    /// <summary>What is believed of a machine now, without asking.</summary>
    public MachineRecord? Believed(MachineId machine) => _machines.TryGetValue(machine, out var entry) ? entry.Value : null;

    /// <summary>What this replica wrote, or read elsewhere: newer than what is held, or nothing happens.</summary>
    public void Apply(Session session) => Entry(_sessions, session.User).Apply(session, session.Epoch, Volatile.Read(ref _verification));

    public void Apply(MachineRecord record) => Entry(_machines, record.Machine).Apply(record, record.Epoch, Volatile.Read(ref _verification));

    public void Dispose()
    {
        _feed.SessionChanged -= OnSessionChanged;
        _feed.MachineChanged -= OnMachineChanged;
        _feed.Missed -= OnMissed;
        _map.SessionRemoved -= OnSessionChanged;
        _map.SessionWritten -= Apply;
        _map.MachineWritten -= Apply;
    }

    private async Task<RouteLookup> FillAsync(UserId user, CancellationToken cancellationToken)
    {
        var entry = Entry(_sessions, user);
        if (!await RefreshAsync(entry, token => _map.FindSessionAsync(user, token), static session => session.Epoch, cancellationToken))
        {
            return RouteLookup.Unknown;
        }

        if (entry.Value is not { } session)
        {
            return RouteLookup.None;
        }

        if (session.Machine is not { } machine)
        {
            return RouteLookup.Of(entry.RouteOf(session, null));
        }

        var record = Entry(_machines, machine);
        // Without the record the machine is known all the same, and waking reads the truth.
        await RefreshAsync(record, token => _map.FindMachineAsync(machine, token), static read => read.Epoch, cancellationToken);
        return RouteLookup.Of(entry.RouteOf(session, record.Value));
    }

    /// <summary>Brings the entry up to date, unless it is. False: Redis is away and the entry is not to be believed.</summary>
    private async Task<bool> RefreshAsync<T>(CachedRecord<T> entry, Func<CancellationToken, Task<T?>> read, Func<T, long> epochOf, CancellationToken cancellationToken)
        where T : class
    {
        if (IsVerified(entry))
        {
            return true;
        }

        var isKnown = IsBelieved(entry);
        if (isKnown ? HasAnsweredSinceFailure() : SinceFailure() >= AfterFailure)
        {
            try
            {
                var loading = entry.LoadAsync(read, epochOf, () => Volatile.Read(ref _verification));
                await (isKnown ? loading.WaitAsync(Patience, _time, cancellationToken) : loading.WaitAsync(cancellationToken));
                return true;
            }
            catch (Exception exception) when (exception is SessionMapUnavailableException or TimeoutException)
            {
                Volatile.Write(ref _failedAt, _time.GetTimestamp());
            }
        }

        return IsBelieved(entry);
    }

    /// <summary>There is something to go by while Redis is away, and it is not too old for that.</summary>
    private bool IsBelieved<T>(CachedRecord<T> entry) where T : class => entry.Value is not null && _channel.SinceContact < _options.TrustWithoutRedis;

    /// <summary>The feed asks each second, whether or not anybody else does, so that a Redis that is back is not taken for one that is away.</summary>
    private bool HasAnsweredSinceFailure() => _channel.SinceContact < SinceFailure();

    private TimeSpan SinceFailure() => Volatile.Read(ref _failedAt) is var failed and not 0 ? _time.GetElapsedTime(failed) : TimeSpan.MaxValue;

    private bool IsVerified<T>(CachedRecord<T> entry) where T : class => entry.Verified == Volatile.Read(ref _verification);

    private void OnMissed() => Interlocked.Increment(ref _verification);

    private void OnSessionChanged(UserId user, long epoch)
    {
        if (_sessions.TryGetValue(user, out var entry))
        {
            entry.Changed(epoch);
        }
    }

    private void OnMachineChanged(MachineId machine, long epoch)
    {
        if (_machines.TryGetValue(machine, out var entry))
        {
            entry.Changed(epoch);
        }
    }

    private CachedRecord<T> Entry<TKey, T>(ConcurrentDictionary<TKey, CachedRecord<T>> entries, TKey key)
        where TKey : notnull
        where T : class
    {
        if (entries.TryGetValue(key, out var entry))
        {
            return entry;
        }

        if (_sessions.Count >= _options.MaxRoutes || _machines.Count >= _options.MaxRoutes)
        {
            MakeRoom();
        }

        return entries.GetOrAdd(key, static _ => new CachedRecord<T>());
    }

    /// <summary>Drops a hundredth, whichever come first, but none in use. What is dropped is read again when it is asked for.</summary>
    private void MakeRoom()
    {
        var room = Math.Max(1, _options.MaxRoutes / 100);
        foreach (var (user, entry) in _sessions.Where(pair => pair.Value.Value?.Machine is not { } machine || !InUse(machine)).Take(room).ToList())
        {
            _sessions.TryRemove(new(user, entry));
        }

        foreach (var (machine, entry) in _machines.Where(pair => !InUse(pair.Key)).Take(room).ToList())
        {
            _machines.TryRemove(new(machine, entry));
        }
    }
}
