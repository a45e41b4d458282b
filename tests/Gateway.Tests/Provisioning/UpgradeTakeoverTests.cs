using Gateway.Provisioning;
using Gateway.Sessions;
using Gateway.Tests.Simulation;
using Xunit;
using static Gateway.Tests.Provisioning.ProvisioningStage;

namespace Gateway.Tests.Provisioning;

/// <summary>The replica that upgrades dies, or sleeps, between any two of its calls: another one finishes, and the late one does no harm.</summary>
public sealed class UpgradeTakeoverTests
{
    [Fact]
    public void Owner_that_dies_between_any_two_steps_is_succeeded_by_the_next_wake()
    {
        var steps = StepsOfAnUpgrade();
        for (var step = 1; step <= steps; step++)
        {
            foreach (var before in new[] { true, false })
            {
                var stage = new UpgradeStage();
                var session = stage.Sleeping(Alice);
                stage.Base.Options.Image = UpgradeStage.After;
                var dying = new SimulatedReplica("dying");
                if (before)
                {
                    dying.DieBefore(step);
                }
                else
                {
                    dying.DieAfter(step);
                }

                _ = stage.Base.World.Start(() => stage.Upgrade(dying).RunAsync(stage.Record(session.Machine!.Value), insist: false, default));
                stage.Base.World.Pass(TimeSpan.FromSeconds(1));
                var outcome = stage.Wake(stage.Waker("next"), session);

                UpgradeStage.IsAwake(outcome);
                Assert.True(stage.ImageOf(session) == UpgradeStage.After, $"step {step}, before {before}: {stage.ImageOf(session)}");
                Assert.True(stage.Record(session.Machine!.Value) is { State: MachineRecordState.Awake, Lease: null }, $"step {step}, before {before}");
                Assert.True(stage.Machines.CallsOf("update") <= 2 && stage.Machines.AcceptedStarts(session.Machine.Value) == 2, $"step {step}, before {before}");
            }
        }
    }

    [Fact]
    public void Owner_that_is_paused_for_twenty_seconds_at_any_step_does_no_harm_when_it_goes_on()
    {
        var steps = StepsOfAnUpgrade();
        for (var step = 1; step <= steps; step++)
        {
            var stage = new UpgradeStage();
            var session = stage.Sleeping(Alice);
            stage.Base.Options.Image = UpgradeStage.After;
            var paused = new SimulatedReplica("paused");
            var calls = 0;
            paused.OnCall = _ =>
            {
                if (++calls == step)
                {
                    paused.Pause();
                }
            };

            var late = stage.Base.World.Start(() => stage.Upgrade(paused).RunAsync(stage.Record(session.Machine!.Value), insist: false, default));
            var wake = stage.Base.World.Start(() => stage.StartWake(stage.Waker("next"), session));
            stage.Base.World.Pass(TimeSpan.FromSeconds(20));
            paused.Resume();
            stage.Base.World.Pass(TimeSpan.FromSeconds(60));

            Assert.True(wake.IsCompleted && late.IsCompleted, $"step {step}");
            UpgradeStage.IsAwake(stage.Base.World.Run(() => wake));
            Assert.True(stage.Machines.IsReady(session.Machine!.Value), $"step {step}: the late owner took the machine down");
            Assert.True(stage.Record(session.Machine.Value).State is MachineRecordState.Awake, $"step {step}: {stage.Record(session.Machine.Value).State}");
        }
    }

    [Fact]
    public void Wake_during_an_upgrade_waits_for_it()
    {
        var stage = new UpgradeStage();
        var session = stage.Sleeping(Alice);
        stage.Base.Options.Image = UpgradeStage.After;

        var upgrade = stage.Base.World.Start(() => stage.Upgrade(new SimulatedReplica("one")).RunAsync(stage.Record(session.Machine!.Value), insist: false, default));
        stage.Base.World.Pass(TimeSpan.FromMilliseconds(100));
        UpgradeStage.IsAwake(stage.Wake(stage.Waker("two"), session));

        Assert.Equal(UpgradeResult.Upgraded, stage.Base.World.Run(() => upgrade).Result);
        Assert.Equal(1, stage.Machines.CallsOf("update"));
        Assert.Equal(UpgradeStage.After, stage.ImageOf(session));
    }

    private static int StepsOfAnUpgrade()
    {
        var stage = new UpgradeStage();
        var session = stage.Sleeping(Alice);
        stage.Base.Options.Image = UpgradeStage.After;
        var replica = new SimulatedReplica("one");
        Assert.Equal(UpgradeResult.Upgraded, stage.Run(replica, session.Machine!.Value).Result);
        return replica.Steps;
    }
}
