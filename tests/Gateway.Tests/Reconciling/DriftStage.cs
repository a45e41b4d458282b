using Gateway.Provisioning;
using Gateway.Reconciling;
using Gateway.Sessions;
using Gateway.Tests.Provisioning;
using Gateway.Tests.Simulation;
using Microsoft.Extensions.Logging.Abstractions;

namespace Gateway.Tests.Reconciling;

/// <summary>A map and a platform that are made to differ, and reconcilers that look.</summary>
internal sealed class DriftStage
{
    private readonly SimulatedVisitStore _visits;

    public DriftStage() => _visits = new SimulatedVisitStore(Base.Time, Base.Map);

    public ProvisioningStage Base { get; } = new();
    public ReconcilingOptions Options { get; } = new();
    public SimulatedMachines Machines => Base.Machines;
    public AuditTrail Audit => new(Base.Notes, new Replica("one"), Base.Time);
    public DriftList Drifts => new(Base.Notes);

    public Reconciler Reconciler(string replica = "one") => Reconciler(new SimulatedReplica(replica));

    public Reconciler Reconciler(SimulatedReplica replica)
    {
        var (map, machines, name) = (Base.Map.For(replica), Machines.For(replica), new Replica(replica.Name));
        return new Reconciler(
            map, new SimulatedVisitMap(_visits, replica), machines, new MachineListing(machines, Base.Names, [Base.App], Base.Time), new DriftFinder(Base.Names, Microsoft.Extensions.Options.Options.Create(Options), Base.Time),
            new DriftRepair(map, machines, Base.Names, new MachineAdoption(map, Base.Time), new AuditTrail(Base.Notes, name, Base.Time), Base.Time), new DriftList(Base.Notes), name,
            new ReconcilingMetrics(new NoMeters()), Microsoft.Extensions.Options.Options.Create(Options), Base.Time, NullLogger<Reconciler>.Instance);
    }

    /// <summary>A user with a machine at rest.</summary>
    public Session Sleeping(string user)
    {
        var session = Base.Persist(Base.Provisioner("maker"), new UserId(user));
        Base.World.Pass(TimeSpan.FromSeconds(5));
        Machines.StopBehindOurBack(session.Machine!.Value);
        return session;
    }

    public IReadOnlyList<Drift> Look() => Look(Reconciler());

    public IReadOnlyList<Drift> Look(Reconciler reconciler)
    {
        Base.World.Run(() => reconciler.RunAsync(default));
        return Base.World.Run(() => Drifts.ReadAsync(default));
    }

    /// <summary>Long enough for a difference to be repaired.</summary>
    public IReadOnlyList<Drift> LookAfterTheGrace()
    {
        Look();
        Base.World.Pass(Options.Grace, TimeSpan.FromSeconds(10));
        Look();
        return Look();
    }

    public MachineRecord Record(MachineId machine) => Base.Map.Machines.Single(record => record.Machine == machine);

    public MachineRecord Write(MachineRecord record) => Base.World.Run(() => Base.Map.For("other").WriteAsync(record, default)).Current!;

    public Session Write(Session session) => Base.World.Run(() => Base.Map.For("other").WriteAsync(session, default)).Current!;

    public void Forget(Session session) => Base.World.Run(() => Base.Map.For("other").RemoveAsync(session, default));

    public ProvisionOutcome Replace(Session session) => Base.Replace(Base.Provisioner("any"), session);
}
