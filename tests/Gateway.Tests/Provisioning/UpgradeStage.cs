using Gateway.Provisioning;
using Gateway.Sessions;
using Gateway.Tests.Simulation;
using Gateway.Tests.Waking;
using Gateway.Waking;
using Microsoft.Extensions.Logging.Abstractions;
using Xunit;

namespace Gateway.Tests.Provisioning;

/// <summary>Workspaces that exist, and replicas that wake and upgrade them.</summary>
internal sealed class UpgradeStage
{
    public const string Before = "registry.example/workspace:1";
    public const string After = "registry.example/workspace:2";

    public UpgradeStage() => Base.Options.Image = Before;

    public ProvisioningStage Base { get; } = new();
    public SimulatedMachines Machines => Base.Machines;
    public WakingOptions Waking { get; } = new();

    public MachineRecord Record(MachineId machine) => Base.Map.Machines.Single(record => record.Machine == machine);

    /// <summary>A workspace at rest, made by the gateway.</summary>
    public Session Sleeping(UserId user)
    {
        var session = Base.Persist(Base.Provisioner("maker"), user);
        Base.World.Pass(TimeSpan.FromSeconds(5));
        Machines.StopBehindOurBack(session.Machine!.Value);
        return session;
    }

    public WorkspaceUpgrade Upgrade(SimulatedReplica replica, WorkspaceOptions? options = null)
    {
        var template = new WorkspaceTemplate(options ?? Base.Options, Base.Names);
        return new WorkspaceUpgrade(
            Base.Map.For(replica), Machines.For(replica), new MachineReplacement(Machines.For(replica), Base.Time), template, Base.Names,
            new WorkspaceOverrides(Base.Notes), new TemplateInForce(Base.Notes, template), new Replica(replica.Name), Base.Time, new ProvisioningMetrics(new NoMeters()), NullLogger<WorkspaceUpgrade>.Instance);
    }

    public MachineWaker Waker(string name) => Waker(new SimulatedReplica(name), null);

    public MachineWaker Waker(SimulatedReplica replica, WorkspaceOptions? options)
    {
        var held = new HeldRequests(Waking);
        return new MachineWaker(
            Base.Map.For(replica), Machines.For(replica), new SimulatedProbe(Machines, Base.Time), new Replica(replica.Name), held, new BootTimes(), new WakingMetrics(new NoMeters(), held),
            Microsoft.Extensions.Options.Options.Create(Waking), Base.Time, Random.Shared, NullLoggerFactory.Instance, Upgrade(replica, options).PrepareAsync);
    }

    public WakeOutcome Wake(MachineWaker waker, Session session) => Base.World.Run(() => StartWake(waker, session));

    public Task<WakeOutcome> StartWake(MachineWaker waker, Session session) =>
        waker.EnsureAwakeAsync(new WakeRequest(session.App, session.Machine!.Value, session.User, WakeCause.Request), TimeSpan.FromMinutes(4), CancellationToken.None);

    public UpgradeOutcome Run(SimulatedReplica replica, MachineId machine, bool insist = false) =>
        Base.World.Run(() => Upgrade(replica).RunAsync(Record(machine), insist, CancellationToken.None));

    public string ImageOf(Session session) => Machines.Find(session.Machine!.Value)!.Config!.Image;

    public static void IsAwake(WakeOutcome outcome) => Assert.IsType<WakeOutcome.Awake>(outcome);
}
