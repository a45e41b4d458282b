using Gateway.Idling;
using Gateway.Machines;
using Gateway.Sessions;
using Gateway.Tests.Simulation;
using Gateway.Tests.Waking;
using Gateway.Waking;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Options;
using Microsoft.Extensions.Time.Testing;

namespace Gateway.Tests.Idling;

/// <summary>Several replicas with visits, reports, sweepers and wakers over one simulated map and platform, and one machine that is awake.</summary>
internal sealed class IdlingWorld
{
    public const string App = "my-jarvis-workspaces";

    private readonly SimulatedWorld _world = new();
    private readonly Dictionary<string, IdlingReplica> _replicas = [];

    public IdlingWorld()
    {
        Map = new SimulatedMap(Time).Listed();
        Machines = new SimulatedMachines(Time);
        Store = new SimulatedVisitStore(Time, Map);
        Machine = Machines.Add(App, "ws-one", state: PlatformState.Started).Id;
        Machines.Configure(Machine, static config => config with { Guest = new MachineGuest { MemoryMb = 512 } });
    }

    public FakeTimeProvider Time => _world.Time;

    public SimulatedMap Map { get; }

    public SimulatedMachines Machines { get; }

    public SimulatedVisitStore Store { get; }

    public MachineId Machine { get; }

    public IdlingOptions Options { get; } = new();

    public MachineRecord Record => Map.Find(Machine)!;

    public PlatformState State => Machines.Find(Machine)!.State;

    public static void Run(Func<IdlingWorld, Task> story)
    {
        var world = new IdlingWorld();
        world._world.Run(async () =>
        {
            await world.WriteAsync(MachineRecordState.Awake);
            await story(world);
        });
    }

    /// <summary>A replica that reports and answers; it sweeps when the story says so.</summary>
    public async Task<IdlingReplica> ReplicaAsync(string name)
    {
        var replica = _replicas[name] = new IdlingReplica(this, name);
        await replica.Reports.ReportAsync(CancellationToken.None);
        _ = replica.ReportForEverAsync();
        return replica;
    }

    public async Task<(IdlingReplica One, IdlingReplica Two, IdlingReplica Three)> ThreeAsync() =>
        (await ReplicaAsync("one"), await ReplicaAsync("two"), await ReplicaAsync("three"));

    public Task PassAsync(TimeSpan span) => Task.Delay(span, Time);

    /// <summary>Until it is so; an hour of virtual time at most.</summary>
    public async Task UntilAsync(Func<bool> so)
    {
        while (!so())
        {
            await Task.Delay(TimeSpan.FromMilliseconds(50), Time);
        }
    }

    public Task WriteAsync(MachineRecordState state, RecordLease? lease = null, RecordFailure? failure = null) => WriteAsync(Machine, state, lease, failure);

    /// <summary>More machines that are awake and due now, beside the one of the stories.</summary>
    public async Task<IReadOnlyList<MachineId>> DueAsync(int machines)
    {
        var added = Enumerable.Range(0, machines).Select(i => Machines.Add(App, $"ws-more-{i}", state: PlatformState.Started).Id).ToList();
        foreach (var machine in added)
        {
            await WriteAsync(machine, MachineRecordState.Awake);
        }

        return added;
    }

    private async Task WriteAsync(MachineId machine, MachineRecordState state, RecordLease? lease = null, RecordFailure? failure = null) => await Map.For("other").WriteAsync(
        new MachineRecord
        {
            Machine = machine,
            App = App,
            State = state,
            Boot = 1,
            Address = Machines.Find(machine)!.PrivateAddress,
            Lease = lease,
            Failure = failure,
            ChangedAt = Time.GetUtcNow(),
            Epoch = Map.Find(machine)?.Epoch ?? 0,
        },
        CancellationToken.None);
}

/// <summary>One replica: what it sees of its visits, and what it says, goes through the one simulated process.</summary>
internal sealed class IdlingReplica
{
    private static readonly TimeSpan Look = TimeSpan.FromMilliseconds(20);

    private readonly IdlingWorld _world;
    private readonly ISessionMap _map;

    public IdlingReplica(IdlingWorld world, string name)
    {
        _world = world;
        Process = new SimulatedReplica(name);
        _map = world.Map.For(Process);
        var (self, time, idling) = (new Replica(name), world.Time, Options.Create(world.Options));
        Visits = new Visits(time);
        View = new SimulatedVisitMap(world.Store, Process);
        Sockets = new RecordedSockets(time);
        var consents = new Consents(Visits, View, self, Sockets, idling, time, NullLogger<Consents>.Instance);
        View.OnConsentAsked((machine, epoch) => consents.AnswerAsync(machine, epoch, CancellationToken.None));
        Reports = new VisitReports(Visits, View, consents, self, idling, time, NullLogger<VisitReports>.Instance);
        MachineStop = new MachineStop(_map, world.Machines.For(Process), self, idling, time, NullLogger<MachineStop>.Instance);
        Stop = new IdleStop(_map, View, MachineStop, self, idling, time, NullLogger<IdleStop>.Instance);
        LongSuspended = new LongSuspended(_map, View, MachineStop, idling, time);
        Sweeper = new IdleSweeper(View, _map, Stop, LongSuspended, self, idling, time, new IdlingMetrics(new NoMeters(), Visits), NullLogger<IdleSweeper>.Instance);
        var held = new HeldRequests(new WakingOptions());
        var waker = new MachineWaker(
            _map, world.Machines.For(Process), new SimulatedProbe(world.Machines, time), self, held, new BootTimes(), new WakingMetrics(new NoMeters(), held),
            Options.Create(new WakingOptions()), time, new Random(1), NullLoggerFactory.Instance)
        {
            Woken = Visits.Begin,
        };
        Waker = new VisitWaker(waker, time);
    }

    public SimulatedReplica Process { get; }

    public Visits Visits { get; }

    public SimulatedVisitMap View { get; }

    public RecordedSockets Sockets { get; }

    public VisitReports Reports { get; }

    public MachineStop MachineStop { get; }

    public IdleStop Stop { get; }

    public LongSuspended LongSuspended { get; }

    public IdleSweeper Sweeper { get; }

    public VisitWaker Waker { get; }

    /// <summary>Visits that lost their machine while they were on it.</summary>
    public List<string> Cut { get; } = [];

    public async Task ReportForEverAsync()
    {
        while (!Process.IsDead)
        {
            await Task.Delay(_world.Options.ReportEvery, _world.Time);
            await IgnoringAwayAsync(() => Reports.ReportAsync(CancellationToken.None));
        }
    }

    public async Task SweepForEverAsync()
    {
        while (!Process.IsDead)
        {
            await Task.Delay(_world.Options.SweepEvery, _world.Time);
            await IgnoringAwayAsync(() => Sweeper.SweepAsync(CancellationToken.None));
        }
    }

    public Task<IdleStopOutcome> StopAsync() => Stop.RunAsync(_world.Machine, CancellationToken.None);

    /// <summary>The path of a request as far as idling goes, with a route as fresh as the map: awake, forwarded for so long, and ended. The outcome of its wake, if it needed one.</summary>
    public async Task<WakeOutcome?> VisitAsync(TimeSpan lasting, bool socket = false, bool counts = true)
    {
        using var visit = Visits.Open(_world.Machine, socket, counts);
        var record = _world.Map.Find(_world.Machine);
        WakeOutcome? outcome = null;
        if (visit.GateIsClosed || record is not { State: MachineRecordState.Awake, Address: not null })
        {
            var wake = new WakeRequest(IdlingWorld.App, _world.Machine, new UserId("alice"), WakeCause.Request);
            outcome = await Waker.EnsureAwakeAsync(visit, wake, TimeSpan.FromSeconds(90), CancellationToken.None);
            if (outcome is not WakeOutcome.Awake awake)
            {
                return outcome;
            }

            awake.Answered();
        }

        if (socket)
        {
            visit.Traffic.SocketOpened();
        }

        await StayAsync(lasting);
        return outcome;
    }

    private async Task StayAsync(TimeSpan lasting)
    {
        for (var until = _world.Time.GetUtcNow() + lasting; _world.Time.GetUtcNow() < until; await Task.Delay(Look, _world.Time))
        {
            if (!_world.Machines.IsReady(_world.Machine))
            {
                Cut.Add($"{Process.Name} at {_world.Time.GetUtcNow():HH:mm:ss.fff}: {_world.State}");
                return;
            }
        }
    }

    private static async Task IgnoringAwayAsync(Func<Task> work)
    {
        try
        {
            await work();
        }
        catch (SessionMapUnavailableException)
        {
            // The next turn tries again, as the hosted services do.
        }
    }
}

/// <summary>The sockets of one replica: which machines were told to close theirs.</summary>
internal sealed class RecordedSockets(TimeProvider time) : ISocketsOfMachine
{
    public List<MachineId> Closed { get; } = [];

    public TimeSpan Takes { get; set; }

    /// <summary>What ends with them.</summary>
    public Action Closing { get; set; } = static () => { };

    public async Task CloseAsync(MachineId machine, CancellationToken cancellationToken)
    {
        Closed.Add(machine);
        Closing();
        if (Takes > TimeSpan.Zero)
        {
            await Task.Delay(Takes, time, cancellationToken);
        }
    }
}
