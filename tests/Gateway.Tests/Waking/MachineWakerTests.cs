using Gateway.Machines;
using Gateway.Sessions;
using Gateway.Tests.Simulation;
using Gateway.Waking;
using Xunit;

namespace Gateway.Tests.Waking;

public sealed class MachineWakerTests
{
    [Fact]
    public void Sleeping_machine_is_started_once_probed_and_recorded_awake() => WakingWorld.Run(async world =>
    {
        var awake = Assert.IsType<WakeOutcome.Awake>(await world.Replica().WakeAsync());

        Assert.True(awake.Led);
        Assert.Equal(1, world.Machines.AcceptedStarts(world.Machine));
        Assert.Equal(MachineRecordState.Awake, world.Record!.State);
        Assert.Equal((awake.Boot, awake.Address), (world.Record.Boot, world.Record.Address));
        Assert.Null(world.Record.Lease);
    });

    [Fact]
    public void Awake_machine_is_answered_from_its_record_without_the_platform() => WakingWorld.Run(async world =>
    {
        await world.Replica().WakeAsync();
        var calls = world.Machines.Calls.Count;

        Assert.IsType<WakeOutcome.Awake>(await world.Replica("two").WakeAsync());
        Assert.Equal(calls, world.Machines.Calls.Count);
    });

    [Fact]
    public void Three_hundred_requests_on_three_replicas_cost_one_start() => WakingWorld.Run(async world =>
    {
        var replicas = new[] { world.Replica("one"), world.Replica("two"), world.Replica("three") };

        var outcomes = await Task.WhenAll(Enumerable.Range(0, 300).Select(i => replicas[i % 3].WakeAsync()));

        Assert.All(outcomes, outcome => Assert.IsType<WakeOutcome.Awake>(outcome));
        Assert.Equal(1, world.Machines.AcceptedStarts(world.Machine));
        Assert.Equal(3, outcomes.Count(outcome => outcome is WakeOutcome.Awake { Led: true }));
    });

    [Fact]
    public void Caller_that_leaves_does_not_end_the_wake() => WakingWorld.Run(async world =>
    {
        using var left = new CancellationTokenSource();
        var replica = world.Replica();
        var first = replica.WakeAsync(cancellationToken: left.Token);
        var second = replica.WakeAsync("bob");
        left.Cancel();

        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => first);
        Assert.IsType<WakeOutcome.Awake>(await second);
        Assert.Equal(1, world.Machines.AcceptedStarts(world.Machine));
    });

    [Fact]
    public void Hold_that_ends_first_is_refused_and_the_retry_joins_the_same_wake() => WakingWorld.Run(async world =>
    {
        world.Machines.StartDelay = TimeSpan.FromSeconds(20);
        var replica = world.Replica();

        var refused = Assert.IsType<WakeOutcome.Refused>(await replica.WakeAsync(hold: TimeSpan.FromSeconds(5)));
        Assert.Equal(WakeRefusal.HoldLimit, refused.Reason);
        var awake = Assert.IsType<WakeOutcome.Awake>(await replica.WakeAsync());
        Assert.False(awake.Led);
        Assert.Equal(1, world.Machines.AcceptedStarts(world.Machine));
    });

    [Theory]
    [InlineData("NotYet")]
    [InlineData("LeaseHeld")]
    [InlineData("RateLimited")]
    [InlineData("Unavailable")]
    public void Start_that_is_refused_for_a_while_is_asked_again_until_it_is_accepted(string kind) => WakingWorld.Run(async world =>
    {
        world.Machines.FailNext("start", Enum.Parse<MachinesFailureKind>(kind), times: 3);

        Assert.IsType<WakeOutcome.Awake>(await world.Replica().WakeAsync());
        Assert.Equal(1, world.Machines.AcceptedStarts(world.Machine));
    });

    [Fact]
    public void Start_whose_answer_is_lost_is_looked_at_before_it_is_repeated() => WakingWorld.Run(async world =>
    {
        world.Machines.LoseAnswerOf("start");

        Assert.IsType<WakeOutcome.Awake>(await world.Replica().WakeAsync());
        Assert.Equal(1, world.Machines.CallsOf("start"));
    });

    [Fact]
    public void Machine_somebody_else_starts_already_counts_as_started() => WakingWorld.Run(async world =>
    {
        await world.Machines.StartAsync(WakingWorld.App, world.Machine, null, CancellationToken.None);

        Assert.IsType<WakeOutcome.Awake>(await world.Replica().WakeAsync());
        Assert.Equal(1, world.Machines.AcceptedStarts(world.Machine));
    });

    [Fact]
    public void Address_that_moves_at_the_boot_is_read_again() => WakingWorld.Run(async world =>
    {
        world.Machines.ReadyDelay = TimeSpan.FromSeconds(8);
        var replica = world.Replica();
        var waking = replica.WakeAsync();
        await Task.Delay(TimeSpan.FromSeconds(2), world.Time);
        var address = world.Machines.Migrate(world.Machine);

        var awake = Assert.IsType<WakeOutcome.Awake>(await waking);
        Assert.Equal(address, awake.Address);
    });

    [Fact]
    public void Machine_destroyed_while_it_wakes_is_recorded_gone() => WakingWorld.Run(async world =>
    {
        world.Machines.ReadyDelay = TimeSpan.FromSeconds(20);
        var waking = world.Replica().WakeAsync();
        await Task.Delay(TimeSpan.FromSeconds(2), world.Time);
        world.Machines.DestroyBehindOurBack(world.Machine);

        Assert.Equal(WakeRefusal.Gone, Assert.IsType<WakeOutcome.Refused>(await waking).Reason);
        Assert.Equal(MachineRecordState.Gone, world.Record!.State);
    });

    [Fact]
    public void Full_host_is_refused_as_such_and_no_second_machine_is_made() => WakingWorld.Run(async world =>
    {
        world.Machines.HostFull(world.Machine);

        Assert.Equal(WakeRefusal.HostFull, Assert.IsType<WakeOutcome.Refused>(await world.Replica().WakeAsync()).Reason);
        Assert.Equal(0, world.Machines.CallsOf("create"));
        Assert.Equal("host_full", world.Record!.Failure!.Reason);
    });

    [Theory]
    [InlineData("Crashes", "Crashed")]
    [InlineData("RunsOutOfMemory", "OutOfMemory")]
    [InlineData("NeverHealthy", "NeverHealthy")]
    public void Boot_that_fails_is_refused_with_its_reason(string behaviour, string reason) => WakingWorld.Run(async world =>
    {
        world.Machines.NextBoots(world.Machine, Enum.Parse<BootBehaviour>(behaviour));

        var refused = Assert.IsType<WakeOutcome.Refused>(await world.Replica().WakeAsync(hold: TimeSpan.FromMinutes(3)));
        Assert.Equal(Enum.Parse<WakeRefusal>(reason), refused.Reason);
    });

    [Fact]
    public void Process_that_hangs_is_given_two_boots_time_and_then_ended_and_started_anew() => WakingWorld.Run(async world =>
    {
        world.Machines.NextBoots(world.Machine, BootBehaviour.NeverHealthy);
        for (var wakes = 0; wakes < 2; wakes++)
        {
            var refused = Assert.IsType<WakeOutcome.Refused>(await world.Replica().WakeAsync(hold: TimeSpan.FromMinutes(3)));
            world.Machines.NextBoots(world.Machine, BootBehaviour.Healthy);
            await Task.Delay(refused.RetryAfter, world.Time);
        }

        Assert.Equal((0, 1), (world.Machines.CallsOf("stop"), world.Machines.AcceptedStarts(world.Machine)));
        Assert.IsType<WakeOutcome.Awake>(await world.Replica().WakeAsync(hold: TimeSpan.FromMinutes(3)));
        Assert.Equal((1, 2), (world.Machines.CallsOf("stop"), world.Machines.AcceptedStarts(world.Machine)));
    });

    [Fact]
    public void Machine_that_takes_no_connection_in_two_boots_is_ended_all_the_same() => WakingWorld.Run(async world =>
    {
        for (var wakes = 0; wakes < 3; wakes++)
        {
            Assert.Equal(0, world.Machines.CallsOf("stop"));
            var replica = world.Replica();
            replica.Probe.Unreachable = true;
            var refused = Assert.IsType<WakeOutcome.Refused>(await replica.WakeAsync(hold: TimeSpan.FromMinutes(3)));
            await Task.Delay(refused.RetryAfter, world.Time);
        }

        Assert.Equal((1, 2), (world.Machines.CallsOf("stop"), world.Machines.AcceptedStarts(world.Machine)));
    });

    [Fact]
    public void Failed_wake_is_remembered_for_all_replicas_and_then_tried_again() => WakingWorld.Run(async world =>
    {
        world.Machines.NextBoots(world.Machine, BootBehaviour.Crashes);
        Assert.IsType<WakeOutcome.Refused>(await world.Replica().WakeAsync());
        world.Machines.NextBoots(world.Machine, BootBehaviour.Healthy);
        var starts = world.Machines.CallsOf("start");

        Assert.Equal(WakeRefusal.Crashed, Assert.IsType<WakeOutcome.Refused>(await world.Replica("two").WakeAsync()).Reason);
        Assert.Equal(starts, world.Machines.CallsOf("start"));

        await Task.Delay(world.Options.FailurePause, world.Time);
        Assert.IsType<WakeOutcome.Awake>(await world.Replica("two").WakeAsync());
    });

    [Fact]
    public void Machine_that_crashes_each_time_is_left_alone_longer_each_time() => WakingWorld.Run(async world =>
    {
        world.Machines.NextBoots(world.Machine, BootBehaviour.Crashes);
        var pauses = new List<TimeSpan>();
        for (var i = 0; i < 4; i++)
        {
            var refused = Assert.IsType<WakeOutcome.Refused>(await world.Replica().WakeAsync());
            pauses.Add(refused.RetryAfter);
            await Task.Delay(refused.RetryAfter, world.Time);
        }

        Assert.Equal(pauses.Order(), pauses);
        Assert.True(pauses[3] >= pauses[0] * 7);
    });

    [Fact]
    public void Owner_that_died_is_replaced_after_its_lease_in_another_boot_without_another_start() => WakingWorld.Run(async world =>
    {
        var dying = new SimulatedReplica("dying");
        _ = world.Replica(replica: dying).WakeAsync();
        await Task.Delay(TimeSpan.FromMilliseconds(300), world.Time);
        dying.Die();
        var boot = world.Record!.Boot;
        var died = world.Time.GetUtcNow();

        Assert.IsType<WakeOutcome.Awake>(await world.Replica("two").WakeAsync());
        Assert.True(world.Time.GetUtcNow() - died < TimeSpan.FromSeconds(8));
        Assert.Equal(1, world.Machines.AcceptedStarts(world.Machine));
        Assert.True(world.Record.Boot > boot);
    });

    [Fact]
    public void Owner_paused_beyond_its_lease_finds_the_machine_awake_and_starts_nothing() => WakingWorld.Run(async world =>
    {
        var paused = new SimulatedReplica("paused");
        var first = world.Replica(replica: paused).WakeAsync(hold: TimeSpan.FromMinutes(1));
        await Task.Delay(TimeSpan.FromMilliseconds(100), world.Time);
        paused.Pause();
        Assert.IsType<WakeOutcome.Awake>(await world.Replica("two").WakeAsync());
        await Task.Delay(TimeSpan.FromSeconds(20), world.Time);
        paused.Resume();

        Assert.IsType<WakeOutcome.Awake>(await first);
        Assert.Equal(1, world.Machines.AcceptedStarts(world.Machine));
    });

    [Fact]
    public void Drain_is_won_back_without_a_start() => WakingWorld.Run(async world =>
    {
        await world.Replica().WakeAsync();
        var awake = world.Record!;
        await world.WriteRecordAsync(MachineRecordState.Draining, "sweeper", TimeSpan.FromSeconds(5), awake.Boot, awake.Address);

        var outcome = Assert.IsType<WakeOutcome.Awake>(await world.Replica("two").WakeAsync());
        Assert.Equal(awake.Boot, outcome.Boot);
        Assert.Equal(1, world.Machines.AcceptedStarts(world.Machine));
    });

    [Fact]
    public void Boot_that_a_failed_over_map_forgot_is_not_given_to_another_life() => WakingWorld.Run(async world =>
    {
        await world.WriteRecordAsync(MachineRecordState.Asleep);
        var copy = world.Map.Snapshot();
        var forgotten = Assert.IsType<WakeOutcome.Awake>(await world.Replica().WakeAsync()).Boot;
        world.Map.RollBack(copy);

        Assert.True(Assert.IsType<WakeOutcome.Awake>(await world.Replica("two").WakeAsync()).Boot > forgotten);
    });

    [Fact]
    public void Wake_in_stopping_waits_for_the_stop_and_wakes_within_one_hold() => WakingWorld.Run(async world =>
    {
        await world.Replica().WakeAsync();
        var boot = world.Record!.Boot;
        await world.WriteRecordAsync(MachineRecordState.Stopping, "sweeper", TimeSpan.FromSeconds(3), boot);
        await world.Machines.StopAsync(WakingWorld.App, world.Machine, null, null, CancellationToken.None);

        var awake = Assert.IsType<WakeOutcome.Awake>(await world.Replica("two").WakeAsync());
        Assert.True(awake.Boot > boot);
        Assert.Equal(2, world.Machines.AcceptedStarts(world.Machine));
    });

    [Fact]
    public void Lease_that_somebody_else_holds_for_minutes_is_a_clear_refusal_and_its_end_lets_the_next_request_in() => WakingWorld.Run(async world =>
    {
        await world.PlatformLeaseAsync(TimeSpan.FromMinutes(4));
        var replica = world.Replica();

        var asked = world.Time.GetUtcNow();
        Assert.IsType<WakeOutcome.Refused>(await replica.WakeAsync());
        Assert.InRange(world.Time.GetUtcNow() - asked, TimeSpan.Zero, WakingWorld.Hold + TimeSpan.FromSeconds(1));
        await Task.Delay(TimeSpan.FromMinutes(4), world.Time);

        Assert.IsType<WakeOutcome.Awake>(await replica.WakeAsync());
        Assert.Equal(1, world.Machines.AcceptedStarts(world.Machine));
    });

    [Theory]
    [InlineData(nameof(MachineRecordState.Asleep))]
    [InlineData(nameof(MachineRecordState.Stopping))]
    public void Stop_that_does_not_end_is_a_clear_refusal_and_its_end_lets_the_next_request_in(string state) => WakingWorld.Run(async world =>
    {
        await world.Replica().WakeAsync();
        world.Machines.StopDelay = TimeSpan.FromMinutes(30);
        await world.Machines.StopAsync(WakingWorld.App, world.Machine, null, null, CancellationToken.None);
        await world.WriteRecordAsync(Enum.Parse<MachineRecordState>(state), boot: world.Record!.Boot);
        var replica = world.Replica("two");

        for (var attempt = 0; attempt < 5; attempt++)
        {
            var asked = world.Time.GetUtcNow();
            Assert.IsType<WakeOutcome.Refused>(await replica.WakeAsync());
            Assert.InRange(world.Time.GetUtcNow() - asked, TimeSpan.Zero, WakingWorld.Hold + TimeSpan.FromSeconds(1));
            await Task.Delay(TimeSpan.FromMinutes(3), world.Time);
        }

        await Task.Delay(TimeSpan.FromMinutes(30), world.Time);
        Assert.IsType<WakeOutcome.Awake>(await replica.WakeAsync());
        Assert.Equal(2, world.Machines.AcceptedStarts(world.Machine));
    });

    [Fact]
    public void Map_that_dies_during_a_wake_does_not_fail_it() => WakingWorld.Run(async world =>
    {
        var waking = world.Replica().WakeAsync();
        await Task.Delay(TimeSpan.FromMilliseconds(300), world.Time);
        world.Map.Unavailable = true;

        Assert.IsType<WakeOutcome.Awake>(await waking);
    });

    [Fact]
    public void Machine_that_somebody_was_ending_is_woken_anew_by_whoever_wakes_alone() => WakingWorld.Run(async world =>
    {
        world.Map.Unavailable = true;
        world.Machines.ReadyDelay = TimeSpan.FromSeconds(4);
        var waking = world.Replica().WakeAsync(hold: TimeSpan.FromMinutes(1));
        await Task.Delay(TimeSpan.FromSeconds(2), world.Time);
        var lease = await world.PlatformLeaseAsync(TimeSpan.FromSeconds(20));
        await Task.Delay(TimeSpan.FromSeconds(6), world.Time);

        // It answers by now, and the call that ends it was on its way.
        await world.Machines.StopAsync(WakingWorld.App, world.Machine, null, lease.Nonce, CancellationToken.None);
        await world.Machines.ReleaseLeaseAsync(WakingWorld.App, world.Machine, lease.Nonce, CancellationToken.None);

        Assert.IsType<WakeOutcome.Awake>(await waking);
        Assert.Equal((2, PlatformState.Started), (world.Machines.AcceptedStarts(world.Machine), world.Machines.Find(world.Machine)!.State));
    });

    [Fact]
    public void Known_machine_is_woken_without_a_map_by_each_replica_alone() => WakingWorld.Run(async world =>
    {
        world.Map.Unavailable = true;

        var outcomes = await Task.WhenAll(world.Replica("one").WakeAsync(), world.Replica("two").WakeAsync());

        Assert.All(outcomes, outcome => Assert.IsType<WakeOutcome.Awake>(outcome));
        Assert.Equal(1, world.Machines.AcceptedStarts(world.Machine));
    });

    [Fact]
    public void Platform_that_is_away_is_a_clear_refusal_and_the_next_request_tries_again() => WakingWorld.Run(async world =>
    {
        world.Machines.FailNext("start", MachinesFailureKind.Unavailable, times: 1000);
        world.Machines.FailNext("get", MachinesFailureKind.Unavailable, times: 1000);
        var replica = world.Replica();

        Assert.Equal(WakeRefusal.HoldLimit, Assert.IsType<WakeOutcome.Refused>(await replica.WakeAsync()).Reason);
        Assert.Equal(WakeRefusal.PlatformUnavailable, Assert.IsType<WakeOutcome.Refused>(await replica.WakeAsync(hold: TimeSpan.FromMinutes(3))).Reason);
        Assert.Equal(MachineRecordState.Asleep, world.Record!.State);
    });

    [Fact]
    public void Requests_beyond_a_users_limit_are_refused_at_once() => WakingWorld.Run(async world =>
    {
        world.Options.MaxHeldPerUser = 3;
        var replica = world.Replica();
        var held = Enumerable.Range(0, 3).Select(_ => replica.WakeAsync()).ToList();

        var refused = Assert.IsType<WakeOutcome.Refused>(await replica.WakeAsync());
        Assert.Equal(WakeRefusal.TooManyHeld, refused.Reason);
        Assert.True(refused.RetryAfter > TimeSpan.Zero);
        Assert.IsType<WakeOutcome.Awake>(await replica.WakeAsync("bob"));
        Assert.All(await Task.WhenAll(held), outcome => Assert.IsType<WakeOutcome.Awake>(outcome));
    });

    [Fact]
    public void Doubted_machine_that_runs_is_probed_from_here_and_its_record_left_alone() => WakingWorld.Run(async world =>
    {
        var replica = world.Replica();
        var awake = Assert.IsType<WakeOutcome.Awake>(await replica.WakeAsync());
        var epoch = world.Record!.Epoch;
        replica.Probe.Unreachable = true;

        Assert.IsType<WakeOutcome.Refused>(await replica.DoubtAsync(awake.Boot));
        Assert.Equal(epoch, world.Record.Epoch);

        replica.Probe.Unreachable = false;
        Assert.Equal(awake.Boot, Assert.IsType<WakeOutcome.Awake>(await replica.DoubtAsync(awake.Boot)).Boot);
    });

    [Fact]
    public void Doubted_machine_that_was_stopped_behind_our_back_is_woken_in_a_new_boot() => WakingWorld.Run(async world =>
    {
        var replica = world.Replica();
        var awake = Assert.IsType<WakeOutcome.Awake>(await replica.WakeAsync());
        world.Machines.StopBehindOurBack(world.Machine);

        var again = Assert.IsType<WakeOutcome.Awake>(await replica.DoubtAsync(awake.Boot));
        Assert.True(again.Boot > awake.Boot);
        Assert.Equal(2, world.Machines.AcceptedStarts(world.Machine));
    });

    [Fact]
    public void Record_of_a_newer_version_is_left_alone() => WakingWorld.Run(async world =>
    {
        await world.WriteRecordAsync(MachineRecordState.Unknown);
        var epoch = world.Record!.Epoch;

        Assert.IsType<WakeOutcome.Refused>(await world.Replica().WakeAsync(hold: TimeSpan.FromSeconds(5)));
        Assert.Equal(epoch, world.Record.Epoch);
    });
}
