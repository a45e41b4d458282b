using Gateway.Idling;
using Gateway.Machines;
using Gateway.Sessions;
using Gateway.Tests.Simulation;
using Microsoft.Extensions.Logging.Abstractions;
using Xunit;

namespace Gateway.Tests.Idling;

public sealed class IdleStopTests
{
    private const string App = "my-jarvis-workspaces";

    private readonly SimulatedWorld _world = new();
    private readonly SimulatedMap _map;
    private readonly SimulatedMachines _machines;
    private readonly SimulatedVisitStore _store;
    private readonly List<SimulatedReplica> _replicas = [];
    private readonly List<Visits> _visits = [];
    private readonly List<SimulatedVisitMap> _views = [];
    private readonly List<IdleStop> _stops = [];
    private readonly MachineId _machine;

    public IdleStopTests()
    {
        _map = new SimulatedMap(_world.Time).Listed();
        _machines = new SimulatedMachines(_world.Time);
        _store = new SimulatedVisitStore(_world.Time, _map);
        _machine = _machines.Add(App, "ws-one", state: PlatformState.Started).Id;
        foreach (var name in new[] { "one", "two", "three" })
        {
            AddReplica(new SimulatedReplica(name));
        }
    }

    private MachineRecord Record => _map.Machines.Single();

    [Fact]
    public void Idle_machine_is_put_to_sleep_by_consent_of_all()
    {
        Assert.Equal(IdleStopOutcome.Asleep, Stop());
        Assert.Equal(MachineRecordState.Asleep, Record.State);
        Assert.Null(Record.Lease);
    }

    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    [InlineData(2)]
    public void Visit_on_any_replica_prevents_the_stop(int replica)
    {
        using var visit = _visits[replica].Open(_machine, socket: false, counts: true);

        Assert.Equal(IdleStopOutcome.Abandoned, Stop());
        Assert.Equal((MachineRecordState.Awake, PlatformState.Started), (Record.State, _machines.Find(_machine)!.State));
    }

    [Fact]
    public void Deaf_replica_prevents_the_stop_until_its_lease_is_over()
    {
        _views[2].Deaf = true;

        Assert.Equal(IdleStopOutcome.Abandoned, Stop());
        _store.Replicas.TryRemove("three", out _);
        Assert.Equal(IdleStopOutcome.Asleep, Stop());
    }

    [Fact]
    public void Stop_whose_owner_dies_before_any_of_its_calls_is_finished_by_another()
    {
        for (var step = 1; step <= 24; step++)
        {
            var story = new IdleStopTests();
            story._replicas[0].DieBefore(step);
            story.FinishAfterDeath();
            Assert.Equal((step, MachineRecordState.Asleep), (step, story.Record.State));
        }
    }

    private void FinishAfterDeath() => _world.Run(async () =>
    {
        await WriteAwakeAsync();
        _ = _stops[0].RunAsync(_machine, CancellationToken.None);
        // Nobody knows that it is dead rather than cut off with terminals open, so its lease has to end first.
        for (var sweep = 0; sweep < 60 && Record.State is not MachineRecordState.Asleep; sweep++)
        {
            await Task.Delay(TimeSpan.FromSeconds(20), _world.Time);
            await Task.WhenAll(_views[1].HeartbeatAsync("two", TimeSpan.FromMinutes(15), default), _views[2].HeartbeatAsync("three", TimeSpan.FromMinutes(15), default));
            await _stops[1].RunAsync(_machine, CancellationToken.None);
        }
    });

    private Task<MapWrite<MachineRecord>> WriteAwakeAsync() =>
        _map.For("other").WriteAsync(new MachineRecord { Machine = _machine, App = App, State = MachineRecordState.Awake, Boot = 1, Address = _machines.Find(_machine)!.PrivateAddress ?? "fdaa::1" }, CancellationToken.None);

    private IdleStopOutcome Stop() => _world.Run(async () =>
    {
        if (_map.Machines.Count == 0)
        {
            await WriteAwakeAsync();
        }

        return await _stops[0].RunAsync(_machine, CancellationToken.None);
    });

    private void AddReplica(SimulatedReplica replica)
    {
        var options = Microsoft.Extensions.Options.Options.Create(new IdlingOptions());
        var (visits, view, self) = (new Visits(_world.Time), new SimulatedVisitMap(_store, replica), new Replica(replica.Name));
        var consents = new Consents(visits, view, self, new NoSockets(), options, _world.Time, NullLogger<Consents>.Instance);
        view.OnConsentAsked((machine, epoch) => consents.AnswerAsync(machine, epoch, CancellationToken.None));
        _store.Replicas[replica.Name] = _world.Time.GetUtcNow() + options.Value.ReplicaLease;
        _replicas.Add(replica);
        _visits.Add(visits);
        _views.Add(view);
        var map = _map.For(replica);
        var stop = new MachineStop(map, _machines.For(replica), self, options, _world.Time, NullLogger<MachineStop>.Instance);
        _stops.Add(new IdleStop(map, view, stop, self, options, _world.Time, NullLogger<IdleStop>.Instance));
    }

    private sealed class NoSockets : ISocketsOfMachine
    {
        public Task CloseAsync(MachineId machine, CancellationToken cancellationToken) => Task.CompletedTask;
    }
}
