using System.Text.Json;
using Gateway.Machines;
using Gateway.Provisioning;
using Gateway.Reconciling;
using Gateway.Sessions;
using Xunit;

namespace Gateway.Tests.Reconciling;

/// <summary>What the comparison finds, and what it does about it.</summary>
public sealed class DriftTests
{
    private readonly DriftStage _stage = new();

    [Fact]
    public void Map_and_platform_that_agree_have_no_drift()
    {
        _stage.Sleeping("alice");
        _stage.Sleeping("bob");

        Assert.Empty(_stage.LookAfterTheGrace());
    }

    [Fact]
    public void Comparison_costs_a_listing_and_no_call_for_each_machine()
    {
        for (var n = 0; n < 30; n++)
        {
            _stage.Sleeping($"user-{n}");
        }

        var before = _stage.Machines.Calls.Count;
        _stage.Look();

        Assert.Equal(["list", "volumes.list"], _stage.Machines.Calls.Skip(before).Select(call => call.Action));
    }

    [Fact]
    public void Lost_machine_is_written_as_gone_and_the_next_request_makes_one_on_the_volume()
    {
        var session = _stage.Sleeping("alice");
        _stage.Machines.DestroyBehindOurBack(session.Machine!.Value);

        var drift = Assert.Single(_stage.LookAfterTheGrace());

        Assert.Equal((DriftKinds.SessionWithoutMachine, MachineRecordState.Gone), (drift.Kind, _stage.Record(session.Machine.Value).State));
        Assert.Equal(session.Volume, Assert.IsType<ProvisionOutcome.Assigned>(_stage.Replace(session)).Session.Volume);
        Assert.Empty(_stage.Look());
    }

    [Fact]
    public void Machine_of_a_user_without_a_session_is_adopted_only_with_its_proof()
    {
        var session = _stage.Sleeping("alice");
        _stage.Forget(session);
        var foreign = _stage.Machines.Add(_stage.Base.App, "somebody's");

        var drifts = _stage.LookAfterTheGrace();

        Assert.Equal(session.Machine, Assert.Single(_stage.Base.Map.Sessions).Machine);
        Assert.Equal((DriftKinds.MachineWithoutSession, foreign.Id.Value, DriftRepairKind.Operator), (drifts.Single().Kind, drifts.Single().Subject, drifts.Single().Repair));
    }

    [Fact]
    public void Young_difference_is_listed_and_not_repaired()
    {
        var session = _stage.Sleeping("alice");
        _stage.Forget(session);

        var drift = Assert.Single(_stage.Look());

        Assert.Null(drift.Outcome);
        Assert.Empty(_stage.Base.Map.Sessions);
    }

    [Fact]
    public void Second_machine_of_a_user_is_only_planned_to_be_destroyed_by_default()
    {
        var (_, second) = TwoMachines();

        var drift = Assert.Single(_stage.LookAfterTheGrace(), found => found.Kind == DriftKinds.SecondMachine);

        Assert.Equal((second, DriftRepairKind.Destroys, null), (new MachineId(drift.Subject), drift.Repair, drift.Outcome));
        Assert.NotNull(_stage.Machines.Machines.SingleOrDefault(machine => machine.Id == second));
    }

    [Fact]
    public void Second_machine_is_destroyed_where_that_is_allowed_with_its_audit_entry_and_its_volume_stays()
    {
        var (first, second) = TwoMachines();
        _stage.Options.Destroy = true;

        _stage.LookAfterTheGrace();

        Assert.Equal(first.Machine, Assert.Single(_stage.Machines.Machines).Id);
        Assert.Equal(2, _stage.Machines.Volumes.Count(volume => volume.Usable));
        var entry = Assert.Single(_stage.Base.World.Run(() => _stage.Audit.ReadLastAsync(10, default)));
        Assert.Equal(("machine-destroyed", second.Value, AuditTrail.Gateway), (entry.Action, entry.Subject, entry.By));
        Assert.Equal(0, _stage.Machines.CallsOf("volumes.destroy"));
    }

    [Fact]
    public void Second_machine_that_runs_is_left_alone()
    {
        var (_, second) = TwoMachines(PlatformState.Started);
        _stage.Options.Destroy = true;

        _stage.LookAfterTheGrace();

        Assert.Equal(0, _stage.Machines.CallsOf("destroy", second));
    }

    [Fact]
    public void Forged_metadata_of_a_known_machine_is_written_anew()
    {
        var session = _stage.Sleeping("alice");
        var machine = session.Machine!.Value;
        _stage.Machines.RewriteMetadata(machine, WorkspaceNames.UserKey + "_x", "Ym9i");
        _stage.Machines.RewriteMetadata(machine, WorkspaceNames.MacKey, "0000");

        var drifts = _stage.LookAfterTheGrace();

        Assert.Empty(drifts);
        var found = _stage.Machines.Find(machine)!;
        Assert.Equal([session.User], _stage.Base.Names.UsersOf(_stage.Base.App, found.Name, found.Metadata, out var forged));
        Assert.False(forged);
    }

    [Fact]
    public void Forged_metadata_gives_nobody_anything()
    {
        var machine = _stage.Machines.Add(_stage.Base.App, "intruder", metadata: new Dictionary<string, string> { [WorkspaceNames.UserKey] = "YWxpY2U", [WorkspaceNames.MacKey] = "0000" });

        var drifts = _stage.LookAfterTheGrace();

        Assert.Contains(drifts, drift => drift is { Kind: DriftKinds.ForgedMetadata, Repair: DriftRepairKind.Operator } && drift.Subject == machine.Id.Value);
        Assert.Empty(_stage.Base.Map.Sessions);
    }

    [Theory]
    [InlineData(nameof(MachineRecordState.Waking))]
    [InlineData(nameof(MachineRecordState.Draining))]
    [InlineData(nameof(MachineRecordState.Stopping))]
    [InlineData(nameof(MachineRecordState.Updating))]
    public void Transition_that_nobody_works_on_is_written_as_the_platform_has_it(string state)
    {
        var session = _stage.Sleeping("alice");
        var record = _stage.Record(session.Machine!.Value);
        _stage.Write(record with { State = Enum.Parse<MachineRecordState>(state), Lease = new RecordLease("dead", _stage.Base.Time.GetUtcNow() + TimeSpan.FromSeconds(5)) });

        Assert.Empty(_stage.Look());
        _stage.Base.World.Pass(TimeSpan.FromMinutes(3), TimeSpan.FromSeconds(5));
        Assert.Equal(DriftKinds.StuckTransition, Assert.Single(_stage.Look()).Kind);
        Assert.Empty(_stage.LookAfterTheGrace());

        Assert.Equal(MachineRecordState.Asleep, _stage.Record(session.Machine.Value).State);
    }

    [Fact]
    public void Repair_skips_what_has_an_operation_in_flight()
    {
        var session = _stage.Sleeping("alice");
        _stage.Machines.DestroyBehindOurBack(session.Machine!.Value);
        var record = _stage.Record(session.Machine.Value);
        _stage.Look();
        _stage.Base.World.Pass(_stage.Options.Grace, TimeSpan.FromSeconds(10));
        _stage.Write(record with { State = MachineRecordState.Waking, Lease = new RecordLease("somebody", _stage.Base.Time.GetUtcNow() + TimeSpan.FromMinutes(1)) });

        var drift = Assert.Single(_stage.Look());

        Assert.Contains("in flight", drift.Outcome, StringComparison.Ordinal);
        Assert.Equal(MachineRecordState.Waking, _stage.Record(session.Machine.Value).State);
    }

    [Fact]
    public void Machine_started_by_hand_is_handed_to_idling_after_the_grace()
    {
        var session = _stage.Sleeping("alice");
        _stage.Base.World.Run(() => _stage.Machines.StartAsync(_stage.Base.App, session.Machine!.Value, null, default));
        _stage.Base.World.Pass(TimeSpan.FromSeconds(5));
        Assert.Equal(DriftKinds.ForeignStart, Assert.Single(_stage.Look()).Kind);
        Assert.Equal(MachineRecordState.Asleep, _stage.Record(session.Machine!.Value).State);

        _stage.LookAfterTheGrace();

        var record = _stage.Record(session.Machine.Value);
        Assert.True(record is { State: MachineRecordState.Waking, Lease: { } lease } && lease.Until <= _stage.Base.Time.GetUtcNow());
    }

    [Fact]
    public void Wrong_region_is_corrected_in_the_map()
    {
        var session = _stage.Sleeping("alice");
        _stage.Write(session with { Region = "syd" });

        Assert.Empty(_stage.LookAfterTheGrace());

        Assert.Equal("sjc", Assert.Single(_stage.Base.Map.Sessions).Region);
    }

    [Fact]
    public void Services_and_autostop_and_unknown_states_are_told_and_left_to_an_operator()
    {
        var session = _stage.Sleeping("alice");
        var machine = session.Machine!.Value;
        var config = _stage.Machines.Find(machine)!.Config!;
        _stage.Machines.Reconfigure(machine, config with { Rest = new() { ["services"] = JsonDocument.Parse("[{\"internal_port\":10000,\"autostop\":\"suspend\"}]").RootElement } });
        _stage.Machines.SetState(machine, PlatformState.Transient);

        var drifts = _stage.LookAfterTheGrace();

        Assert.Equal([DriftKinds.PlatformAutostop, DriftKinds.ServicesOnWorkspace, DriftKinds.UnknownState], drifts.Select(drift => drift.Kind).Order());
        Assert.All(drifts, drift => Assert.Equal((DriftRepairKind.Operator, null), (drift.Repair, drift.Outcome)));
    }

    [Fact]
    public void Orphan_volume_is_told_and_never_destroyed()
    {
        _stage.Options.Destroy = true;
        var volume = _stage.Machines.AddVolume(_stage.Base.App, "ws_orphan");

        var drift = Assert.Single(_stage.LookAfterTheGrace());

        Assert.Equal((DriftKinds.OrphanVolume, volume.Id.Value), (drift.Kind, drift.Subject));
        Assert.Equal(0, _stage.Machines.CallsOf("volumes.destroy"));
    }

    [Theory]
    [InlineData(0, 5)]
    [InlineData(3, 8)]
    [InlineData(100, 50)]
    public void Volume_that_fills_up_is_told_and_extended_as_far_as_is_allowed(int by, int then)
    {
        var session = _stage.Sleeping("alice");
        _stage.Options.ExtendByGb = by;
        _stage.Machines.Fill(session.Volume!.Value, percent: 90);

        var drifts = _stage.LookAfterTheGrace();

        Assert.Equal(by == 0 ? 1 : 0, drifts.Count(drift => drift.Kind == DriftKinds.FillingVolume));
        Assert.Equal(then, Assert.Single(_stage.Machines.Volumes).SizeGb);
        Assert.Equal(then, _stage.Base.Map.Sessions.Single().VolumeGb);
    }

    [Fact]
    public void Volume_whose_size_nobody_looked_at_is_looked_at_and_that_is_no_drift()
    {
        _stage.Sleeping("alice");
        _stage.Write(_stage.Base.Map.Sessions.Single() with { VolumeGb = null });

        Assert.Empty(_stage.Look());

        Assert.Equal(_stage.Machines.Volumes.Single().SizeGb, _stage.Base.Map.Sessions.Single().VolumeGb);
    }

    [Fact]
    public void Volume_of_another_size_than_the_map_says_is_corrected_there()
    {
        var session = _stage.Sleeping("alice");
        _stage.Write(_stage.Base.Map.Sessions.Single() with { VolumeGb = 8 });

        var first = Assert.Single(_stage.Look());
        var after = _stage.LookAfterTheGrace();

        Assert.Equal((DriftKinds.WrongVolumeSize, session.Volume!.Value.Value), (first.Kind, first.Subject));
        Assert.Empty(after);
        Assert.Equal(_stage.Machines.Volumes.Single().SizeGb, _stage.Base.Map.Sessions.Single().VolumeGb);
    }

    [Fact]
    public void Platform_that_does_not_answer_makes_nothing_missing()
    {
        _stage.Sleeping("alice");
        _stage.Machines.FailNext("list", MachinesFailureKind.Forbidden, times: 10);

        Assert.Empty(_stage.Look());

        Assert.NotNull(_stage.Base.World.Run(() => _stage.Drifts.ReadPassAsync(default))!.Incomplete);
    }

    [Fact]
    public void One_replica_compares_at_a_time_and_another_takes_over()
    {
        _stage.Sleeping("alice");
        var (one, two) = (_stage.Reconciler("one"), _stage.Reconciler("two"));

        var passes = _stage.Base.World.Run(() => Task.WhenAll(one.RunIfDueAsync(default), two.RunIfDueAsync(default)));
        Assert.Single(passes, pass => pass is not null);
        Assert.Null(_stage.Base.World.Run(() => one.RunIfDueAsync(default)));

        _stage.Base.World.Pass(_stage.Options.Every, TimeSpan.FromSeconds(10));
        Assert.NotNull(_stage.Base.World.Run(() => two.RunIfDueAsync(default)));
    }

    [Fact]
    public void Map_that_is_not_whole_is_not_compared()
    {
        _stage.Sleeping("alice");
        _stage.Base.Map.Flush();

        Assert.Null(_stage.Base.World.Run(() => _stage.Reconciler().RunIfDueAsync(default)));
    }

    private (Session First, MachineId Second) TwoMachines(PlatformState state = PlatformState.Stopped)
    {
        var session = _stage.Sleeping("alice");
        var name = _stage.Base.Names.MachineName(session.User, 1);
        var volume = _stage.Machines.AddVolume(_stage.Base.App, "ws_second");
        return (session, _stage.Machines.Add(_stage.Base.App, name, metadata: _stage.Base.Names.Metadata(_stage.Base.App, name, session.User), volume: volume.Id, state: state).Id);
    }
}
