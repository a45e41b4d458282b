using System.Text.Json;
using Gateway.Machines;
using Gateway.Provisioning;
using Gateway.Sessions;
using Gateway.Tests.Simulation;
using Gateway.Waking;
using Xunit;
using static Gateway.Tests.Provisioning.ProvisioningStage;

namespace Gateway.Tests.Provisioning;

/// <summary>The template's image or size changes; machines follow at their next wake and lose nothing by it.</summary>
public sealed class UpgradeTests
{
    private readonly UpgradeStage _stage = new();

    [Fact]
    public void Fifty_users_ten_awake_are_all_on_the_new_image_after_their_next_sleep_and_no_awake_one_is_interrupted()
    {
        var waker = _stage.Waker("one");
        var sessions = Enumerable.Range(0, 50).Select(n => _stage.Sleeping(new UserId($"user-{n}"))).ToList();
        var awake = sessions.Take(10).ToList();
        awake.ForEach(session => UpgradeStage.IsAwake(_stage.Wake(waker, session)));
        var boots = awake.Select(session => _stage.Machines.Boots(session.Machine!.Value)).ToList();
        _stage.Base.Options.Image = UpgradeStage.After;
        waker = _stage.Waker("two");

        sessions.ForEach(session => UpgradeStage.IsAwake(_stage.Wake(waker, session)));

        Assert.Equal(boots, awake.Select(session => _stage.Machines.Boots(session.Machine!.Value)));
        Assert.All(awake, session => Assert.Equal(UpgradeStage.Before, _stage.ImageOf(session)));
        Assert.All(sessions.Skip(10), session => Assert.Equal(UpgradeStage.After, _stage.ImageOf(session)));

        awake.ForEach(Sleep);
        awake.ForEach(session => UpgradeStage.IsAwake(_stage.Wake(waker, session)));

        Assert.All(sessions, session => Assert.Equal(UpgradeStage.After, _stage.ImageOf(session)));
        Assert.All(sessions, session => Assert.Equal(session.Volume!.Value.Value, Assert.Single(_stage.Machines.Find(session.Machine!.Value)!.Config!.Mounts!).Volume));
        Assert.Equal((50, 50), (_stage.Machines.Machines.Count, _stage.Machines.Volumes.Count));
        Assert.All(sessions, session => Assert.Equal(1, _stage.Machines.CallsOf("update", session.Machine)));
    }

    [Fact]
    public void Only_image_and_size_are_replaced_and_what_we_do_not_know_survives()
    {
        var session = _stage.Sleeping(Alice);
        var before = _stage.Machines.Find(session.Machine!.Value)!.Config! with { Rest = new() { ["checks"] = JsonDocument.Parse("{\"alive\":{\"port\":1}}").RootElement } };
        _stage.Machines.Reconfigure(session.Machine.Value, before);
        (_stage.Base.Options.Image, _stage.Base.Options.MemoryMb) = (UpgradeStage.After, 1024);

        UpgradeStage.IsAwake(_stage.Wake(_stage.Waker("one"), session));

        var after = _stage.Machines.Find(session.Machine.Value)!.Config!;
        Assert.Equal((UpgradeStage.After, 1024), (after.Image, after.Guest!.MemoryMb));
        Assert.Equal(before.Metadata, after.Metadata);
        Assert.Equal((before.Mounts, before.Env, before.Restart, before.Rest), (after.Mounts, after.Env, after.Restart, after.Rest));
    }

    [Fact]
    public void Machine_that_is_as_it_should_be_costs_its_wake_no_call()
    {
        var session = _stage.Sleeping(Alice);
        var reads = _stage.Machines.CallsOf("lease") + _stage.Machines.CallsOf("update");

        UpgradeStage.IsAwake(_stage.Wake(_stage.Waker("one"), session));

        Assert.Equal(reads, _stage.Machines.CallsOf("lease") + _stage.Machines.CallsOf("update"));
    }

    [Theory]
    [InlineData(nameof(MachinesFailureKind.Invalid))]
    [InlineData(nameof(MachinesFailureKind.Forbidden))]
    [InlineData(nameof(MachinesFailureKind.QuotaExceeded))]
    public void Upgrade_that_the_platform_refuses_leaves_the_old_machine_working_and_is_not_asked_for_at_every_wake(string kind)
    {
        var session = _stage.Sleeping(Alice);
        _stage.Base.Options.Image = UpgradeStage.After;
        _stage.Machines.FailNext("update", Enum.Parse<MachinesFailureKind>(kind), times: 100);
        var waker = _stage.Waker("one");

        UpgradeStage.IsAwake(_stage.Wake(waker, session));
        Sleep(session);
        UpgradeStage.IsAwake(_stage.Wake(waker, session));

        Assert.Equal(UpgradeStage.Before, _stage.ImageOf(session));
        Assert.Equal(1, _stage.Machines.CallsOf("update"));
        Assert.Equal(UpgradeStage.After, _stage.Record(session.Machine!.Value).Make!.Failed!.Wanted.Image);
    }

    [Fact]
    public void Lease_that_somebody_else_holds_for_minutes_puts_the_upgrade_off_and_keeps_nobody_out_for_longer()
    {
        var session = _stage.Sleeping(Alice);
        _stage.Base.Options.Image = UpgradeStage.After;
        var waker = _stage.Waker("one");
        _stage.Base.World.Run(() => _stage.Machines.LeaseAsync(session.App, session.Machine!.Value, TimeSpan.FromMinutes(3), "somebody else", default));

        Assert.IsType<WakeOutcome.Refused>(_stage.Wake(waker, session));
        _stage.Base.World.Pass(TimeSpan.FromMinutes(3), TimeSpan.FromSeconds(10));
        UpgradeStage.IsAwake(_stage.Wake(waker, session));
        Assert.Equal(UpgradeStage.Before, _stage.ImageOf(session));

        Sleep(session);
        _stage.Base.World.Pass(TimeSpan.FromMinutes(11), TimeSpan.FromSeconds(10));
        UpgradeStage.IsAwake(_stage.Wake(waker, session));
        Assert.Equal(UpgradeStage.After, _stage.ImageOf(session));
    }

    [Fact]
    public void Refused_upgrade_is_tried_again_after_its_pause()
    {
        var session = _stage.Sleeping(Alice);
        _stage.Base.Options.Image = UpgradeStage.After;
        _stage.Machines.FailNext("update", MachinesFailureKind.Invalid);
        var waker = _stage.Waker("one");
        UpgradeStage.IsAwake(_stage.Wake(waker, session));
        Sleep(session);

        _stage.Base.World.Pass(TimeSpan.FromMinutes(11), TimeSpan.FromSeconds(10));
        UpgradeStage.IsAwake(_stage.Wake(waker, session));

        Assert.Equal(UpgradeStage.After, _stage.ImageOf(session));
    }

    [Theory]
    [InlineData(nameof(BootBehaviour.Crashes))]
    [InlineData(nameof(BootBehaviour.NeverHealthy))]
    [InlineData(nameof(BootBehaviour.RunsOutOfMemory))]
    public void New_image_that_does_not_boot_goes_back_to_the_old_one(string behaviour)
    {
        var session = _stage.Sleeping(Alice);
        _stage.Base.Options.Image = UpgradeStage.After;
        _stage.Machines.BootsOf(UpgradeStage.After, Enum.Parse<BootBehaviour>(behaviour));
        var waker = _stage.Waker("one");

        Assert.IsType<WakeOutcome.Refused>(_stage.Wake(waker, session));
        _stage.Base.World.Pass(TimeSpan.FromSeconds(2));
        UpgradeStage.IsAwake(_stage.Wake(waker, session));

        Assert.Equal(UpgradeStage.Before, _stage.ImageOf(session));
        Sleep(session);
        UpgradeStage.IsAwake(_stage.Wake(waker, session));
        Assert.Equal(UpgradeStage.Before, _stage.ImageOf(session));
    }

    [Fact]
    public void Machine_given_to_somebody_by_an_operator_is_left_as_it_is()
    {
        var machine = _stage.Machines.Add(_stage.Base.App, "shared-machine", metadata: _stage.Base.Names.SharedMetadata(_stage.Base.App, "shared-machine", Alice));
        var session = new Session { User = Alice, State = SessionState.Assigned, App = _stage.Base.App, Machine = machine.Id };

        UpgradeStage.IsAwake(_stage.Wake(_stage.Waker("one"), session));

        Assert.Equal(0, _stage.Machines.CallsOf("update"));
    }

    [Fact]
    public void Pinned_user_keeps_their_image_and_gets_the_templates_when_the_pin_is_gone()
    {
        var session = _stage.Sleeping(Alice);
        var overrides = new WorkspaceOverrides(_stage.Base.Notes);
        _stage.Base.World.Run(() => overrides.WriteAsync(Alice, new WorkspaceOverride { Image = UpgradeStage.Before }, default));
        _stage.Base.Options.Image = UpgradeStage.After;
        var waker = _stage.Waker("one");

        UpgradeStage.IsAwake(_stage.Wake(waker, session));
        Assert.Equal(UpgradeStage.Before, _stage.ImageOf(session));

        Sleep(session);
        _stage.Base.World.Run(() => overrides.WriteAsync(Alice, new WorkspaceOverride(), default));
        UpgradeStage.IsAwake(_stage.Wake(waker, session));
        Assert.Equal(UpgradeStage.After, _stage.ImageOf(session));
    }

    [Fact]
    public void Old_replica_that_still_runs_during_a_deploy_takes_nobody_back_to_the_old_image()
    {
        var session = _stage.Sleeping(Alice);
        var old = _stage.Waker(new SimulatedReplica("old"), new WorkspaceOptions { Image = UpgradeStage.Before + ".1", NameKey = _stage.Base.Options.NameKey });
        UpgradeStage.IsAwake(_stage.Wake(old, session));
        Sleep(session);
        _stage.Base.Options.Image = UpgradeStage.After;
        UpgradeStage.IsAwake(_stage.Wake(_stage.Waker("new"), session));
        Sleep(session);

        UpgradeStage.IsAwake(_stage.Wake(old, session));

        Assert.Equal(UpgradeStage.After, _stage.ImageOf(session));
        Assert.Equal(2, _stage.Machines.CallsOf("update"));
    }

    /// <summary>As the idle stopper leaves it.</summary>
    private void Sleep(Session session)
    {
        _stage.Machines.StopBehindOurBack(session.Machine!.Value);
        var record = _stage.Record(session.Machine.Value);
        _stage.Base.World.Run(() => _stage.Base.Map.For("idling").WriteAsync(record with { State = MachineRecordState.Asleep, Address = null }, default));
        _stage.Base.World.Pass(TimeSpan.FromSeconds(1));
    }
}
