using Gateway.Machines;
using Gateway.Provisioning;
using Gateway.Sessions;
using Gateway.Tests.Simulation;
using Gateway.Waking;
using Xunit;

namespace Gateway.Tests.Provisioning;

/// <summary>A user's host is lost for good, and an operator goes back to a snapshot.</summary>
public sealed class WorkspaceRestoreTests
{
    private static readonly UserId Alice = new("alice");

    private readonly UpgradeStage _stage = new();

    [Fact]
    public void Workspace_is_restored_on_a_new_volume_and_the_old_machine_and_volume_stay_fenced()
    {
        var (before, snapshot) = WithSnapshot();

        var outcome = Restore(before, snapshot);

        Assert.Equal((RestoreResult.Restored, true), (outcome.Result, outcome.Fenced));
        var after = Assert.Single(_stage.Base.Map.Sessions);
        Assert.NotEqual((before.Machine, before.Volume), (after.Machine, after.Volume));
        Assert.Equal((2, 2), (_stage.Machines.Machines.Count, _stage.Machines.Volumes.Count(volume => volume.Usable)));
        Assert.Empty(_stage.Base.Names.UsersOf(_stage.Base.App, "", _stage.Machines.Find(before.Machine!.Value)!.Metadata, out _));
        Assert.Equal(after.Volume!.Value.Value, _stage.Machines.Find(after.Machine!.Value)!.Config!.Mounts![0].Volume);
        UpgradeStage.IsAwake(_stage.Wake(_stage.Waker("one"), after));
        Assert.Equal(["snapshot-restored", "machine-fenced"], Audited());
    }

    [Fact]
    public void Unreachable_host_does_not_keep_the_user_from_the_snapshot_nor_give_them_the_old_machine_when_it_comes_back()
    {
        var (before, snapshot) = WithSnapshot();
        _stage.Machines.HostUnreachable(before.Machine!.Value);

        var outcome = Restore(before, snapshot);

        Assert.Equal((RestoreResult.Restored, false), (outcome.Result, outcome.Fenced));
        _stage.Machines.HostUnreachable(before.Machine.Value, unreachable: false);
        var after = Assert.Single(_stage.Base.Map.Sessions);
        Assert.Equal(before.Machine, after.Replaced);
        Assert.NotEqual(before.Machine, after.Machine);
        UpgradeStage.IsAwake(_stage.Wake(_stage.Waker("one"), after));
        Assert.IsType<WakeOutcome.Refused>(_stage.Wake(_stage.Waker("one"), before));
        Assert.NotEqual(PlatformState.Started, _stage.Machines.Find(before.Machine.Value)!.State);
    }

    [Fact]
    public void Snapshot_that_is_not_of_this_volume_changes_nothing()
    {
        var (before, _) = WithSnapshot();

        Assert.Equal(RestoreResult.NoSuchSnapshot, Restore(before, "vs_unknown").Result);

        Assert.Equal(before, Assert.Single(_stage.Base.Map.Sessions));
        Assert.Single(_stage.Machines.Volumes);
    }

    [Fact]
    public void Volume_that_several_users_share_is_not_restored_for_one_of_them()
    {
        var (before, snapshot) = WithSnapshot();
        _stage.Base.World.Run(() => _stage.Base.Map.For("other").WriteAsync(before with { User = new UserId("bob"), Epoch = 0 }, default));

        Assert.Equal(RestoreResult.Shared, Restore(before, snapshot).Result);
    }

    [Fact]
    public void Lost_answer_does_not_make_two_volumes()
    {
        var (before, snapshot) = WithSnapshot();
        _stage.Machines.LoseAnswerOf("volumes.create");

        Assert.Equal(RestoreResult.Restored, Restore(before, snapshot).Result);

        Assert.Equal(2, _stage.Machines.Volumes.Count);
    }

    [Fact]
    public void Restore_that_dies_between_any_two_steps_is_finished_by_asking_again()
    {
        var whole = new SimulatedReplica("whole");
        var (first, taken) = WithSnapshot();
        Assert.Equal(RestoreResult.Restored, Restore(first, taken, whole).Result);
        for (var step = 1; step <= whole.Steps; step++)
        {
            var stage = new WorkspaceRestoreTests();
            var (before, snapshot) = stage.WithSnapshot();
            var dying = new SimulatedReplica("dying");
            dying.DieBefore(step);
            _ = stage._stage.Base.World.Start(() => stage.Restoring(dying).RunAsync(before, snapshot, "ops", default));
            stage._stage.Base.World.Pass(TimeSpan.FromSeconds(30));

            var session = stage._stage.Base.Map.Sessions.Single();
            if (session.State is not SessionState.Assigned || session.Machine == before.Machine)
            {
                Assert.True(stage.Restore(session, snapshot).Result is RestoreResult.Restored, $"step {step}");
            }

            session = stage._stage.Base.Map.Sessions.Single();
            Assert.True(session.State is SessionState.Assigned && session.Machine != before.Machine && session.Volume != before.Volume, $"step {step}: {session}");
            Assert.True(stage._stage.Machines.Volumes.Count == 2 && stage._stage.Machines.Machines.Count == 2, $"step {step}");
        }
    }

    private (Session Session, string Snapshot) WithSnapshot()
    {
        var session = _stage.Sleeping(Alice);
        _stage.Base.World.Run(() => _stage.Machines.TakeSnapshotAsync(_stage.Base.App, session.Volume!.Value, default));
        var snapshots = _stage.Base.World.Run(() => _stage.Machines.ListSnapshotsAsync(_stage.Base.App, session.Volume!.Value, default));
        return (session, snapshots.Value!.Single().Id);
    }

    private RestoreOutcome Restore(Session session, string snapshot, SimulatedReplica? replica = null) =>
        _stage.Base.World.Run(() => Restoring(replica ?? new SimulatedReplica("one")).RunAsync(session, snapshot, "ops", default));

    private IEnumerable<string> Audited() =>
        _stage.Base.World.Run(() => new AuditTrail(_stage.Base.Notes, new Replica("one"), _stage.Base.Time).ReadLastAsync(10, default)).Select(entry => entry.Action);

    private WorkspaceRestore Restoring(SimulatedReplica replica) => new(
        _stage.Base.Map.For(replica), _stage.Machines.For(replica), _stage.Base.Provisioner(replica), new WorkspaceTemplate(_stage.Base.Options, _stage.Base.Names), _stage.Base.Names,
        new WorkspaceOverrides(_stage.Base.Notes), _stage.Base.Notes, new AuditTrail(_stage.Base.Notes, new Replica(replica.Name), _stage.Base.Time), _stage.Base.Time);
}
