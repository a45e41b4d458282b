using System.Globalization;
using Gateway.Sessions;

namespace Gateway.Tests.Simulation.Whole;

/// <summary>Redis as all gateways share it: the records, what they tell each other of visits, the sequence, and pub/sub that loses, delays and repeats.</summary>
internal sealed class WholeRedis
{
    private static readonly SendOrPostCallback Deliver = static message => ((Message)message!).Line.Hear(((Message)message).Text);

    private readonly SeededWorld _world;
    private readonly Tally _tally;
    private readonly Promises _promises;
    private readonly List<RedisLine> _lines = [];
    private long _sequence;
    private (long Sequence, string Message) _beat = (-1, "");

    public WholeRedis(SeededWorld world, Tally tally, Promises promises)
    {
        (_world, _tally, _promises) = (world, tally, promises);
        Map = new SimulatedMap(world.Time) { Published = Publish };
        Visits = new SimulatedVisitStore(world.Time, Map);
    }

    public SimulatedMap Map { get; }

    public SimulatedVisitStore Visits { get; }

    public Dictionary<(string Kind, string Key), string> Notes { get; } = [];

    public Dictionary<string, List<string>> Logs { get; } = [];

    /// <summary>Nobody gets an answer.</summary>
    public bool IsAway { get; set; }

    public double LosesMessages { get; set; }

    public double DelaysMessages { get; set; }

    public double RepeatsMessages { get; set; }

    /// <summary>Of calls: the answer never comes, whether they were carried out or not.</summary>
    public double LosesCalls { get; set; }

    public double SlowCalls { get; set; }

    public RedisLine Connect(GatewayContext context, SeededTime time, string name)
    {
        var line = new RedisLine(this, _world, context, time, name, _tally);
        _lines.Add(line);
        return line;
    }

    /// <summary>Somebody got no answer.</summary>
    public void Troubled() => _promises.MapTroubledAt = _world.Now;

    public void Forget(RedisLine line) => _lines.Remove(line);

    /// <summary>Everything is gone.</summary>
    public void Flush()
    {
        Restore(new RedisCopy(([], []), [], [], [], [], [], 0), isNewMap: true);
        _tally.Count("fault: redis flushed");
        _promises.MapLost(everything: true);
    }

    public RedisCopy Copy() => new(
        Map.Snapshot(), new(Visits.Replicas), new(Visits.Due), new(Visits.Suspended), new(Visits.Activity), new(Visits.Duties), _sequence);

    /// <summary>The copy takes over, without what was written since; it knows nothing of that, and nobody is told.</summary>
    public void FailOver(RedisCopy copy)
    {
        Restore(copy, isNewMap: false);
        _tally.Count("fault: redis lost writes");
        _promises.MapLost(everything: false);
        foreach (var line in _lines)
        {
            line.Reconnect();
        }
    }

    public MapWrite<MachineRecord> Write(MachineRecord next, RedisLine writer)
    {
        var before = Map.Find(next.Machine);
        var write = Map.Write(next);
        if (!write.Won)
        {
            _tally.Count("machine: write refused");
            return write;
        }

        _promises.MachineWritten(before, write.Current!, writer.Name, Visits);
        return write;
    }

    public MapWrite<Session> Write(Session next, RedisLine writer)
    {
        var before = Map.Find(next.User);
        var write = Map.Write(next);
        _promises.SessionWritten(before, write, writer.Name);
        return write;
    }

    public void Heartbeat(string replica, TimeSpan lease)
    {
        if (!Visits.Replicas.TryGetValue(replica, out var until) || until <= _world.UtcNow)
        {
            _promises.LeaseBegan(replica);
        }

        Visits.Replicas[replica] = _world.UtcNow + lease;
    }

    public void Beat()
    {
        if (_beat.Sequence != _sequence)
        {
            _beat = (_sequence, string.Create(CultureInfo.InvariantCulture, $"{_sequence}|beat|0|"));
        }

        Tell(_beat.Message);
    }

    public void Ask(MachineId machine, long epoch)
    {
        _tally.Count("consent asked");
        foreach (var line in _lines)
        {
            Send(line, SeededWorld.Invoke, () => line.Ask(machine, epoch));
        }
    }

    private void Publish(object key, long epoch)
    {
        _sequence++;
        var (kind, id) = key is UserId user ? (RedisSessionMap.SessionKind, user.Value) : (RedisSessionMap.MachineKind, ((MachineId)key).Value);
        Tell(string.Create(CultureInfo.InvariantCulture, $"{_sequence}|{kind}|{epoch}|{id}"));
    }

    private void Tell(string message)
    {
        foreach (var line in _lines)
        {
            Send(line, Deliver, new Message(line, message));
        }
    }

    private void Send(RedisLine line, SendOrPostCallback deliver, object what)
    {
        if (IsAway || line.IsCut || _world.Chance(LosesMessages))
        {
            _tally.Count("fault: message lost");
            return;
        }

        if (DelaysMessages > 0 && _world.Chance(DelaysMessages))
        {
            _tally.Count("fault: message late");
            _world.After(_world.Between(TimeSpan.Zero, TimeSpan.FromSeconds(8)), deliver, what);
            return;
        }

        _world.After(line.NextDelivery(), deliver, what);
        if (RepeatsMessages > 0 && _world.Chance(RepeatsMessages))
        {
            _tally.Count("fault: message twice");
            _world.After(_world.Between(TimeSpan.Zero, TimeSpan.FromSeconds(2)), deliver, what);
        }
    }

    private void Restore(RedisCopy copy, bool isNewMap)
    {
        Map.RollBack(copy.Records, isNewMap);
        Refill(Visits.Replicas, copy.Replicas);
        Refill(Visits.Due, copy.Due);
        Refill(Visits.Suspended, copy.Suspended);
        Refill(Visits.Activity, copy.Activity);
        Refill(Visits.Duties, copy.Duties);
        Visits.Consents.Clear();
        if (isNewMap)
        {
            Notes.Clear();
            Logs.Clear();
        }

        _sequence = copy.Sequence;
    }

    private static void Refill<TKey, TValue>(System.Collections.Concurrent.ConcurrentDictionary<TKey, TValue> store, Dictionary<TKey, TValue> from)
        where TKey : notnull
    {
        store.Clear();
        foreach (var (key, value) in from)
        {
            store[key] = value;
        }
    }

    private sealed record Message(RedisLine Line, string Text);
}

/// <summary>What another server has of it.</summary>
internal sealed record RedisCopy(
    (Session[] Sessions, MachineRecord[] Machines) Records,
    Dictionary<string, DateTimeOffset> Replicas,
    Dictionary<MachineId, DateTimeOffset> Due,
    Dictionary<MachineId, DateTimeOffset> Suspended,
    Dictionary<MachineId, DateTimeOffset> Activity,
    Dictionary<string, (string Replica, DateTimeOffset Until)> Duties,
    long Sequence);
