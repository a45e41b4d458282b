using Gateway.Provisioning;
using Gateway.Sessions;
using Gateway.Tests.Sessions;
using Gateway.Tests.Simulation;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Time.Testing;

namespace Gateway.Tests.Provisioning;

/// <summary>A map, a platform, and as many provisioners over them as a test asks for.</summary>
internal sealed class ProvisioningStage
{
    public static readonly UserId Alice = new("alice");
    public static readonly TimeSpan LongHold = TimeSpan.FromMinutes(10);

    public ProvisioningStage()
    {
        Map = new SimulatedMap(Time).Listed();
        Machines = new SimulatedMachines(Time);
        Names = new WorkspaceNames(Options.App, Options.NameKey);
    }

    public SimulatedWorld World { get; } = new();
    public FakeTimeProvider Time => World.Time;
    public SimulatedMap Map { get; }
    public SimulatedMachines Machines { get; }
    public SimulatedNotes Notes { get; } = new();
    public WorkspaceOptions Options { get; } = new() { NameKey = "fake-name-key-for-tests-0123456789" };
    public WorkspaceNames Names { get; }
    public string App => Options.App;

    /// <summary>What is asked while the map's generation is not listed.</summary>
    public Func<CancellationToken, Task<bool>> ReadListing { get; set; } = _ => Task.FromResult(false);

    public ChangeFeed Feed() => new(new QuietChannel(), new SessionsMetrics(new NoMeters()), Time, new Random(1), NullLogger<ChangeFeed>.Instance);

    public WorkspaceProvisioner Provisioner(string replica) => Provisioner(new SimulatedReplica(replica));

    public WorkspaceProvisioner Provisioner(SimulatedReplica replica) => Provisioner(replica, Feed());

    public WorkspaceProvisioner Provisioner(SimulatedReplica replica, ChangeFeed feed)
    {
        var template = new WorkspaceTemplate(Options, Names);
        var platform = new WorkspacePlatform(Machines.For(replica));
        var build = new WorkspaceBuild(platform, template, Names, new WorkspaceVolume(platform, template, Names, feed, Time), new WorkspaceOverrides(Notes));
        return new WorkspaceProvisioner(Map.For(replica), build, template, Options, ReadListing, replica.Name, Time,
            new ProvisioningMetrics(new NoMeters()), NullLogger<WorkspaceProvisioner>.Instance);
    }

    public ProvisionOutcome Ensure(WorkspaceProvisioner provisioner) => Ensure(provisioner, Alice);

    public ProvisionOutcome Ensure(WorkspaceProvisioner provisioner, UserId user) =>
        World.Run(() => provisioner.EnsureAssignedAsync(user, LongHold, CancellationToken.None));

    public ProvisionOutcome Replace(WorkspaceProvisioner provisioner, Session lost) =>
        World.Run(() => provisioner.ReplaceLostMachineAsync(lost, LongHold, CancellationToken.None));

    /// <summary>Asks again and again, as people do, until there is a workspace; a bounded number of times.</summary>
    public Session Persist(WorkspaceProvisioner provisioner) => Persist(provisioner, Alice);

    /// <inheritdoc cref="Persist(WorkspaceProvisioner)"/>
    public Session Persist(WorkspaceProvisioner provisioner, UserId user)
    {
        for (var attempt = 0; ; attempt++)
        {
            switch (Ensure(provisioner, user))
            {
                case ProvisionOutcome.Assigned assigned:
                    return assigned.Session;
                case ProvisionOutcome.Refused refused when attempt < 20:
                    World.Pass(refused.RetryAfter);
                    break;
                case var outcome:
                    throw new InvalidOperationException($"no workspace after {attempt} attempts: {outcome}");
            }
        }
    }
}
