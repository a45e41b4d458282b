using System.Text.Json;
using Gateway.Idling;
using Gateway.Machines;
using Gateway.Sessions;
using Gateway.Waking;
using Xunit;

namespace Gateway.Tests.Idling;

/// <summary>Stops by consent while replicas sweep, pause, are cut off, and serve requests, over the real waker.</summary>
public sealed class IdleStopStories
{
    private static readonly TimeSpan Moment = TimeSpan.FromSeconds(1);

    [Fact]
    public void Machine_called_failed_that_runs_all_the_same_is_put_to_sleep_when_its_pause_is_over() => IdlingWorld.Run(async world =>
    {
        var one = await world.ReplicaAsync("one");
        await world.WriteAsync(MachineRecordState.Failed, failure: new RecordFailure("never_healthy", "It gave no good answer.", 1, world.Time.GetUtcNow() + TimeSpan.FromMinutes(1)));
        Assert.Equal(IdleStopOutcome.NotAwake, await one.StopAsync());

        await world.PassAsync(TimeSpan.FromMinutes(1));

        Assert.Equal(IdleStopOutcome.Asleep, await one.StopAsync());
        Assert.Equal((PlatformState.Suspended, MachineRecordState.Asleep), (world.State, world.Record.State));
    });

    [Fact]
    public void Two_sweepers_at_once_stop_a_machine_once() => IdlingWorld.Run(async world =>
    {
        var (one, two, _) = await world.ThreeAsync();

        var outcomes = await Task.WhenAll(one.StopAsync(), two.StopAsync());

        Assert.Equal([IdleStopOutcome.Asleep, IdleStopOutcome.NotAwake], outcomes.Order());
        Assert.Equal(1, world.Machines.CallsOf("suspend"));
        Assert.Equal((MachineRecordState.Asleep, null), (world.Record.State, world.Record.Lease));
    });

    [Theory]
    [InlineData(512, "", true, "suspend")]
    [InlineData(2048, "", true, "suspend")]
    [InlineData(2304, "", true, "stop")]
    [InlineData(512, "swap", true, "stop")]
    [InlineData(512, "schedule", true, "stop")]
    [InlineData(512, "", false, "stop")]
    public void Machine_is_suspended_where_it_allows_that_and_stopped_otherwise(int memory, string with, bool allowed, string call) => IdlingWorld.Run(async world =>
    {
        world.Options.Suspend = allowed;
        var yes = JsonSerializer.SerializeToElement(512);
        world.Machines.Configure(world.Machine, config => config with
        {
            Guest = new MachineGuest { MemoryMb = memory },
            Init = with == "swap" ? new MachineInit { Rest = new() { ["swap_size_mb"] = yes } } : null,
            Rest = with == "schedule" ? new() { ["schedule"] = yes } : null,
        });
        var one = await world.ReplicaAsync("one");

        Assert.Equal(IdleStopOutcome.Asleep, await one.StopAsync());
        Assert.Equal((1, call == "suspend"), (world.Machines.CallsOf(call), world.Record.Suspended));
        Assert.Equal(1, world.Machines.CallsOf("suspend") + world.Machines.CallsOf("stop"));
    });

    [Fact]
    public void Machine_whose_suspend_the_platform_refuses_is_stopped() => IdlingWorld.Run(async world =>
    {
        world.Machines.FailNext("suspend", MachinesFailureKind.Invalid);
        var one = await world.ReplicaAsync("one");

        Assert.Equal(IdleStopOutcome.Asleep, await one.StopAsync());
        Assert.Equal((PlatformState.Stopped, false), (world.State, world.Record.Suspended));
    });

    [Fact]
    public void One_replica_sweeps_at_a_time_and_another_takes_over_when_it_dies() => IdlingWorld.Run(async world =>
    {
        world.Options.ReplicaLease = TimeSpan.FromMinutes(2);
        var (one, two, three) = await world.ThreeAsync();
        await world.PassAsync(world.Options.ReplicaLease);
        Assert.Equal(1, await one.Sweeper.SweepAsync(CancellationToken.None));
        Assert.Equal(0, await two.Sweeper.SweepAsync(CancellationToken.None));

        one.Process.Die();
        await two.VisitAsync(Moment);
        _ = two.SweepForEverAsync();
        _ = three.SweepForEverAsync();
        await world.UntilAsync(() => world.Record.State is MachineRecordState.Asleep);
        Assert.Equal(2, world.Machines.CallsOf("suspend"));
    });

    [Fact]
    public void New_map_is_left_alone_for_one_lease() => IdlingWorld.Run(async world =>
    {
        var one = await world.ReplicaAsync("one");
        await world.PassAsync(world.Options.ReplicaLease - Moment);
        Assert.Equal(0, await one.Sweeper.SweepAsync(CancellationToken.None));

        await world.PassAsync(Moment);
        Assert.Equal(1, await one.Sweeper.SweepAsync(CancellationToken.None));
    });

    [Fact]
    public void Sockets_closed_for_a_stop_do_not_put_it_off() => IdlingWorld.Run(async world =>
    {
        world.Options.AttachedFor = TimeSpan.FromMinutes(20);
        var one = await world.ReplicaAsync("one");
        var socket = one.Visits.Open(world.Machine, socket: true, counts: true);
        socket.Traffic.SocketOpened();
        await world.PassAsync(world.Options.AttachedFor + Moment);
        one.Sockets.Closing = () => socket.Dispose();

        Assert.Equal(IdleStopOutcome.Asleep, await one.StopAsync());
    });

    [Fact]
    public void Answers_cut_for_a_stop_do_not_put_it_off() => IdlingWorld.Run(async world =>
    {
        world.Options.AttachedFor = TimeSpan.FromMinutes(20);
        var one = await world.ReplicaAsync("one");
        var stream = one.Visits.Open(world.Machine, socket: false, counts: true);
        stream.Traffic.AnswerBegan();
        await world.PassAsync(world.Options.AttachedFor + Moment);
        one.Sockets.Closing = () => stream.Dispose();

        Assert.Equal(IdleStopOutcome.Asleep, await one.StopAsync());
    });

    [Fact]
    public void Work_through_one_replica_keeps_what_is_attached_through_another() => IdlingWorld.Run(async world =>
    {
        world.Options.AttachedFor = world.Options.IdleAfter + TimeSpan.FromMinutes(3);
        var (one, two, _) = await world.ThreeAsync();
        using var socket = one.Visits.Open(world.Machine, socket: true, counts: true);
        socket.Traffic.SocketOpened();
        await world.PassAsync(TimeSpan.FromMinutes(10));
        await two.VisitAsync(Moment);
        await two.Reports.ReportAsync(CancellationToken.None);
        await world.PassAsync(world.Options.IdleAfter + TimeSpan.FromMinutes(1));
        await one.Reports.ReportAsync(CancellationToken.None);

        Assert.Equal(IdleStopOutcome.Abandoned, await two.StopAsync());
    });

    [Fact]
    public void Poll_in_progress_is_waited_for() => IdlingWorld.Run(async world =>
    {
        var (one, two, _) = await world.ThreeAsync();
        var poll = two.Visits.Open(world.Machine, socket: false, counts: false);
        var stopping = one.StopAsync();
        await world.PassAsync(Moment);
        Assert.Equal(MachineRecordState.Draining, world.Record.State);

        poll.Dispose();

        Assert.Equal(IdleStopOutcome.Asleep, await stopping);
    });

    [Fact]
    public void Poll_that_does_not_end_stands_against_the_stop() => IdlingWorld.Run(async world =>
    {
        var (one, two, _) = await world.ThreeAsync();
        using var poll = two.Visits.Open(world.Machine, socket: false, counts: false);

        Assert.Equal(IdleStopOutcome.Abandoned, await one.StopAsync());
        Assert.False(two.Visits.Of(world.Machine)!.GateIsClosed);
    });

    [Fact]
    public void Request_while_consents_are_gathered_wins_the_machine_back() => IdlingWorld.Run(async world =>
    {
        var (one, two, three) = await world.ThreeAsync();
        three.View.Deaf = true;
        var stopping = one.StopAsync();
        await world.UntilAsync(() => two.Visits.Of(world.Machine) is { GateIsClosed: true });

        var visiting = two.VisitAsync(TimeSpan.FromMinutes(1));

        Assert.Equal(IdleStopOutcome.Abandoned, await stopping);
        Assert.True(Assert.IsType<WakeOutcome.Awake>(await visiting).Led);
        Assert.Equal(MachineRecordState.Awake, world.Record.State);
        Assert.Equal(0, world.Machines.CallsOf("suspend"));
        Assert.False(two.Visits.Of(world.Machine)!.GateIsClosed);
        Assert.Empty(two.Cut);
    });

    [Fact]
    public void Request_that_finds_the_machine_stopping_waits_for_its_sleep_and_wakes_it() => IdlingWorld.Run(async world =>
    {
        world.Machines.SuspendDelay = TimeSpan.FromSeconds(12);
        var (one, two, _) = await world.ThreeAsync();
        var boot = world.Record.Boot;
        var stopping = one.StopAsync();
        await world.UntilAsync(() => world.State is PlatformState.Suspending);

        Assert.IsType<WakeOutcome.Awake>(await two.VisitAsync(Moment));

        Assert.Equal(IdleStopOutcome.Asleep, await stopping);
        Assert.Equal(1, world.Machines.AcceptedStarts(world.Machine));
        Assert.True(world.Record.Boot > boot);
        Assert.Empty(two.Cut);
    });

    [Fact]
    public void Stop_that_is_abandoned_leaves_the_machine_to_the_next_sweep() => IdlingWorld.Run(async world =>
    {
        var (one, _, three) = await world.ThreeAsync();
        three.View.Deaf = true;
        Assert.Equal(IdleStopOutcome.Abandoned, await one.StopAsync());
        Assert.Equal((MachineRecordState.Awake, null), (world.Record.State, world.Record.Lease));

        three.View.Deaf = false;
        Assert.Equal(IdleStopOutcome.Asleep, await one.StopAsync());
    });

    [Fact]
    public void Replica_cut_off_from_the_map_is_waited_for_until_its_lease_is_over() => IdlingWorld.Run(async world =>
    {
        var (one, _, three) = await world.ThreeAsync();
        three.Process.MapUnavailable = true;
        await world.PassAsync(world.Options.ReplicaLease - TimeSpan.FromMinutes(1));
        Assert.Equal(IdleStopOutcome.Abandoned, await one.StopAsync());

        await world.PassAsync(TimeSpan.FromMinutes(1));
        Assert.Equal(IdleStopOutcome.Asleep, await one.StopAsync());
    });

    [Fact]
    public void Visit_on_a_replica_that_consented_and_was_cut_off_then_is_refused_rather_than_cut() => IdlingWorld.Run(async world =>
    {
        var (one, two, _) = await world.ThreeAsync();
        world.Machines.Delay("lease", TimeSpan.FromSeconds(3));
        var stopping = one.StopAsync();
        await world.UntilAsync(() => world.Record.State is MachineRecordState.Stopping);
        two.Process.MapUnavailable = true;

        var outcome = await two.VisitAsync(TimeSpan.FromMinutes(1));

        Assert.Equal(WakeRefusal.MapUnavailable, Assert.IsType<WakeOutcome.Refused>(outcome).Reason);
        Assert.Equal(IdleStopOutcome.Asleep, await stopping);
        Assert.Empty(two.Cut);
    });

    [Fact]
    public void Paused_replica_gives_no_consent() => IdlingWorld.Run(async world =>
    {
        var (one, _, three) = await world.ThreeAsync();
        three.Process.Pause();

        Assert.Equal(IdleStopOutcome.Abandoned, await one.StopAsync());
    });

    [Fact]
    public void Sweeper_paused_while_it_gathered_consents_does_not_act_on_them_any_more() => IdlingWorld.Run(async world =>
    {
        var (one, two, _) = await world.ThreeAsync();
        one.Process.OnCall = call => Pause(one, call == "visits.question");
        var stopping = one.StopAsync();
        await world.PassAsync(TimeSpan.FromMinutes(2));
        var visiting = two.VisitAsync(TimeSpan.FromMinutes(1));
        await world.PassAsync(Moment);
        one.Process.Resume();

        Assert.Equal(IdleStopOutcome.Abandoned, await stopping);
        await visiting;
        Assert.Empty(two.Cut);
        Assert.Equal(0, world.Machines.CallsOf("suspend"));
    });

    [Fact]
    public void Sweeper_paused_while_the_platform_gave_its_lease_does_not_say_that_it_stops() => IdlingWorld.Run(async world =>
    {
        var (one, _, _) = await world.ThreeAsync();
        one.Process.OnCall = call => Pause(one, call == "lease");
        var written = new List<MachineRecordState>();
        world.Map.MachineWritten += record => written.Add(record.State);
        var stopping = one.StopAsync();
        await world.PassAsync(TimeSpan.FromMinutes(2));
        one.Process.OnCall = null;
        one.Process.Resume();

        Assert.Equal(IdleStopOutcome.Failed, await stopping);
        Assert.Equal([MachineRecordState.Draining, MachineRecordState.Awake], written);
    });

    [Fact]
    public void Late_stop_of_a_paused_owner_is_refused_by_the_platform() => IdlingWorld.Run(async world =>
    {
        var (one, two, _) = await world.ThreeAsync();
        one.Process.OnCall = call => Pause(one, call == "suspend");
        var stopping = one.StopAsync();
        await world.UntilAsync(() => world.Machines.CallsOf("get") > 0);

        var visiting = two.VisitAsync(TimeSpan.FromMinutes(2));
        await world.PassAsync(TimeSpan.FromSeconds(40));
        Assert.Equal(MachineRecordState.Awake, world.Record.State);
        one.Process.OnCall = null;
        one.Process.Resume();

        Assert.NotEqual(IdleStopOutcome.Asleep, await stopping);
        Assert.IsType<WakeOutcome.Awake>(await visiting);
        Assert.Equal(PlatformState.Started, world.State);
        Assert.Empty(two.Cut);
    });

    [Fact]
    public void Sweep_that_takes_over_a_stop_writes_the_truth_and_stops_nothing() => IdlingWorld.Run(async world =>
    {
        var (one, two, _) = await world.ThreeAsync();
        one.Process.OnCall = call => Pause(one, call == "suspend");
        var stopping = one.StopAsync();
        await world.PassAsync(TimeSpan.FromSeconds(20));

        Assert.Equal(IdleStopOutcome.Failed, await two.StopAsync());
        Assert.Equal((MachineRecordState.Waking, 0), (world.Record.State, world.Machines.CallsOf("stop")));
        one.Process.OnCall = null;
        one.Process.Resume();
        await stopping;
        Assert.Equal(PlatformState.Started, world.State);
    });

    [Fact]
    public void Machine_that_cannot_be_read_after_its_stop_is_not_called_awake() => IdlingWorld.Run(async world =>
    {
        var (one, two, _) = await world.ThreeAsync();
        one.Process.OnCall = call => FailReads(world, call == "wait");

        Assert.Equal(IdleStopOutcome.Failed, await one.StopAsync());
        Assert.Equal((MachineRecordState.Stopping, null), (world.Record.State, world.Record.Lease));

        one.Process.OnCall = null;
        Assert.Equal(IdleStopOutcome.Asleep, await two.StopAsync());
        Assert.True(world.Record.Suspended);
    });

    [Fact]
    public void Machine_of_which_something_was_reported_meanwhile_is_not_stopped() => IdlingWorld.Run(async world =>
    {
        var (one, two, _) = await world.ThreeAsync();
        one.Process.OnCall = call => ReportLate(world, call == "visits.question");

        Assert.Equal(IdleStopOutcome.Abandoned, await one.StopAsync());
        Assert.Equal(MachineRecordState.Awake, world.Record.State);
        Assert.NotNull(two);
    });

    [Fact]
    public void Lease_that_somebody_else_holds_for_minutes_leaves_the_machine_awake_until_it_ends() => IdlingWorld.Run(async world =>
    {
        var (one, two, _) = await world.ThreeAsync();
        await world.Machines.LeaseAsync(IdlingWorld.App, world.Machine, TimeSpan.FromMinutes(5), "somebody else", CancellationToken.None);

        Assert.Equal(IdleStopOutcome.Failed, await one.StopAsync());
        Assert.Equal((MachineRecordState.Awake, null), (world.Record.State, world.Record.Lease));
        Assert.False(await two.VisitAsync(Moment) is WakeOutcome.Refused);
        Assert.Empty(two.Cut);
        Assert.Equal((PlatformState.Started, 0), (world.State, world.Machines.CallsOf("start")));

        await world.PassAsync(world.Options.IdleAfter);
        Assert.Equal(IdleStopOutcome.Asleep, await one.StopAsync());
    });

    [Fact]
    public void Lease_that_somebody_else_holds_for_minutes_over_a_dead_owners_stop_is_waited_out() => IdlingWorld.Run(async world =>
    {
        var (one, two, _) = await world.ThreeAsync();
        one.Process.DieBefore(one.Process.Steps + 12);
        _ = one.StopAsync();
        await world.PassAsync(TimeSpan.FromSeconds(20));
        await world.Machines.LeaseAsync(IdlingWorld.App, world.Machine, TimeSpan.FromMinutes(5), "somebody else", CancellationToken.None);

        Assert.Equal(IdleStopOutcome.Failed, await two.StopAsync());
        Assert.Equal((MachineRecordState.Stopping, null), (world.Record.State, world.Record.Lease));

        await world.PassAsync(TimeSpan.FromMinutes(5));
        await two.StopAsync();
        Assert.Equal(world.State is PlatformState.Started ? MachineRecordState.Awake : MachineRecordState.Asleep, world.Record.State);
        Assert.Null(world.Record.Lease);
    });

    [Theory]
    [InlineData("suspend")]
    [InlineData("stop")]
    public void Sleep_that_does_not_come_is_asked_for_once_and_written_down_when_it_does(string call) => IdlingWorld.Run(async world =>
    {
        var (one, two, _) = await world.ThreeAsync();
        world.Options.Suspend = call == "suspend";
        (world.Machines.SuspendDelay, world.Machines.StopDelay) = (TimeSpan.FromMinutes(20), TimeSpan.FromMinutes(20));

        for (var sweep = 0; sweep < 5; sweep++)
        {
            Assert.Equal(IdleStopOutcome.Failed, await (sweep % 2 == 0 ? one : two).StopAsync());
            Assert.Equal((MachineRecordState.Stopping, null), (world.Record.State, world.Record.Lease));
        }

        await world.PassAsync(TimeSpan.FromMinutes(20));
        Assert.Equal(IdleStopOutcome.Asleep, await one.StopAsync());
        Assert.Equal(1, world.Machines.CallsOf(call));
        Assert.Equal((MachineRecordState.Asleep, null), (world.Record.State, world.Record.Lease));
    });

    [Theory]
    [InlineData(nameof(MachinesFailureKind.Unavailable))]
    [InlineData(nameof(MachinesFailureKind.LeaseHeld))]
    [InlineData(null)]
    public void Machines_that_cannot_be_put_to_sleep_keep_no_other_one_awake(string? refusal) => IdlingWorld.Run(async world =>
    {
        (world.Options.IdleAfter, world.Options.ReplicaLease) = (TimeSpan.FromMinutes(10), TimeSpan.FromMinutes(2));
        var (one, two, _) = await world.ThreeAsync();
        using (two.Visits.Open(world.Machine, socket: false, counts: true))
        {
            // More than one sweep takes, and due long before the machine that this is about.
            var stuck = await world.DueAsync(world.Options.StopsPerSweep + 10);
            if (refusal is { } kind)
            {
                foreach (var machine in stuck)
                {
                    world.Machines.FailNext("lease", Enum.Parse<MachinesFailureKind>(kind), times: 1000, machine);
                }
            }
            else
            {
                foreach (var machine in stuck)
                {
                    world.Machines.Hang(machine);
                }
            }

            _ = one.SweepForEverAsync();
            await world.PassAsync(TimeSpan.FromMinutes(15));
            Assert.Equal(MachineRecordState.Awake, world.Record.State);
        }

        var left = world.Time.GetUtcNow();
        await world.UntilAsync(() => world.Record.State is MachineRecordState.Asleep);

        Assert.InRange(world.Time.GetUtcNow() - left, world.Options.IdleAfter, world.Options.IdleAfter + (world.Options.SweepEvery * 3));
    });

    private static void Pause(IdlingReplica replica, bool now)
    {
        if (now)
        {
            replica.Process.Pause();
        }
    }

    private static void FailReads(IdlingWorld world, bool now)
    {
        if (now)
        {
            world.Machines.FailNext("get", MachinesFailureKind.Unavailable);
        }
    }

    private static void ReportLate(IdlingWorld world, bool now)
    {
        if (now)
        {
            world.Store.Due[world.Machine] = world.Time.GetUtcNow() + TimeSpan.FromMinutes(10);
        }
    }
}
