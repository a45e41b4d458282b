using Gateway.Machines;
using Gateway.Provisioning;
using Gateway.Reconciling;
using Gateway.Tests.Provisioning;
using Microsoft.Extensions.Logging.Abstractions;
using Xunit;

namespace Gateway.Tests.Simulation;

/// <summary>Several replicas and users, with faults drawn from a seed: whatever happens, nobody gets two workspaces or somebody else's.</summary>
public sealed class ProvisioningChaosTests
{
    private static readonly UserId[] Users = [new("alice"), new("bob"), new("carol")];
    private const int Games = 12;
    private static readonly string[] Creations = ["volumes.create", "create"];
    private static readonly string[] Actions = ["volumes.list", "volumes.create", "create", "get", "list"];
    private static readonly MachinesFailureKind[] Kinds = [MachinesFailureKind.Unavailable, MachinesFailureKind.RateLimited, MachinesFailureKind.Ambiguous, MachinesFailureKind.Forbidden];

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    [InlineData(4)]
    public void Users_end_with_one_workspace_each(int block)
    {
        for (var seed = block * 1000; seed < (block * 1000) + Games; seed++)
        {
            Play(seed);
        }
    }

    private static void Play(int seed)
    {
        var random = new Random(seed);
        var stage = new ProvisioningStage();
        var replicas = new List<WorkspaceProvisioner>();

        // Somebody is there already: a map that is lost before there is any machine cannot be told from a new installation.
        stage.Persist(NewReplica(stage, null, "first"), new UserId("dave"));
        for (var turn = 0; turn < 30; turn++)
        {
            if (replicas.Count < 3)
            {
                replicas.Add(NewReplica(stage, random, $"replica-{turn}"));
            }

            Disturb(stage, random, replicas);
            var user = Users[random.Next(Users.Length)];
            var provisioner = replicas[random.Next(replicas.Count)];
            _ = stage.World.Start(() => provisioner.EnsureAssignedAsync(user, TimeSpan.FromSeconds(30), default));
            stage.World.Pass(TimeSpan.FromMilliseconds(random.Next(0, 4000)));
        }

        stage.World.Pass(TimeSpan.FromMinutes(5), inStepsOf: TimeSpan.FromSeconds(1));
        stage.Machines.Quiet();
        var last = NewReplica(stage, null, "last");
        foreach (var user in Users)
        {
            var session = stage.Persist(last, user);
            var machine = stage.Machines.Find(session.Machine!.Value)!;
            Assert.True(machine.Name == stage.Names.MachineName(user), $"seed {seed}: {user} has {machine.Name}");
        }

        Assert.True(stage.Machines.Machines.Count == Users.Length + 1 && stage.Machines.Volumes.Count == Users.Length + 1,
            $"seed {seed}: {stage.Machines.Machines.Count} machines, {stage.Machines.Volumes.Count} volumes");
    }

    private static void Disturb(ProvisioningStage stage, Random random, List<WorkspaceProvisioner> replicas)
    {
        switch (random.Next(9))
        {
            case 0:
                stage.Map.Flush();
                break;
            case 1:
                stage.Machines.LoseAnswerOf(Creations[random.Next(Creations.Length)]);
                break;
            case 2:
                stage.Machines.FailNext(Actions[random.Next(Actions.Length)], Kinds[random.Next(Kinds.Length)], random.Next(1, 6));
                break;
            case 3:
                stage.Machines.Delay(Creations[random.Next(Creations.Length)], TimeSpan.FromSeconds(random.Next(0, 8)));
                break;
            case 4 when replicas.Count > 1:
                replicas.RemoveAt(random.Next(replicas.Count));
                break;
            case 5:
                stage.Machines.RegionFull("sjc", random.Next(2) == 0);
                break;
            case 6:
                stage.Machines.QuotaUsedUp("iad", random.Next(2) == 0);
                break;
        }
    }

    // With a chance to die at some step, to miss messages, or to lose the map for a while.
    private static WorkspaceProvisioner NewReplica(ProvisioningStage stage, Random? random, string name)
    {
        var replica = new SimulatedReplica(name) { LosesMessages = random?.Next(3) == 0 };
        if (random is not null)
        {
            switch (random.Next(4))
            {
                case 0:
                    replica.DieBefore(random.Next(1, 30));
                    break;
                case 1:
                    replica.DieAfter(random.Next(1, 30));
                    break;
                case 2:
                    var (seen, away) = (0, random.Next(1, 20));
                    replica.OnCall = _ => replica.MapUnavailable = ++seen % away == 0;
                    break;
            }
        }

        stage.ReadListing = new MapRebuild(stage.Map.For(replica), new MachineListing(stage.Machines.For(replica), stage.Names, [stage.App], stage.Time), new MachineAdoption(stage.Map.For(replica), stage.Time),
            TimeSpan.FromMinutes(1), stage.Time, new ReconcilingMetrics(new NoMeters()), NullLogger<MapRebuild>.Instance).EnsureListedAsync;
        return stage.Provisioner(replica);
    }
}
