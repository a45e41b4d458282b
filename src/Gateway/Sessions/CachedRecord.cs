namespace Gateway.Sessions;

/// <summary>
/// One record of the session map as this replica knows it. The entry is in the table before the record is read, so that a change heard meanwhile is not
/// lost: it makes the reader read again.
/// </summary>
internal sealed class CachedRecord<T> where T : class
{
    /// <summary>Nothing was read yet, or a change was heard since.</summary>
    private const long Never = -1;

    private readonly Lock _lock = new();
    private volatile T? _value;
    private volatile Route? _route;
    private long _epoch;
    private long _verified = Never;
    private long _heard;
    private long _changes;
    private long _applied;
    private Task? _loading;

    /// <summary>Null: the map has none (when verified), or nothing is known.</summary>
    public T? Value => _value;

    /// <summary>The verification in which the value was read.</summary>
    public long Verified => Volatile.Read(ref _verified);

    /// <summary>The route of a session and its machine's record, the same object as long as both are.</summary>
    public Route RouteOf(Session session, MachineRecord? machine)
    {
        if (_route is { } route && ReferenceEquals(route.Session, session) && ReferenceEquals(route.Machine, machine))
        {
            return route;
        }

        return _route = new Route(session, machine);
    }

    /// <summary>A change was heard of: a write, or a removal, which has an epoch as well (0 from an older version).</summary>
    public void Changed(long epoch)
    {
        lock (_lock)
        {
            if (epoch == 0 || epoch > _epoch)
            {
                _heard = Math.Max(_heard, epoch);
                _changes++;
                Volatile.Write(ref _verified, Never);
            }
        }
    }

    /// <summary>A write of our own, or what was read elsewhere. Nothing happens when something newer is held or was heard of: it may be that it was removed since.</summary>
    public void Apply(T value, long epoch, long verification)
    {
        lock (_lock)
        {
            if (epoch > _epoch && epoch >= _heard)
            {
                (_value, _epoch) = (value, epoch);
                _applied++;
                Volatile.Write(ref _verified, verification);
            }
        }
    }

    /// <summary>Reads the record; callers at the same time share one read, which none of them cancels.</summary>
    public Task LoadAsync(Func<CancellationToken, Task<T?>> read, Func<T, long> epochOf, Func<long> verification)
    {
        lock (_lock)
        {
            return _loading is { IsCompleted: false } loading ? loading : _loading = LoadOnceAsync(read, epochOf, verification);
        }
    }

    private async Task LoadOnceAsync(Func<CancellationToken, Task<T?>> read, Func<T, long> epochOf, Func<long> verification)
    {
        while (true)
        {
            var (changes, applied) = Marks();
            var asOf = verification();
            var value = await read(CancellationToken.None);
            lock (_lock)
            {
                var epoch = value is null ? 0 : epochOf(value);
                // What was read stands even when it is older than what was held: a failover lost the newer. Only a write of our own that came in during
                // the reading may be newer than what was read.
                if (applied == _applied || epoch >= _epoch)
                {
                    (_value, _epoch) = (epoch == _epoch && _value is not null ? _value : value, epoch);
                }

                // Whoever joined after changes may have been missed wants a reading begun after that.
                if (changes == _changes && asOf == verification())
                {
                    Volatile.Write(ref _verified, asOf);
                    return;
                }
            }
        }
    }

    private (long Changes, long Applied) Marks()
    {
        lock (_lock)
        {
            return (_changes, _applied);
        }
    }
}
