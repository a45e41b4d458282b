using Gateway.Machines;
using Gateway.Provisioning;
using Gateway.Sessions;
using Gateway.Tests.Simulation;
using Xunit;
using static Gateway.Tests.Provisioning.ProvisioningStage;

namespace Gateway.Tests.Provisioning;

/// <summary>A volume that may have been asked for, by whomever, is looked for until it can appear no more, before another is asked for.</summary>
public sealed class VolumeOnItsWayTests
{
    private readonly ProvisioningStage _stage = new();

    [Fact]
    public void Volume_whose_creation_is_still_on_its_way_is_waited_for()
    {
        var dying = new SimulatedReplica("dying");
        _stage.Machines.Delay("volumes.create", TimeSpan.FromSeconds(8));
        _ = _stage.World.Start(() => _stage.Provisioner(dying).EnsureAssignedAsync(Alice, LongHold, default));
        Assert.Equal(1, _stage.Machines.CallsOf("volumes.create"));
        dying.Die();
        _stage.Persist(_stage.Provisioner("heir"));
        _stage.World.Pass(TimeSpan.FromMinutes(1));

        Assert.Single(_stage.Machines.Volumes);
    }

    [Fact]
    public void Volume_on_its_way_whose_session_a_failover_lost_is_waited_for_by_whoever_takes_its_user_for_new()
    {
        var (before, feed) = (_stage.Map.Snapshot(), _stage.Feed());
        _stage.Machines.Delay("volumes.create", TimeSpan.FromSeconds(8));
        var dying = new SimulatedReplica("dying");
        _ = _stage.World.Start(() => _stage.Provisioner(dying).EnsureAssignedAsync(Alice, LongHold, default));
        Assert.Equal(1, _stage.Machines.CallsOf("volumes.create"));
        dying.Die();
        _stage.Map.RollBack(before, isNewMap: false);
        FailOver(feed);

        _stage.Persist(_stage.Provisioner(new SimulatedReplica("another"), feed));
        _stage.World.Pass(TimeSpan.FromMinutes(1));

        Assert.Single(_stage.Machines.Volumes);
    }

    [Fact]
    public void New_user_waits_for_no_volume_once_a_failover_is_long_over()
    {
        var feed = _stage.Feed();
        FailOver(feed);
        _stage.World.Pass(TimeSpan.FromSeconds(15));
        var asked = _stage.Time.GetUtcNow();

        _stage.Persist(_stage.Provisioner(new SimulatedReplica("a"), feed));

        Assert.Equal(asked, _stage.Machines.Volumes[0].CreatedAt);
    }

    [Fact]
    public void Failover_while_volumes_are_listed_has_them_listed_again_until_none_can_appear()
    {
        var feed = _stage.Feed();
        _stage.Machines.Delay("volumes.list", TimeSpan.FromSeconds(2));
        var making = _stage.World.Start(() => _stage.Provisioner(new SimulatedReplica("a"), feed).EnsureAssignedAsync(Alice, LongHold, default));
        Assert.Equal(1, _stage.Machines.CallsOf("volumes.list"));
        FailOver(feed);
        Appear(TimeSpan.FromSeconds(8));

        _stage.World.Run(() => making);
        _stage.World.Pass(TimeSpan.FromMinutes(1));

        Assert.Single(_stage.Machines.Volumes);
    }

    [Fact]
    public void Creation_that_ends_unclear_after_a_long_wait_may_have_been_sent_until_then()
    {
        _stage.Machines.Delay("volumes.create", TimeSpan.FromSeconds(12));
        _stage.Machines.FailNext("volumes.create", MachinesFailureKind.Ambiguous);
        Appear(TimeSpan.FromSeconds(18));

        _stage.Persist(_stage.Provisioner("a"));
        _stage.World.Pass(TimeSpan.FromMinutes(1));

        Assert.Single(_stage.Machines.Volumes);
    }

    [Fact]
    public void Call_that_waits_for_its_turn_is_cancelled_when_its_claim_is_lost()
    {
        var claim = _stage.World.Run(() => ProvisioningClaim.TryTakeAsync(_stage.Map.For("a"), _stage.Time, "a/1", new Session { User = Alice, State = SessionState.Provisioning, App = _stage.App }, default))!;
        var turn = default(CancellationToken);
        var call = _stage.World.Start(() => claim.DuringAsync(
            async ours =>
            {
                turn = ours;
                await Task.Delay(TimeSpan.FromMinutes(1), _stage.Time, ours);
                return true;
            },
            default));
        _stage.Map.Flush();

        Assert.Throws<ClaimLostException>(() => _stage.World.Run(() => call));

        Assert.True(turn.IsCancellationRequested);
    }

    private static void FailOver(ChangeFeed feed)
    {
        feed.Hear("7|beat|0|");
        feed.Hear("5|beat|0|");
    }

    /// <summary>What somebody else asked for is carried out.</summary>
    private void Appear(TimeSpan after) => _stage.World.Start(async () =>
    {
        await Task.Delay(after, _stage.Time);
        _stage.Machines.AddVolume(_stage.App, _stage.Names.VolumeName(Alice));
    });
}
