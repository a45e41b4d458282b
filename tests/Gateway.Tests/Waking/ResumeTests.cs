using Gateway.Machines;
using Gateway.Sessions;
using Gateway.Tests.Simulation;
using Gateway.Waking;
using Xunit;

namespace Gateway.Tests.Waking;

/// <summary>A resume that comes to nothing costs its user the time of a cold start, and never the wake.</summary>
public sealed class ResumeTests
{
    [Fact]
    public void Resume_that_hangs_is_ended_and_started_cold_in_the_same_wake() => WakingWorld.Run(async world =>
    {
        await SuspendAsync(world);
        world.Machines.NextBoots(world.Machine, BootBehaviour.HealthyWhenCold);

        var replica = world.Replica();

        var awake = Assert.IsType<WakeOutcome.Awake>(await replica.WakeAsync());

        Assert.Equal((1, 2), (world.Machines.CallsOf("stop"), world.Machines.AcceptedStarts(world.Machine)));
        // A boot of its own, so that no connection to the resumed process is used again.
        Assert.Equal([replica.Probe.Boots[0], awake.Boot], replica.Probe.Boots);
        Assert.Equal(awake.Boot, world.Record!.Boot);
        Assert.Equal((MachineRecordState.Awake, false, null), (world.Record.State, world.Record.Suspended, world.Record.Failure));
    });

    [Fact]
    public void Process_that_ends_when_it_is_resumed_is_started_cold_in_the_same_wake() => WakingWorld.Run(async world =>
    {
        await SuspendAsync(world);
        world.Machines.NextBoots(world.Machine, BootBehaviour.HealthyWhenCold);
        var replica = world.Replica();
        var waking = replica.WakeAsync();
        await UntilAsync(world, () => world.Machines.Find(world.Machine)!.State is PlatformState.Started);

        world.Machines.Exit(world.Machine, 1);

        Assert.Equal([replica.Probe.Boots[0], Assert.IsType<WakeOutcome.Awake>(await waking).Boot], replica.Probe.Boots);
        Assert.Equal(2, world.Machines.AcceptedStarts(world.Machine));
    });

    [Fact]
    public void Process_that_the_platform_started_again_by_itself_is_not_ended() => WakingWorld.Run(async world =>
    {
        await SuspendAsync(world);
        world.Machines.ReadyDelay = TimeSpan.FromSeconds(5);
        var replica = new SimulatedReplica("one");
        replica.OnCall = call =>
        {
            // Between the end that was seen and what is done about it.
            if (call == "lease" && world.Machines.Find(world.Machine)!.State is PlatformState.Stopped)
            {
                _ = world.Machines.StartAsync(WakingWorld.App, world.Machine, null, CancellationToken.None);
            }
        };
        var waking = world.Replica(replica: replica).WakeAsync();
        await UntilAsync(world, () => world.Machines.Find(world.Machine)!.State is PlatformState.Started);

        world.Machines.Exit(world.Machine, 1);

        Assert.IsType<WakeOutcome.Awake>(await waking);
        Assert.Equal(0, world.Machines.CallsOf("stop"));
    });

    [Fact]
    public void Resume_that_takes_its_time_within_the_limit_is_left_to_it() => WakingWorld.Run(async world =>
    {
        await SuspendAsync(world);
        world.Machines.ReadyDelay = world.Options.ResumeLimit - TimeSpan.FromSeconds(2);

        var replica = world.Replica();

        Assert.Equal([Assert.IsType<WakeOutcome.Awake>(await replica.WakeAsync()).Boot], replica.Probe.Boots);
        Assert.Equal((0, 1), (world.Machines.CallsOf("stop"), world.Machines.AcceptedStarts(world.Machine)));
    });

    [Fact]
    public void Cold_start_after_a_resume_has_the_time_of_a_boot() => WakingWorld.Run(async world =>
    {
        await SuspendAsync(world);
        world.Machines.NextBoots(world.Machine, BootBehaviour.HealthyWhenCold);
        world.Machines.ReadyDelay = world.Options.ResumeLimit * 2;

        var replica = world.Replica();
        var awake = Assert.IsType<WakeOutcome.Awake>(await replica.WakeAsync(hold: TimeSpan.FromMinutes(2)));

        Assert.Equal([replica.Probe.Boots[0], awake.Boot], replica.Probe.Boots);
        Assert.Equal(1, world.Machines.CallsOf("stop"));
    });

    [Fact]
    public void Machine_that_this_replica_alone_does_not_reach_is_not_ended() => WakingWorld.Run(async world =>
    {
        await SuspendAsync(world);
        var cutOff = world.Replica();
        cutOff.Probe.Unreachable = true;

        Assert.Equal(WakeRefusal.NeverHealthy, Assert.IsType<WakeOutcome.Refused>(await cutOff.WakeAsync(hold: TimeSpan.FromMinutes(2))).Reason);
        Assert.Equal((0, PlatformState.Started), (world.Machines.CallsOf("stop"), world.Machines.Find(world.Machine)!.State));
    });

    [Fact]
    public void Machine_that_this_replica_does_not_reach_any_more_is_not_ended() => WakingWorld.Run(async world =>
    {
        await SuspendAsync(world);
        world.Machines.ReadyDelay = world.Options.ResumeLimit / 2;
        var cutOff = world.Replica();
        var waking = cutOff.WakeAsync(hold: TimeSpan.FromMinutes(2));
        await UntilAsync(world, () => cutOff.Probe.Connected);
        cutOff.Probe.Unreachable = true;

        Assert.Equal(WakeRefusal.NeverHealthy, Assert.IsType<WakeOutcome.Refused>(await waking).Reason);
        Assert.Equal((0, PlatformState.Started), (world.Machines.CallsOf("stop"), world.Machines.Find(world.Machine)!.State));
    });

    [Fact]
    public void Machine_that_the_platform_does_not_show_is_not_ended() => WakingWorld.Run(async world =>
    {
        await SuspendAsync(world);
        world.Machines.NextBoots(world.Machine, BootBehaviour.HealthyWhenCold);
        var replica = new SimulatedReplica("one");
        var looksUnderItsLease = false;
        replica.OnCall = call =>
        {
            looksUnderItsLease |= call == "lease";
            if (looksUnderItsLease && call == "get")
            {
                world.Machines.FailNext("get", MachinesFailureKind.Unavailable);
            }
        };

        await world.Replica(replica: replica).WakeAsync(hold: TimeSpan.FromMinutes(2));

        Assert.True(looksUnderItsLease);
        Assert.Equal((0, PlatformState.Started), (world.Machines.CallsOf("stop"), world.Machines.Find(world.Machine)!.State));
    });

    [Fact]
    public void Machine_that_fails_cold_too_is_refused_with_that_reason() => WakingWorld.Run(async world =>
    {
        await SuspendAsync(world);
        world.Machines.NextBoots(world.Machine, BootBehaviour.Crashes);

        Assert.Equal(WakeRefusal.Crashed, Assert.IsType<WakeOutcome.Refused>(await world.Replica().WakeAsync(hold: TimeSpan.FromMinutes(2))).Reason);
        Assert.Equal(2, world.Machines.AcceptedStarts(world.Machine));
    });

    [Fact]
    public void Platform_that_says_nothing_at_first_does_not_use_up_the_time_of_a_resume() => WakingWorld.Run(async world =>
    {
        await SuspendAsync(world);
        world.Machines.Delay("get", world.Options.ResumeLimit * 1.5);

        Assert.IsType<WakeOutcome.Awake>(await world.Replica().WakeAsync());
        Assert.Equal(0, world.Machines.CallsOf("stop"));
    });

    [Fact]
    public void Machine_that_comes_up_while_its_end_is_prepared_is_left_alone() => WakingWorld.Run(async world =>
    {
        await SuspendAsync(world);
        world.Machines.ReadyDelay = world.Options.ResumeLimit + TimeSpan.FromSeconds(4);
        var replica = world.Replica();
        var waking = replica.WakeAsync(hold: TimeSpan.FromMinutes(2));
        await UntilAsync(world, () => world.Machines.Find(world.Machine)!.State is PlatformState.Started);
        // Somebody who died has the platform's lease for some more seconds.
        await world.PlatformLeaseAsync(world.Options.ResumeLimit + TimeSpan.FromSeconds(8));

        Assert.Equal([Assert.IsType<WakeOutcome.Awake>(await waking).Boot], replica.Probe.Boots);
        Assert.Equal(0, world.Machines.CallsOf("stop"));
    });

    [Fact]
    public void Fallback_whose_owner_dies_before_any_of_its_calls_is_finished_by_another()
    {
        for (var step = 1; step <= 24; step++)
        {
            var before = step;
            WakingWorld.Run(async world =>
            {
                await SuspendAsync(world);
                world.Machines.NextBoots(world.Machine, BootBehaviour.HealthyWhenCold);
                var dies = new SimulatedReplica("one");
                dies.DieBefore(before);
                _ = world.Replica(replica: dies).WakeAsync();

                var awake = Assert.IsType<WakeOutcome.Awake>(await world.Replica("two").WakeAsync(hold: TimeSpan.FromMinutes(2)));

                Assert.Equal((before, MachineRecordState.Awake, awake.Boot), (before, world.Record!.State, world.Record.Boot));
            });
        }
    }

    /// <summary>Asleep after its first boot.</summary>
    private static async Task SuspendAsync(WakingWorld world)
    {
        world.Machines.SetState(world.Machine, PlatformState.Suspended);
        await world.Map.For("other").WriteAsync(
            new MachineRecord { Machine = world.Machine, App = WakingWorld.App, State = MachineRecordState.Asleep, Suspended = true, Boot = 1 }, CancellationToken.None);
    }

    private static async Task UntilAsync(WakingWorld world, Func<bool> so)
    {
        while (!so())
        {
            await Task.Delay(TimeSpan.FromMilliseconds(10), world.Time);
        }
    }
}
