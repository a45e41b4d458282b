using Gateway.Machines;
using Gateway.Sessions;
using Gateway.Tests.Simulation;
using Gateway.Waking;
using Xunit;

namespace Gateway.Tests.Waking;

/// <summary>A machine whose stop was left half-way is woken only once the platform has refused whoever began it; until then it stays one that somebody may be stopping.</summary>
public sealed class StoppingTakeoverTests
{
    private static readonly TimeSpan Long = TimeSpan.FromMinutes(5);
    private static readonly TimeSpan PlatformLease = TimeSpan.FromSeconds(10);

    [Fact]
    public void Platform_that_answers_nothing_in_time_is_no_failure_of_the_machine() => WakingWorld.Run(async world =>
    {
        await world.WriteRecordAsync(MachineRecordState.Stopping);
        world.Machines.Delay("lease", world.Options.WakeLimit * 2);

        var refused = Assert.IsType<WakeOutcome.Refused>(await world.Replica().WakeAsync(hold: Long));

        Assert.Equal(WakeRefusal.PlatformUnavailable, refused.Reason);
        Assert.Equal((MachineRecordState.Stopping, null), (world.Record!.State, world.Record.Failure));
        Assert.Null(world.Record.Lease);
    });

    [Fact]
    public void Wake_that_dies_before_the_platform_refuses_the_late_stop_leaves_that_to_the_next_one() => WakingWorld.Run(async world =>
    {
        await world.Machines.StartAsync(WakingWorld.App, world.Machine, null, CancellationToken.None);
        await world.WriteRecordAsync(MachineRecordState.Stopping);
        var dying = new SimulatedReplica("dying");
        dying.OnCall = call =>
        {
            if (call == "lease")
            {
                dying.Die();
            }
        };
        _ = world.Replica(replica: dying).WakeAsync(hold: Long);
        await dying.Died.WaitAsync(Long, world.Time);
        var late = await world.PlatformLeaseAsync(PlatformLease);

        Assert.IsType<WakeOutcome.Awake>(await world.Replica("two").WakeAsync(hold: Long));

        Assert.Equal(MachinesFailureKind.LeaseHeld, await world.LateStopAsync(late));
    });

    [Fact]
    public void Host_that_does_not_answer_is_named_at_once() => WakingWorld.Run(async world =>
    {
        await world.WriteRecordAsync(MachineRecordState.Stopping);
        world.Machines.HostUnreachable(world.Machine);
        var began = world.Time.GetUtcNow();

        var refused = Assert.IsType<WakeOutcome.Refused>(await world.Replica().WakeAsync(hold: Long));

        Assert.Equal(WakeRefusal.HostUnreachable, refused.Reason);
        Assert.InRange(world.Time.GetUtcNow() - began, TimeSpan.Zero, TimeSpan.FromSeconds(1));
        Assert.Equal(MachineRecordState.Stopping, world.Record!.State);
    });

    [Fact]
    public void Lease_that_is_given_back_slowly_keeps_nobody_from_a_machine_that_runs() => WakingWorld.Run(async world =>
    {
        await world.Machines.StartAsync(WakingWorld.App, world.Machine, null, CancellationToken.None);
        await world.WriteRecordAsync(MachineRecordState.Stopping);
        world.Machines.Delay("release", TimeSpan.FromMinutes(1));
        var began = world.Time.GetUtcNow();

        Assert.IsType<WakeOutcome.Awake>(await world.Replica().WakeAsync(hold: Long));

        Assert.InRange(world.Time.GetUtcNow() - began, TimeSpan.Zero, TimeSpan.FromSeconds(5));
    });

    [Fact]
    public void Lease_that_comes_too_late_for_a_boot_is_no_failure_of_the_machine() => WakingWorld.Run(async world =>
    {
        await world.WriteRecordAsync(MachineRecordState.Stopping);
        await world.PlatformLeaseAsync(TimeSpan.FromSeconds(100));
        world.Machines.ReadyDelay = TimeSpan.FromSeconds(30);

        var refused = Assert.IsType<WakeOutcome.Refused>(await world.Replica().WakeAsync(hold: Long));

        Assert.Equal(WakeRefusal.PlatformUnavailable, refused.Reason);
        Assert.Equal((MachineRecordState.Stopping, null), (world.Record!.State, world.Record.Failure));
    });

    [Fact]
    public void Lease_that_could_not_be_given_back_does_not_keep_a_frozen_process_alive() => WakingWorld.Run(async world =>
    {
        world.Machines.SetState(world.Machine, PlatformState.Suspended);
        world.Machines.NextBoots(world.Machine, BootBehaviour.HealthyWhenCold);
        await world.Map.For("other").WriteAsync(
            new MachineRecord { Machine = world.Machine, App = WakingWorld.App, State = MachineRecordState.Asleep, Boot = 1, Suspended = true }, CancellationToken.None);
        world.Machines.Delay("release", TimeSpan.FromSeconds(3));

        Assert.IsType<WakeOutcome.Awake>(await world.Replica().WakeAsync(hold: Long));
    });
}
