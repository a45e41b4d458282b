using System.Diagnostics.Metrics;
using Gateway.Machines;
using Gateway.Sessions;
using Gateway.Tests.Simulation;
using Gateway.Waking;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Time.Testing;

namespace Gateway.Tests.Waking;

/// <summary>Several replicas' wakers over one simulated map and platform, with one machine that sleeps.</summary>
internal sealed class WakingWorld
{
    public const string App = "my-jarvis-workspaces";

    private readonly SimulatedWorld _world = new();

    public WakingWorld()
    {
        Map = new SimulatedMap(Time).Listed();
        Machines = new SimulatedMachines(Time);
        Machine = Machines.Add(App, "ws-one").Id;
    }

    public FakeTimeProvider Time => _world.Time;

    public SimulatedMap Map { get; }

    public SimulatedMachines Machines { get; }

    public MachineId Machine { get; }

    public WakingOptions Options { get; } = new();

    public static TimeSpan Hold => TimeSpan.FromSeconds(50);

    public static void Run(Func<WakingWorld, Task> story)
    {
        var world = new WakingWorld();
        world._world.Run(() => story(world));
    }

    public Waker Replica(string name = "one", SimulatedReplica? replica = null)
    {
        replica ??= new SimulatedReplica(name);
        var held = new HeldRequests(Options);
        var meters = new ServiceCollection().AddMetrics().BuildServiceProvider().GetRequiredService<IMeterFactory>();
        var probe = new SimulatedProbe(Machines, Time);
        var waker = new MachineWaker(
            Map.For(replica), Machines.For(replica), probe, new Replica(replica.Name), held, new BootTimes(), new WakingMetrics(meters, held),
            Microsoft.Extensions.Options.Options.Create(Options), Time, Random.Shared, NullLoggerFactory.Instance);
        return new Waker(this, replica, waker, probe);
    }

    public MachineRecord? Record => Map.Machines.SingleOrDefault(record => record.Machine == Machine);

    /// <summary>Somebody else has the platform's lease of the machine.</summary>
    public async Task<MachineLease> PlatformLeaseAsync(TimeSpan duration) => (await Machines.LeaseAsync(App, Machine, duration, "somebody else", CancellationToken.None)).Value!;

    /// <summary>Whoever had that lease stops the machine after all, however late.</summary>
    /// <returns>Why the platform refused that, or null if it did not.</returns>
    public async Task<MachinesFailureKind?> LateStopAsync(MachineLease late) =>
        (await Machines.StopAsync(App, Machine, null, late.Nonce, CancellationToken.None)).Failure?.Kind;

    /// <summary>Another replica holds the record, or did.</summary>
    public async Task WriteRecordAsync(MachineRecordState state, string? owner = null, TimeSpan lease = default, long boot = 1, string? address = null) =>
        await Map.For("other").WriteAsync(
            new MachineRecord
            {
                Machine = Machine,
                App = App,
                State = state,
                Boot = boot,
                Address = address,
                Lease = owner is null ? null : new RecordLease(owner, Time.GetUtcNow() + lease),
                Epoch = Record?.Epoch ?? 0,
            },
            CancellationToken.None);
}

/// <summary>One replica's waker.</summary>
internal sealed record Waker(WakingWorld World, SimulatedReplica Replica, MachineWaker Machines, SimulatedProbe Probe)
{
    public Task<WakeOutcome> WakeAsync(string user = "alice", TimeSpan? hold = null, CancellationToken cancellationToken = default) =>
        Machines.EnsureAwakeAsync(Request(user), hold ?? WakingWorld.Hold, cancellationToken);

    public Task<WakeOutcome> DoubtAsync(long boot) => Machines.DoubtAsync(Request("alice"), boot, WakingWorld.Hold, CancellationToken.None);

    private WakeRequest Request(string user) => new(WakingWorld.App, World.Machine, new UserId(user), WakeCause.Request);
}

/// <summary>Asks the simulated machines whether they are ready, as the real probe asks the real ones.</summary>
internal sealed class SimulatedProbe(SimulatedMachines machines, TimeProvider time) : IReadinessProbe
{
    private static readonly TimeSpan Grid = TimeSpan.FromMilliseconds(10);

    /// <summary>This replica does not reach any machine.</summary>
    public bool Unreachable { get; set; }

    /// <summary>A machine took a connection.</summary>
    public bool Connected { get; private set; }

    /// <summary>The addresses asked, in their order, each once in a row.</summary>
    public List<string> Asked { get; } = [];

    /// <summary>The boots asked for, in their order, each once in a row.</summary>
    public List<long> Boots { get; } = [];

    public async Task<ProbeOutcome> ProbeAsync(ProbeTarget target, TimeSpan limit, Action connected, CancellationToken cancellationToken)
    {
        if (Asked.Count == 0 || Asked[^1] != target.Address)
        {
            Asked.Add(target.Address);
        }

        if (Boots.Count == 0 || Boots[^1] != target.Boot)
        {
            Boots.Add(target.Boot);
        }

        var outcome = ProbeOutcome.Silent;
        var started = time.GetTimestamp();
        while (time.GetElapsedTime(started) < limit)
        {
            if (outcome is ProbeOutcome.Silent && !Unreachable && machines.TakesConnectionsAt(target.Address))
            {
                outcome = ProbeOutcome.Unhealthy;
                Connected = true;
                connected();
            }

            if (!Unreachable && machines.IsReady(target.Machine, target.Address))
            {
                return ProbeOutcome.Ready;
            }

            await Task.Delay(Grid, time, cancellationToken);
        }

        return outcome;
    }
}
