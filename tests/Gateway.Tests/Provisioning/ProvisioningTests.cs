using Gateway.Machines;
using Gateway.Provisioning;
using Gateway.Sessions;
using Gateway.Tests.Simulation;
using Xunit;
using static Gateway.Tests.Provisioning.ProvisioningStage;

namespace Gateway.Tests.Provisioning;

public sealed class ProvisioningTests
{
    private readonly ProvisioningStage _stage = new();

    [Fact]
    public void New_user_gets_a_volume_and_a_machine_of_the_template()
    {
        var session = Assigned(_stage.Ensure(_stage.Provisioner("a")));

        var volume = Assert.Single(_stage.Machines.Volumes);
        var machine = Assert.Single(_stage.Machines.Machines);
        Assert.Equal((machine.Id, volume.Id, "sjc"), (session.Machine, session.Volume, session.Region));
        Assert.Equal(_stage.Names.MachineName(Alice), machine.Name);
        Assert.Equal(5, volume.SizeGb);
        Assert.Equal("alice", machine.Config!.Env!["USER_ID"]);
        Assert.Equal("production", machine.Config.Env["NODE_ENV"]);
        Assert.Equal(("/workspace", volume.Id.Value), (machine.Config.Mounts![0].Path, machine.Config.Mounts[0].Volume));
        Assert.Equal(512, machine.Config.Guest!.MemoryMb);
        Assert.Equal("on-failure", machine.Config.Restart!.Policy);
        Assert.Null(machine.Config.Rest);
        Assert.True(_stage.Names.IsOf(Alice, _stage.App, machine.Name, machine.Metadata));
    }

    [Fact]
    public void New_machine_boots_at_once_and_is_recorded_as_not_awake_yet()
    {
        var session = Assigned(_stage.Ensure(_stage.Provisioner("a")));

        _stage.World.Pass(TimeSpan.FromSeconds(10));
        Assert.True(_stage.Machines.IsReady(session.Machine!.Value));
        Assert.Equal(1, _stage.Machines.AcceptedStarts(session.Machine.Value));
        Assert.Equal(MachineRecordState.Asleep, Assert.Single(_stage.Map.Machines).State);
    }

    [Fact]
    public void Two_hundred_first_requests_over_three_replicas_make_one_volume_and_one_machine()
    {
        _stage.Machines.Delay("volumes.create", TimeSpan.FromSeconds(3));
        _stage.Machines.Delay("create", TimeSpan.FromSeconds(2));
        var replicas = new[] { _stage.Provisioner("a"), _stage.Provisioner("b"), _stage.Provisioner("c") };

        var outcomes = _stage.World.Run(() => Task.WhenAll(Enumerable.Range(0, 200).Select(n => replicas[n % 3].EnsureAssignedAsync(Alice, LongHold, default))));

        var machine = Assert.Single(_stage.Machines.Machines);
        Assert.Single(_stage.Machines.Volumes);
        Assert.All(outcomes, outcome => Assert.Equal(machine.Id, Assigned(outcome).Machine));
        Assert.Equal(1, _stage.Machines.AcceptedStarts(machine.Id));
    }

    [Fact]
    public void Caller_that_leaves_takes_nobody_elses_workspace_away()
    {
        _stage.Machines.Delay("create", TimeSpan.FromSeconds(2));
        var provisioner = _stage.Provisioner("a");
        using var leaving = new CancellationTokenSource();
        var first = _stage.World.Start(() => provisioner.EnsureAssignedAsync(Alice, LongHold, leaving.Token));
        var second = _stage.World.Start(() => provisioner.EnsureAssignedAsync(Alice, LongHold, default));

        leaving.Cancel();

        Assert.ThrowsAny<OperationCanceledException>(() => _stage.World.Run(() => first));
        Assigned(_stage.World.Run(() => second));
    }

    [Fact]
    public void Hold_used_up_is_refused_and_the_work_goes_on()
    {
        _stage.Machines.Delay("create", TimeSpan.FromSeconds(20));
        var provisioner = _stage.Provisioner("a");

        var first = _stage.World.Run(() => provisioner.EnsureAssignedAsync(Alice, TimeSpan.FromSeconds(10), default));

        Assert.Equal(ProvisionRefusal.HoldLimit, Refused(first).Reason);
        Assigned(_stage.Ensure(provisioner));
        Assert.Equal(1, _stage.Machines.CallsOf("create"));
    }

    [Fact]
    public void Users_do_not_share_anything()
    {
        var provisioner = _stage.Provisioner("a");
        var alice = Assigned(_stage.Ensure(provisioner));
        var bob = Assigned(_stage.Ensure(provisioner, new UserId("bob")));

        Assert.NotEqual(alice.Machine, bob.Machine);
        Assert.NotEqual(alice.Volume, bob.Volume);
    }

    [Fact]
    public void Answer_lost_of_both_creations_makes_nothing_twice()
    {
        _stage.Machines.LoseAnswerOf("volumes.create");
        _stage.Machines.LoseAnswerOf("create");

        var session = Assigned(_stage.Ensure(_stage.Provisioner("a")));

        Assert.Equal(Assert.Single(_stage.Machines.Volumes).Id, session.Volume);
        Assert.Equal(Assert.Single(_stage.Machines.Machines).Id, session.Machine);
    }

    [Fact]
    public void Creations_that_failed_without_a_clear_answer_are_asked_for_again()
    {
        _stage.Machines.FailNext("volumes.create", MachinesFailureKind.Ambiguous);
        _stage.Machines.FailNext("create", MachinesFailureKind.Ambiguous);

        Assigned(_stage.Ensure(_stage.Provisioner("a")));

        Assert.Single(_stage.Machines.Volumes);
        Assert.Single(_stage.Machines.Machines);
    }

    [Fact]
    public void Volume_that_could_not_be_looked_for_is_not_asked_for_again()
    {
        _stage.Machines.LoseAnswerOf("volumes.create");
        var replica = new SimulatedReplica("a");
        replica.OnCall = action =>
        {
            if (action == "volumes.create")
            {
                _stage.Machines.FailNext("volumes.list", MachinesFailureKind.Unavailable, times: 4);
            }
        };
        var provisioner = _stage.Provisioner(replica);

        Assert.Equal(ProvisionRefusal.PlatformUnavailable, Refused(_stage.Ensure(provisioner)).Reason);
        _stage.Persist(provisioner);

        Assert.Single(_stage.Machines.Volumes);
        Assert.Equal(1, _stage.Machines.CallsOf("volumes.create"));
    }

    [Fact]
    public void Full_region_is_passed_by_and_the_volumes_region_decides_the_machines()
    {
        _stage.Machines.RegionFull("sjc");
        _stage.Machines.QuotaUsedUp("iad");

        var session = Assigned(_stage.Ensure(_stage.Provisioner("a")));

        Assert.Equal("lhr", session.Region);
        Assert.Equal(("lhr", "lhr"), (Assert.Single(_stage.Machines.Volumes).Region, Assert.Single(_stage.Machines.Machines).Region));
    }

    [Theory]
    [InlineData(false, ProvisionRefusal.RegionFull)]
    [InlineData(true, ProvisionRefusal.QuotaExceeded)]
    internal void No_room_anywhere_and_no_quota_are_told_apart(bool quota, ProvisionRefusal expected)
    {
        foreach (var region in WorkspaceOptions.DefaultRegions)
        {
            _stage.Machines.RegionFull(region, !quota);
            _stage.Machines.QuotaUsedUp(region, quota);
        }

        Assert.Equal(expected, Refused(_stage.Ensure(_stage.Provisioner("a"))).Reason);
        Assert.Empty(_stage.Machines.Volumes);
    }

    [Theory]
    [InlineData(MachinesFailureKind.Forbidden, ProvisionRefusal.Forbidden)]
    [InlineData(MachinesFailureKind.Invalid, ProvisionRefusal.Misconfigured)]
    [InlineData(MachinesFailureKind.NotFound, ProvisionRefusal.Misconfigured)]
    [InlineData(MachinesFailureKind.HostFull, ProvisionRefusal.RegionFull)]
    internal void Refusal_of_the_machine_keeps_the_volume_for_the_next_attempt(MachinesFailureKind kind, ProvisionRefusal expected)
    {
        _stage.Machines.FailNext("create", kind);
        var provisioner = _stage.Provisioner("a");

        Assert.Equal(expected, Refused(_stage.Ensure(provisioner)).Reason);

        _stage.Persist(provisioner);
        Assert.Single(_stage.Machines.Volumes);
    }

    [Fact]
    public void Passing_refusals_of_the_platform_are_not_the_users_business()
    {
        _stage.Machines.FailNext("volumes.list", MachinesFailureKind.RateLimited);
        _stage.Machines.FailNext("create", MachinesFailureKind.RateLimited, times: 2);

        Assigned(_stage.Ensure(_stage.Provisioner("a")));
    }

    [Fact]
    public void Failure_is_remembered_by_all_replicas_and_for_longer_each_time()
    {
        _stage.Machines.FailNext("volumes.list", MachinesFailureKind.Forbidden, times: 3);
        var (a, b) = (_stage.Provisioner("a"), _stage.Provisioner("b"));

        var first = Refused(_stage.Ensure(a));
        var again = Refused(_stage.Ensure(b));
        Assert.Equal(1, _stage.Machines.CallsOf("volumes.list"));
        Assert.Equal(ProvisionRefusal.Forbidden, again.Reason);
        Assert.True(again.RetryAfter <= first.RetryAfter);

        _stage.World.Pass(first.RetryAfter);
        var second = Refused(_stage.Ensure(b));
        Assert.True(second.RetryAfter > first.RetryAfter);
        Assert.Equal(2, _stage.Machines.CallsOf("volumes.list"));
    }

    [Fact]
    public void Map_away_is_refused_and_nothing_is_made()
    {
        _stage.Map.Unavailable = true;

        Assert.Equal(ProvisionRefusal.MapUnavailable, Refused(_stage.Ensure(_stage.Provisioner("a"))).Reason);
        Assert.Empty(_stage.Machines.Calls);
    }

    [Fact]
    public void Nothing_is_made_while_the_map_may_have_forgotten_the_user()
    {
        _stage.Map.Flush();

        Assert.Equal(ProvisionRefusal.PlatformUnavailable, Refused(_stage.Ensure(_stage.Provisioner("a"))).Reason);

        Assert.Empty(_stage.Machines.Calls);
        Assert.Empty(_stage.Map.Sessions);
    }

    [Fact]
    public void Platform_that_never_answers_is_refused_at_the_limit()
    {
        _stage.Machines.Delay("volumes.create", TimeSpan.FromHours(5));
        var outcome = Refused(_stage.Ensure(_stage.Provisioner("a")));

        Assert.Equal(ProvisionRefusal.PlatformUnavailable, outcome.Reason);
    }

    [Fact]
    public void Sessions_of_a_newer_version_are_left_alone()
    {
        _stage.World.Run(() => _stage.Map.For("x").WriteAsync(new Session { User = Alice, State = SessionState.Unknown, App = _stage.App }, default));

        Refused(_stage.Ensure(_stage.Provisioner("a")));

        Assert.Equal(SessionState.Unknown, Assert.Single(_stage.Map.Sessions).State);
        Assert.Empty(_stage.Machines.Calls);
    }

    private static Session Assigned(ProvisionOutcome outcome) => Assert.IsType<ProvisionOutcome.Assigned>(outcome).Session;

    private static ProvisionOutcome.Refused Refused(ProvisionOutcome outcome) => Assert.IsType<ProvisionOutcome.Refused>(outcome);
}
