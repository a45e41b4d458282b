using Gateway.Sessions;

namespace Gateway.Tests.Simulation;

/// <summary>The session map in memory, shared by several replicas, with the true rules: compare-and-set on the epoch, a generation, a feed that may lose messages.</summary>
internal sealed class SimulatedMap(TimeProvider time)
{
    private readonly Lock _lock = new();
    private readonly Dictionary<UserId, Session> _sessions = [];
    private readonly Dictionary<MachineId, MachineRecord> _machines = [];
    private readonly List<SimulatedMapView> _views = [];
    private long _lastEpoch;
    private int _generations;
    private MapGeneration? _generation;

    /// <summary>How long a read or write takes; zero: it only yields.</summary>
    public TimeSpan Latency { get; set; }

    /// <summary>Nobody gets an answer.</summary>
    public bool Unavailable { get; set; }

    public TimeProvider Time => time;

    /// <summary>Every write of a machine's record, as the real map's script sees it.</summary>
    public event Action<MachineRecord>? MachineWritten;

    /// <summary>Told of every write and removal, with its epoch.</summary>
    public Action<object, long>? Published { get; set; }

    public SimulatedMapView For(SimulatedReplica replica)
    {
        var view = new SimulatedMapView(this, replica);
        lock (_lock)
        {
            _views.Add(view);
        }

        return view;
    }

    /// <summary>A view of a replica that never fails.</summary>
    public SimulatedMapView For(string replica) => For(new SimulatedReplica(replica));

    public IReadOnlyList<Session> Sessions { get { lock (_lock) { return [.. _sessions.Values]; } } }

    public IReadOnlyList<MachineRecord> Machines { get { lock (_lock) { return [.. _machines.Values]; } } }

    /// <summary>The generation counts as listed from now on: a missing session is an unassigned user.</summary>
    public SimulatedMap Listed()
    {
        lock (_lock)
        {
            _generation = Generation() with { Listed = true };
        }

        return this;
    }

    /// <summary>Everything is lost and the map is of a new generation.</summary>
    public void Flush() => RollBack(([], []));

    /// <summary>What a failover may go back to.</summary>
    public (Session[] Sessions, MachineRecord[] Machines) Snapshot()
    {
        lock (_lock)
        {
            return ([.. _sessions.Values], [.. _machines.Values]);
        }
    }

    /// <summary>A failover that lost every write since the snapshot; a new generation, and nobody is told.</summary>
    /// <param name="snapshot">What is left.</param>
    /// <param name="isNewMap">Its generation was lost as well; a failover to a copy of the map keeps it.</param>
    public void RollBack((Session[] Sessions, MachineRecord[] Machines) snapshot, bool isNewMap = true)
    {
        lock (_lock)
        {
            _sessions.Clear();
            _machines.Clear();
            foreach (var session in snapshot.Sessions)
            {
                _sessions[session.User] = session;
            }

            foreach (var machine in snapshot.Machines)
            {
                _machines[machine.Machine] = machine;
            }

            _generation = isNewMap ? null : _generation;
        }
    }

    internal SessionsPage Page(string? after, string? prefix, int limit)
    {
        var rest = Sessions.Where(session => session.User.Value.StartsWith(prefix ?? "", StringComparison.Ordinal))
            .OrderBy(session => session.User.Value, StringComparer.Ordinal)
            .Where(session => after is null || string.CompareOrdinal(session.User.Value, after) > 0).ToList();
        // As in the real one, which does not look beyond a full page.
        return new SessionsPage([.. rest.Take(limit)], rest.Count >= limit ? rest[limit - 1].User.Value : null);
    }

    internal Session? Find(UserId user) { lock (_lock) { return _sessions.GetValueOrDefault(user)?.Believed(); } }

    internal MachineRecord? Find(MachineId machine) { lock (_lock) { return _machines.GetValueOrDefault(machine)?.Believed(); } }

    internal MapWrite<Session> Write(Session next)
    {
        lock (_lock)
        {
            var stored = _sessions.GetValueOrDefault(next.User);
            if ((stored?.Epoch ?? 0) != next.Epoch)
            {
                return new MapWrite<Session>(false, stored?.Believed());
            }

            next = _sessions[next.User] = next with { Epoch = NextEpoch(next.Epoch) };
        }

        Announce(next.User, next.Epoch);
        return new MapWrite<Session>(true, next);
    }

    internal MapWrite<MachineRecord> Write(MachineRecord next)
    {
        lock (_lock)
        {
            var stored = _machines.GetValueOrDefault(next.Machine);
            if ((stored?.Epoch ?? 0) != next.Epoch)
            {
                return new MapWrite<MachineRecord>(false, stored?.Believed());
            }

            next = _machines[next.Machine] = next with { Epoch = NextEpoch(next.Epoch) };
            MachineWritten?.Invoke(next);
        }

        Announce(next.Machine, next.Epoch);
        return new MapWrite<MachineRecord>(true, next);
    }

    /// <summary>The removal's epoch, or 0.</summary>
    internal long Remove(Session session)
    {
        long epoch;
        lock (_lock)
        {
            if (_sessions.GetValueOrDefault(session.User)?.Epoch != session.Epoch)
            {
                return 0;
            }

            _sessions.Remove(session.User);
            epoch = NextEpoch(session.Epoch);
        }

        Announce(session.User, epoch);
        return epoch;
    }

    internal MapGeneration ReadGeneration() { lock (_lock) { return _generation = Generation(); } }

    internal bool MarkListed(string generation, bool foundNothing = false)
    {
        lock (_lock)
        {
            if (_generation?.Id != generation)
            {
                return false;
            }

            _generation = _generation with { Listed = true, Since = foundNothing ? DateTimeOffset.UnixEpoch : _generation.Since };
            return true;
        }
    }

    private MapGeneration Generation() => _generation ?? new MapGeneration($"generation-{++_generations}", false, time.GetUtcNow());

    // Redis's own clock moves between any two calls even while the test's stands still, so no epoch is ever given twice, also not across a flush.
    private long NextEpoch(long old)
    {
        var micros = (time.GetUtcNow() - DateTimeOffset.UnixEpoch).Ticks / TimeSpan.TicksPerMicrosecond;
        _lastEpoch = Math.Max(_lastEpoch + 1, micros);
        return Math.Max(old + 1, _lastEpoch);
    }

    private void Announce(object key, long epoch)
    {
        Published?.Invoke(key, epoch);
        SimulatedMapView[] views;
        lock (_lock)
        {
            views = [.. _views];
        }

        foreach (var view in views)
        {
            view.Changed(key);
        }
    }
}
