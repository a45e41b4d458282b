using Gateway.Machines;
using Gateway.Provisioning;
using Gateway.Sessions;
using Gateway.Tests.Simulation;
using Xunit;
using static Gateway.Tests.Provisioning.ProvisioningStage;

namespace Gateway.Tests.Provisioning;

/// <summary>What is there already is finished, not made again.</summary>
public sealed class HalfMadeWorkspaceTests
{
    private readonly ProvisioningStage _stage = new();

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void Replica_that_dies_between_any_two_steps_leaves_one_volume_and_one_machine(bool carriedOut)
    {
        var steps = StepsOfOne();
        Assert.True(steps >= 8, $"only {steps} steps");
        for (var step = 1; step <= steps; step++)
        {
            var stage = new ProvisioningStage();
            var dying = new SimulatedReplica("dying");
            if (carriedOut)
            {
                dying.DieAfter(step);
            }
            else
            {
                dying.DieBefore(step);
            }

            _ = stage.World.Start(() => stage.Provisioner(dying).EnsureAssignedAsync(Alice, LongHold, default));
            stage.World.Run(() => dying.Died);
            var session = stage.Persist(stage.Provisioner("heir"));

            Assert.True(stage.Machines.Volumes.Count == 1 && stage.Machines.Machines.Count == 1, $"dying at step {step}: {stage.Machines.Volumes.Count} volumes, {stage.Machines.Machines.Count} machines");
            Assert.Equal((stage.Machines.Machines[0].Id, stage.Machines.Volumes[0].Id), (session.Machine!.Value, session.Volume!.Value));
            Assert.Equal(1, stage.Machines.AcceptedStarts(session.Machine!.Value));
        }
    }

    [Fact]
    public void Replica_paused_at_any_step_for_a_minute_makes_nothing_twice()
    {
        var steps = StepsOfOne();
        for (var step = 1; step <= steps; step++)
        {
            var stage = new ProvisioningStage();
            var slow = new SimulatedReplica("slow");
            var seen = 0;
            var pauseAt = step;
            var paused = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
            var pausedIn = "";
            slow.OnCall = action =>
            {
                if (Interlocked.Increment(ref seen) == pauseAt)
                {
                    pausedIn = action;
                    slow.Pause();
                    paused.TrySetResult();
                }
            };

            var first = stage.World.Start(() => stage.Provisioner(slow).EnsureAssignedAsync(Alice, LongHold, default));
            stage.World.Run(() => paused.Task);
            var session = stage.Persist(stage.Provisioner("heir"));
            slow.Resume();
            var late = stage.World.Run(() => first);

            // A volume that a process asks for after it slept between its last check and the call cannot be fenced by anything: names are not unique.
            Assert.Single(stage.Machines.Machines);
            Assert.True(stage.Machines.Volumes.Count == 1 || pausedIn == "volumes.create", $"paused at {pausedIn}");
            Assert.Equal(session.Machine, Assert.Single(stage.Map.Sessions).Machine);
            Assert.True(late is ProvisionOutcome.Refused or ProvisionOutcome.Assigned { Session.State: SessionState.Assigned });
        }
    }

    [Fact]
    public void Map_that_fails_at_any_step_leaves_one_volume_and_one_machine()
    {
        var steps = StepsOfOne();
        for (var step = 1; step <= steps; step++)
        {
            var stage = new ProvisioningStage();
            var replica = new SimulatedReplica("a");
            var (seen, failAt) = (0, step);
            replica.OnCall = _ => replica.MapUnavailable = Interlocked.Increment(ref seen) == failAt;

            stage.Persist(stage.Provisioner(replica));

            Assert.True(stage.Machines.Volumes.Count == 1 && stage.Machines.Machines.Count == 1, $"failing at step {step}");
        }
    }

    [Fact]
    public void Owner_at_work_is_not_taken_over_however_long_a_call_takes()
    {
        _stage.Machines.Delay("volumes.create", TimeSpan.FromSeconds(30));
        var (a, b) = (_stage.Provisioner("a"), _stage.Provisioner("b"));
        var first = _stage.World.Start(() => a.EnsureAssignedAsync(Alice, LongHold, default));
        var second = _stage.World.Start(() => b.EnsureAssignedAsync(Alice, LongHold, default));

        _stage.World.Run(() => Task.WhenAll(first, second));

        Assert.Single(_stage.Machines.Volumes);
    }

    [Fact]
    public void Volume_in_its_deletion_is_not_used_again()
    {
        var doomed = _stage.Machines.AddVolume(_stage.App, _stage.Names.VolumeName(Alice), state: "pending_destroy");

        var session = _stage.Persist(_stage.Provisioner("a"));

        Assert.NotEqual(doomed.Id, session.Volume);
    }

    [Fact]
    public void Volume_left_over_is_used_where_it_is()
    {
        var left = _stage.Machines.AddVolume(_stage.App, _stage.Names.VolumeName(Alice), region: "syd");

        var session = _stage.Persist(_stage.Provisioner("a"));

        Assert.Equal((left.Id, "syd"), (session.Volume!.Value, session.Region));
        Assert.Equal("syd", Assert.Single(_stage.Machines.Machines).Region);
    }

    [Fact]
    public void Machine_of_the_name_with_a_valid_proof_is_adopted()
    {
        var name = _stage.Names.MachineName(Alice);
        var there = _stage.Machines.Add(_stage.App, name, metadata: _stage.Names.Metadata(_stage.App, name, Alice));

        var session = _stage.Persist(_stage.Provisioner("a"));

        Assert.Equal(there.Id, session.Machine);
    }

    [Theory]
    [InlineData("nobody")]
    [InlineData("bob")]
    [InlineData("forged")]
    public void Machine_of_the_name_without_a_valid_proof_is_not_adopted(string kind)
    {
        var name = _stage.Names.MachineName(Alice);
        var metadata = kind switch
        {
            "nobody" => [],
            "bob" => _stage.Names.Metadata(_stage.App, name, new UserId("bob")),
            _ => new Dictionary<string, string>(_stage.Names.Metadata(_stage.App, name, Alice)) { [WorkspaceNames.MacKey] = new string('0', 64) },
        };
        _stage.Machines.Add(_stage.App, name, metadata: metadata);

        var refused = Assert.IsType<ProvisionOutcome.Refused>(_stage.Ensure(_stage.Provisioner("a")));

        Assert.Equal(ProvisionRefusal.Failed, refused.Reason);
        Assert.Null(Assert.Single(_stage.Map.Sessions).Machine);
    }

    [Fact]
    public void Volume_claimed_by_a_machine_that_is_not_proven_to_be_the_users_gives_them_neither_it_nor_another_volume()
    {
        var volume = _stage.Machines.AddVolume(_stage.App, _stage.Names.VolumeName(Alice));
        _stage.Machines.Add(_stage.App, "somebody-elses", volume: volume.Id);

        var refused = Assert.IsType<ProvisionOutcome.Refused>(_stage.Ensure(_stage.Provisioner("a")));

        Assert.Equal(ProvisionRefusal.Failed, refused.Reason);
        Assert.Equal((1, 1), (_stage.Machines.Machines.Count, _stage.Machines.Volumes.Count));
        Assert.Null(Assert.Single(_stage.Map.Sessions).Machine);
    }

    [Fact]
    public void Volume_claimed_by_another_machine_between_the_look_and_the_creation_is_not_taken_from_it()
    {
        var stranger = _stage.Machines.Add(_stage.App, "somebody-elses");
        _stage.Machines.FailNext("create", new MachinesFailure(MachinesFailureKind.VolumeClaimed, 412, "failed_precondition: volume already claimed") { Other = stranger.Id }, times: 20);

        var refused = Assert.IsType<ProvisionOutcome.Refused>(_stage.Ensure(_stage.Provisioner("a")));

        Assert.Equal(ProvisionRefusal.Failed, refused.Reason);
        Assert.Equal((1, 1), (_stage.Machines.Machines.Count, _stage.Machines.Volumes.Count));
        _stage.Machines.Quiet();
        Assert.NotEqual(stranger.Id, _stage.Persist(_stage.Provisioner("b")).Machine);
    }

    [Fact]
    public void Machine_on_a_host_that_does_not_answer_gets_no_twin()
    {
        var volume = _stage.Machines.AddVolume(_stage.App, _stage.Names.VolumeName(Alice));
        var name = _stage.Names.MachineName(Alice);
        var there = _stage.Machines.Add(_stage.App, name, metadata: _stage.Names.Metadata(_stage.App, name, Alice), volume: volume.Id);
        _stage.Machines.HostUnreachable(there.Id);

        var refused = Assert.IsType<ProvisionOutcome.Refused>(_stage.Ensure(_stage.Provisioner("a")));

        Assert.Equal(ProvisionRefusal.PlatformUnavailable, refused.Reason);
        Assert.Equal((1, 1), (_stage.Machines.Machines.Count, _stage.Machines.Volumes.Count));
    }

    private static int StepsOfOne()
    {
        var stage = new ProvisioningStage();
        var replica = new SimulatedReplica("counted");
        stage.Persist(stage.Provisioner(replica));
        return replica.Steps;
    }
}
