using Gateway.Machines;
using Gateway.Provisioning;
using Gateway.Sessions;
using Gateway.Tests.Simulation;
using Xunit;

namespace Gateway.Tests.Provisioning;

/// <summary>A user leaves.</summary>
public sealed class WorkspaceRemovalTests
{
    private static readonly UserId Alice = new("alice");
    private static readonly UserId Bob = new("bob");

    private readonly UpgradeStage _stage = new();

    [Fact]
    public void Last_session_takes_the_machine_with_it_and_the_volume_stays()
    {
        var session = _stage.Sleeping(Alice);

        Assert.Equal(RemovalResult.Removed, Remove(session).Result);

        Assert.Empty(_stage.Machines.Machines);
        Assert.Empty(_stage.Base.Map.Sessions);
        Assert.True(Assert.Single(_stage.Machines.Volumes).Usable);
        Assert.Equal(MachineRecordState.Gone, _stage.Record(session.Machine!.Value).State);
        Assert.Equal(["session-removed", "machine-destroyed"], Audited());
    }

    [Fact]
    public void Running_machine_is_removed_as_well()
    {
        var session = _stage.Base.Persist(_stage.Base.Provisioner("maker"), Alice);
        UpgradeStage.IsAwake(_stage.Wake(_stage.Waker("one"), session));

        Assert.Equal(RemovalResult.Removed, Remove(session).Result);

        Assert.Empty(_stage.Machines.Machines);
    }

    [Fact]
    public void Volume_goes_only_when_it_is_named()
    {
        var session = _stage.Sleeping(Alice);

        Assert.Equal(RemovalResult.WrongVolume, Remove(session, new VolumeId("vol_other")).Result);
        Assert.Single(_stage.Machines.Machines);
        Assert.Equal(RemovalResult.Removed, Remove(session, session.Volume).Result);

        Assert.False(Assert.Single(_stage.Machines.Volumes).Usable);
        Assert.Equal(["session-removed", "volume-destroyed", "machine-destroyed"], Audited());
    }

    [Fact]
    public void Machine_of_several_users_stays_until_the_last_of_them_leaves()
    {
        var (alice, bob) = Shared();

        Assert.Equal(RemovalResult.WrongVolume, Remove(alice, alice.Volume).Result);
        Assert.Equal(RemovalResult.Removed, Remove(alice).Result);

        var machine = Assert.Single(_stage.Machines.Machines);
        Assert.Equal([Bob], _stage.Base.Names.UsersOf(_stage.Base.App, machine.Name, machine.Metadata, out var forged));
        Assert.False(forged);

        Assert.Equal(RemovalResult.Removed, Remove(bob).Result);
        Assert.Empty(_stage.Machines.Machines);
    }

    [Fact]
    public void Users_that_a_machine_no_longer_names_still_count()
    {
        var (alice, bob) = Shared();
        foreach (var key in _stage.Base.Names.SharedMetadata(_stage.Base.App, "", Bob).Keys)
        {
            _stage.Machines.RewriteMetadata(bob.Machine!.Value, key, "");
        }

        Assert.Equal(RemovalResult.Removed, Remove(alice).Result);

        Assert.Single(_stage.Machines.Machines);
    }

    [Fact]
    public void Machine_that_the_gateway_did_not_make_goes_only_when_it_is_named()
    {
        var machine = _stage.Machines.Add(_stage.Base.App, "legacy");
        var session = Write(new Session { User = Alice, State = SessionState.Assigned, App = _stage.Base.App, Machine = machine.Id });

        Assert.Equal(RemovalResult.Removed, Remove(session).Result);
        Assert.Single(_stage.Machines.Machines);

        Assert.Equal(RemovalResult.Removed, Remove(Write(session with { Epoch = 0 }), foreign: machine.Id).Result);
        Assert.Empty(_stage.Machines.Machines);
    }

    [Fact]
    public void Machine_that_somebody_works_on_is_not_removed_under_their_hands()
    {
        var session = _stage.Sleeping(Alice);
        var record = _stage.Record(session.Machine!.Value);
        _stage.Base.World.Run(() => _stage.Base.Map.For("other").WriteAsync(record with { State = MachineRecordState.Updating, Lease = new RecordLease("other", _stage.Base.Time.GetUtcNow() + TimeSpan.FromSeconds(5)) }, default));

        Assert.Equal(RemovalResult.InFlight, Remove(session).Result);

        Assert.Single(_stage.Machines.Machines);
        Assert.Single(_stage.Base.Map.Sessions);
    }

    [Fact]
    public void Refusal_of_the_platform_leaves_the_session_and_asking_again_goes_on()
    {
        var session = _stage.Sleeping(Alice);
        _stage.Machines.FailNext("destroy", MachinesFailureKind.Forbidden);

        Assert.Equal(RemovalResult.Refused, Remove(session).Result);
        Assert.Single(_stage.Base.Map.Sessions);

        Assert.Equal(RemovalResult.Removed, Remove(session).Result);
        Assert.Empty(_stage.Machines.Machines);
    }

    [Fact]
    public void Removal_that_dies_between_any_two_steps_is_finished_by_asking_again()
    {
        var whole = new SimulatedReplica("whole");
        Assert.Equal(RemovalResult.Removed, Remove(_stage.Sleeping(Alice), replica: whole).Result);
        for (var step = 1; step <= whole.Steps; step++)
        {
            var stage = new UpgradeStage();
            var session = stage.Sleeping(Alice);
            var dying = new SimulatedReplica("dying");
            dying.DieAfter(step);
            _ = stage.Base.World.Start(() => Removal(stage, dying).RunAsync(session, session.Volume, null, "ops", default));
            stage.Base.World.Pass(TimeSpan.FromSeconds(25));

            var outcome = stage.Base.Map.Sessions.Count == 0
                ? new RemovalOutcome(RemovalResult.Removed)
                : stage.Base.World.Run(() => Removal(stage, new SimulatedReplica("next")).RunAsync(session, session.Volume, null, "ops", default));

            Assert.True(outcome.Result is RemovalResult.Removed, $"step {step}: {outcome}");
            Assert.True(stage.Machines.Machines.Count == 0 && stage.Base.Map.Sessions.Count == 0, $"step {step}");
        }
    }

    private (Session Alice, Session Bob) Shared()
    {
        var alice = _stage.Sleeping(Alice);
        var name = _stage.Machines.Find(alice.Machine!.Value)!.Name;
        foreach (var (key, value) in _stage.Base.Names.SharedMetadata(_stage.Base.App, name, Bob))
        {
            _stage.Machines.RewriteMetadata(alice.Machine.Value, key, value);
        }

        return (alice, Write(alice with { User = Bob, Epoch = 0 }));
    }

    private Session Write(Session session) => _stage.Base.World.Run(() => _stage.Base.Map.For("other").WriteAsync(session, default)).Current!;

    private RemovalOutcome Remove(Session session, VolumeId? volume = null, MachineId? foreign = null, SimulatedReplica? replica = null) =>
        _stage.Base.World.Run(() => Removal(_stage, replica ?? new SimulatedReplica("one")).RunAsync(session, volume, foreign, "ops", default));

    private IEnumerable<string> Audited() =>
        _stage.Base.World.Run(() => new AuditTrail(_stage.Base.Notes, new Replica("one"), _stage.Base.Time).ReadLastAsync(10, default)).Select(entry => entry.Action);

    private static WorkspaceRemoval Removal(UpgradeStage stage, SimulatedReplica replica) => new(
        stage.Base.Map.For(replica), stage.Machines.For(replica), stage.Base.Names, new AuditTrail(stage.Base.Notes, new Replica(replica.Name), stage.Base.Time), new Replica(replica.Name), stage.Base.Time);
}
