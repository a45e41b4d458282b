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
    private long _changes;
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

    /// <summary>A change was heard of; an epoch of 0 is a removal.</summary>
    public void Changed(long epoch)
    {
        lock (_lock)
        {
            if (epoch == 0 || epoch > _epoch)
            {
                _changes++;
                Volatile.Write(ref _verified, Never);
            }
        }
    }

    public void Apply(T value, long epoch, long verification)
    {
        lock (_lock)
        {
            if (epoch > _epoch)
            {
                (_value, _epoch) = (value, epoch);
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
            var changes = Volatile.Read(ref _changes);
            var asOf = verification();
            var value = await read(CancellationToken.None);
            lock (_lock)
            {
                var epoch = value is null ? 0 : epochOf(value);
                // Read before a write of our own that has been applied since: ours stands.
                if (value is null ? changes == _changes : epoch >= _epoch)
                {
                    (_value, _epoch) = (epoch == _epoch && _value is not null ? _value : value, epoch);
                }

                if (changes == _changes)
                {
                    Volatile.Write(ref _verified, asOf);
                    return;
                }
            }
        }
    }
}
