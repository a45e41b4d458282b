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
    public void RollBack((Session[] Sessions, MachineRecord[] Machines) snapshot)
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

            _generation = null;
        }
    }

    internal Session? Find(UserId user) { lock (_lock) { return _sessions.GetValueOrDefault(user); } }

    internal MachineRecord? Find(MachineId machine) { lock (_lock) { return _machines.GetValueOrDefault(machine); } }

    internal MapWrite<Session> Write(Session next)
    {
        lock (_lock)
        {
            var stored = _sessions.GetValueOrDefault(next.User);
            if ((stored?.Epoch ?? 0) != next.Epoch)
            {
                return new MapWrite<Session>(false, stored);
            }

            next = _sessions[next.User] = next with { Epoch = NextEpoch(next.Epoch) };
        }

        Announce(next.User);
        return new MapWrite<Session>(true, next);
    }

    internal MapWrite<MachineRecord> Write(MachineRecord next)
    {
        lock (_lock)
        {
            var stored = _machines.GetValueOrDefault(next.Machine);
            if ((stored?.Epoch ?? 0) != next.Epoch)
            {
                return new MapWrite<MachineRecord>(false, stored);
            }

            next = _machines[next.Machine] = next with { Epoch = NextEpoch(next.Epoch) };
            MachineWritten?.Invoke(next);
        }

        Announce(next.Machine);
        return new MapWrite<MachineRecord>(true, next);
    }

    internal bool Remove(Session session)
    {
        lock (_lock)
        {
            if (_sessions.GetValueOrDefault(session.User)?.Epoch != session.Epoch)
            {
                return false;
            }

            _sessions.Remove(session.User);
        }

        Announce(session.User);
        return true;
    }

    internal MapGeneration ReadGeneration() { lock (_lock) { return _generation = Generation(); } }

    internal bool MarkListed(string generation)
    {
        lock (_lock)
        {
            if (_generation?.Id != generation)
            {
                return false;
            }

            _generation = _generation with { Listed = true };
            return true;
        }
    }

    private MapGeneration Generation() => _generation ?? new MapGeneration($"generation-{++_generations}", false, time.GetUtcNow());

    // Redis's own clock moves between any two calls even while the test's stands still, so no epoch is ever given twice, also not across a flush.
    private long NextEpoch(long old)
    {
        var micros = time.GetUtcNow().UtcTicks / TimeSpan.TicksPerMicrosecond;
        _lastEpoch = Math.Max(_lastEpoch + 1, micros);
        return Math.Max(old + 1, _lastEpoch);
    }

    private void Announce(object key)
    {
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
