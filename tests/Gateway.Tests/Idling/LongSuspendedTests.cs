using Gateway.Idling;
using Gateway.Machines;
using Gateway.Sessions;
using Gateway.Waking;
using Xunit;

namespace Gateway.Tests.Idling;

/// <summary>A suspended machine keeps memory of its host reserved: after a while it is stopped in its sleep.</summary>
public sealed class LongSuspendedTests
{
    private static readonly TimeSpan Moment = TimeSpan.FromSeconds(1);

    [Fact]
    public void Machine_suspended_for_long_is_stopped_by_the_sweep_and_its_next_wake_is_a_cold_start() => IdlingWorld.Run(async world =>
    {
        var one = await SuspendedAsync(world);
        await world.PassAsync(world.Options.SuspendedFor - Moment);
        await one.Sweeper.SweepAsync(CancellationToken.None);
        Assert.Equal((PlatformState.Suspended, 0), (world.State, world.Machines.CallsOf("stop")));

        await world.PassAsync(Moment);
        await one.Sweeper.SweepAsync(CancellationToken.None);
        Assert.Equal((PlatformState.Stopped, 1), (world.State, world.Machines.CallsOf("stop")));
        Assert.Equal((MachineRecordState.Asleep, false, null), (world.Record.State, world.Record.Suspended, world.Record.Lease));
        Assert.Empty(world.Store.Suspended);

        Assert.IsType<WakeOutcome.Awake>(await one.VisitAsync(Moment));
    });

    [Fact]
    public void Time_of_a_suspension_begins_anew_with_each_sleep() => IdlingWorld.Run(async world =>
    {
        var one = await SuspendedAsync(world);
        await world.PassAsync(world.Options.SuspendedFor - Moment);
        await one.VisitAsync(Moment);
        await world.PassAsync(world.Options.IdleAfter);
        Assert.Equal(1, await one.Sweeper.SweepAsync(CancellationToken.None));

        await world.PassAsync(world.Options.SuspendedFor - Moment);
        await one.Sweeper.SweepAsync(CancellationToken.None);

        Assert.Equal((PlatformState.Suspended, 0), (world.State, world.Machines.CallsOf("stop")));
    });

    [Fact]
    public void Request_that_comes_while_the_snapshot_is_given_up_waits_and_wakes_the_machine() => IdlingWorld.Run(async world =>
    {
        var one = await SuspendedAsync(world);
        await world.PassAsync(world.Options.SuspendedFor);
        var sweeping = one.Sweeper.SweepAsync(CancellationToken.None);
        await world.UntilAsync(() => world.State is PlatformState.Stopping);

        Assert.IsType<WakeOutcome.Awake>(await one.VisitAsync(Moment));

        await sweeping;
        Assert.Equal((PlatformState.Started, 1), (world.State, world.Machines.AcceptedStarts(world.Machine)));
        Assert.Empty(one.Cut);
    });

    [Fact]
    public void Machine_that_runs_although_its_record_says_suspended_is_not_stopped() => IdlingWorld.Run(async world =>
    {
        var one = await SuspendedAsync(world);
        await world.PassAsync(world.Options.SuspendedFor);
        world.Machines.SetState(world.Machine, PlatformState.Started);

        await one.Sweeper.SweepAsync(CancellationToken.None);

        Assert.Equal((PlatformState.Started, 0), (world.State, world.Machines.CallsOf("stop")));
        Assert.Equal(MachineRecordState.Waking, world.Record.State);
    });

    [Fact]
    public void Stop_that_the_platform_refuses_is_tried_again_by_the_next_sweep() => IdlingWorld.Run(async world =>
    {
        var one = await SuspendedAsync(world);
        await world.PassAsync(world.Options.SuspendedFor);
        world.Machines.FailNext("stop", MachinesFailureKind.NotYet);
        await one.Sweeper.SweepAsync(CancellationToken.None);
        Assert.Equal((MachineRecordState.Asleep, true), (world.Record.State, world.Record.Suspended));

        await one.Sweeper.SweepAsync(CancellationToken.None);
        Assert.Equal((MachineRecordState.Asleep, false), (world.Record.State, world.Record.Suspended));
    });

    [Fact]
    public void Stop_whose_owner_dies_before_any_of_its_calls_is_finished_by_another()
    {
        for (var step = 1; step <= 12; step++)
        {
            var before = step;
            IdlingWorld.Run(async world =>
            {
                var one = await SuspendedAsync(world);
                var two = await world.ReplicaAsync("two");
                await world.PassAsync(world.Options.SuspendedFor);
                one.Process.DieBefore(one.Process.Steps + before);
                _ = one.LongSuspended.RunAsync(world.Machine, CancellationToken.None);
                await world.PassAsync(TimeSpan.FromMinutes(1));

                await two.Sweeper.SweepAsync(CancellationToken.None);
                await world.PassAsync(TimeSpan.FromMinutes(1));
                await two.Sweeper.SweepAsync(CancellationToken.None);

                Assert.Equal((before, MachineRecordState.Asleep, PlatformState.Stopped), (before, world.Record.State, world.State));
            });
        }
    }

    [Fact]
    public void Stale_entry_of_the_list_is_forgotten() => IdlingWorld.Run(async world =>
    {
        var one = await world.ReplicaAsync("one");
        // A replica of another version woke it.
        world.Store.Suspended[world.Machine] = world.Time.GetUtcNow() - world.Options.SuspendedFor;

        Assert.Equal(IdleStopOutcome.NotAwake, await one.LongSuspended.RunAsync(world.Machine, CancellationToken.None));

        Assert.Empty(world.Store.Suspended);
        Assert.Equal((PlatformState.Started, 0), (world.State, world.Machines.CallsOf("stop")));
    });

    [Fact]
    public void Sweep_looks_only_at_those_whose_time_is_over() => IdlingWorld.Run(async world =>
    {
        var one = await SuspendedAsync(world);
        for (var i = 0; i < 200; i++)
        {
            world.Store.Suspended[new MachineId($"other-{i}")] = world.Time.GetUtcNow();
        }

        var before = one.Process.Steps;
        await one.Sweeper.SweepAsync(CancellationToken.None);

        Assert.InRange(one.Process.Steps - before, 1, 5);
    });

    /// <summary>A machine that just went to sleep, and a map that is settled.</summary>
    private static async Task<IdlingReplica> SuspendedAsync(IdlingWorld world)
    {
        world.Options.SuspendedFor = TimeSpan.FromMinutes(10);
        (world.Options.IdleAfter, world.Options.AttachedFor, world.Options.ReplicaLease) = (TimeSpan.FromMinutes(2), TimeSpan.FromMinutes(4), TimeSpan.FromMinutes(2));
        var one = await world.ReplicaAsync("one");
        await world.PassAsync(world.Options.ReplicaLease);
        Assert.Equal(1, await one.Sweeper.SweepAsync(CancellationToken.None));
        Assert.Equal((PlatformState.Suspended, true), (world.State, world.Record.Suspended));
        return one;
    }
}
