using Gateway.Machines;
using Gateway.Sessions;
using Gateway.Tests.Simulation;
using Gateway.Waking;
using Xunit;

namespace Gateway.Tests.Waking;

/// <summary>What the platform says, how late it says it, and what is made of it.</summary>
public sealed class WakerTruthTests
{
    [Fact]
    public void Slow_platform_does_not_keep_a_ready_machine_waiting() => WakingWorld.Run(async world =>
    {
        world.Machines.ReadyDelay = TimeSpan.FromSeconds(8);
        world.Machines.Delay("get", TimeSpan.FromSeconds(5));
        var began = world.Time.GetUtcNow();

        Assert.IsType<WakeOutcome.Awake>(await world.Replica().WakeAsync());
        Assert.InRange(world.Time.GetUtcNow() - began, TimeSpan.FromSeconds(8), TimeSpan.FromSeconds(9.5));
    });

    [Fact]
    public void Machine_that_dies_after_each_good_answer_is_woken_once_more_and_then_left_alone() => WakingWorld.Run(async world =>
    {
        var replica = world.Replica();
        var outcome = await replica.WakeAsync();
        for (var deaths = 0; deaths < 10 && outcome is WakeOutcome.Awake awake; deaths++)
        {
            world.Machines.Exit(world.Machine, 1);
            outcome = await replica.DoubtAsync(awake.Boot);
        }

        Assert.Equal(WakeRefusal.Crashed, Assert.IsType<WakeOutcome.Refused>(outcome).Reason);
        Assert.Equal(WakeRefusal.Crashed, Assert.IsType<WakeOutcome.Refused>(await world.Replica("two").WakeAsync()).Reason);
        Assert.Equal(2, world.Machines.AcceptedStarts(world.Machine));
    });

    [Fact]
    public void Machine_that_dies_after_a_long_life_is_woken_whatever_came_before() => WakingWorld.Run(async world =>
    {
        var replica = world.Replica();
        var outcome = await replica.WakeAsync();
        for (var deaths = 0; deaths < 4; deaths++)
        {
            await Task.Delay(TimeSpan.FromMinutes(5), world.Time);
            world.Machines.Exit(world.Machine, 1);
            outcome = await replica.DoubtAsync(Assert.IsType<WakeOutcome.Awake>(outcome).Boot);
        }

        Assert.IsType<WakeOutcome.Awake>(outcome);
    });

    [Fact]
    public void Doubt_does_not_touch_the_record_while_the_platform_only_remembers_the_machine() => WakingWorld.Run(async world =>
    {
        var replica = world.Replica();
        var awake = Assert.IsType<WakeOutcome.Awake>(await replica.WakeAsync());
        var epoch = world.Record!.Epoch;
        world.Machines.HostUnreachable(world.Machine);

        Assert.Equal(WakeRefusal.HostUnreachable, Assert.IsType<WakeOutcome.Refused>(await replica.DoubtAsync(awake.Boot)).Reason);
        Assert.Equal(epoch, world.Record.Epoch);
        Assert.Equal(1, world.Machines.CallsOf("start"));
    });

    [Fact]
    public void Doubt_of_a_life_that_ends_meanwhile_is_answered_by_the_next_one() => WakingWorld.Run(async world =>
    {
        var replica = world.Replica();
        var first = Assert.IsType<WakeOutcome.Awake>(await replica.WakeAsync());
        replica.Probe.Unreachable = true;
        var doubting = replica.DoubtAsync(first.Boot);
        await Task.Delay(TimeSpan.FromSeconds(2), world.Time);

        // Another replica put the machine to sleep and woke it, at the same address; of the two this one hears at once.
        await world.WriteRecordAsync(MachineRecordState.Awake, boot: first.Boot + 1, address: first.Address);
        replica.Probe.Unreachable = false;

        Assert.Equal(first.Boot + 1, Assert.IsType<WakeOutcome.Awake>(await doubting).Boot);
    });

    [Fact]
    public void Doubt_of_a_machine_that_is_put_to_rest_meanwhile_does_not_wake_it() => WakingWorld.Run(async world =>
    {
        var replica = world.Replica();
        var awake = Assert.IsType<WakeOutcome.Awake>(await replica.WakeAsync());
        replica.Probe.Unreachable = true;
        var doubting = replica.DoubtAsync(awake.Boot);
        await Task.Delay(TimeSpan.FromSeconds(2), world.Time);

        await world.WriteRecordAsync(MachineRecordState.Asleep, boot: awake.Boot);

        Assert.IsType<WakeOutcome.Refused>(await doubting);
        Assert.Equal(1, world.Machines.CallsOf("start"));
    });

    [Fact]
    public void Map_that_is_away_for_a_moment_does_not_make_a_doubt_a_wake_of_its_own() => WakingWorld.Run(async world =>
    {
        var replica = world.Replica();
        var awake = Assert.IsType<WakeOutcome.Awake>(await replica.WakeAsync());
        replica.Probe.Unreachable = true;
        var doubting = replica.DoubtAsync(awake.Boot);
        await Task.Delay(TimeSpan.FromSeconds(2), world.Time);
        world.Map.Unavailable = true;
        await Task.Delay(TimeSpan.FromSeconds(3), world.Time);
        world.Map.Unavailable = false;

        Assert.IsType<WakeOutcome.Refused>(await doubting);
        Assert.Equal(1, world.Machines.CallsOf("start"));
    });

    [Fact]
    public void Machine_woken_without_a_map_is_believed_in_no_life_that_was_seen_before_the_fence() => WakingWorld.Run(async world =>
    {
        world.Map.Unavailable = true;
        var replica = world.Replica();

        var awake = Assert.IsType<WakeOutcome.Awake>(await replica.WakeAsync());

        Assert.Equal(2, replica.Probe.Boots.Count);
        Assert.Equal(replica.Probe.Boots[^1], awake.Boot);
    });

    [Fact]
    public void Machine_woken_without_a_map_is_in_a_life_that_no_wake_by_the_map_is_told_in_the_moment_it_answers() => WakingWorld.Run(async world =>
    {
        world.Map.Unavailable = true;
        world.Machines.ReadyDelay = TimeSpan.FromSeconds(1);
        var replica = world.Replica();
        var alone = Assert.IsType<WakeOutcome.Awake>(await replica.WakeAsync());

        world.Map.Unavailable = false;
        Assert.NotEqual(alone.Boot, Assert.IsType<WakeOutcome.Awake>(await replica.WakeAsync()).Boot);
    });

    [Fact]
    public void Machine_woken_without_a_map_is_remembered_until_the_map_is_back() => WakingWorld.Run(async world =>
    {
        world.Map.Unavailable = true;
        var replica = world.Replica();
        var first = Assert.IsType<WakeOutcome.Awake>(await replica.WakeAsync());

        var second = Assert.IsType<WakeOutcome.Awake>(await replica.WakeAsync());
        Assert.Equal((first.Address, first.Boot), (second.Address, second.Boot));
        Assert.Equal(1, world.Machines.CallsOf("start"));

        world.Map.Unavailable = false;
        Assert.IsType<WakeOutcome.Awake>(await replica.WakeAsync());
        Assert.Equal(MachineRecordState.Awake, world.Record!.State);
    });

    [Fact]
    public void Machine_remembered_without_a_map_is_woken_anew_when_it_is_doubted() => WakingWorld.Run(async world =>
    {
        world.Map.Unavailable = true;
        var replica = world.Replica();
        var first = Assert.IsType<WakeOutcome.Awake>(await replica.WakeAsync());
        world.Machines.StopBehindOurBack(world.Machine);

        var again = Assert.IsType<WakeOutcome.Awake>(await replica.DoubtAsync(first.Boot));
        Assert.True(again.Boot > first.Boot);
        Assert.Equal(2, world.Machines.AcceptedStarts(world.Machine));
    });

    [Fact]
    public void Takeover_looks_at_the_machine_before_it_starts_anything() => WakingWorld.Run(async world =>
    {
        world.Machines.StartDelay = TimeSpan.FromSeconds(10);
        await world.Machines.StartAsync(WakingWorld.App, world.Machine, null, CancellationToken.None);
        await world.WriteRecordAsync(MachineRecordState.Waking, "dead", TimeSpan.FromSeconds(2));

        Assert.IsType<WakeOutcome.Awake>(await world.Replica("two").WakeAsync());
        Assert.Equal(1, world.Machines.CallsOf("start"));
    });

    [Fact]
    public void Takeover_of_a_wake_that_started_nothing_starts_the_machine() => WakingWorld.Run(async world =>
    {
        await world.WriteRecordAsync(MachineRecordState.Waking, "dead", TimeSpan.FromSeconds(2));

        Assert.IsType<WakeOutcome.Awake>(await world.Replica("two").WakeAsync());
        Assert.Equal(1, world.Machines.CallsOf("start"));
    });

    [Fact]
    public void Machine_somebody_stops_while_it_boots_is_started_again_and_not_called_crashed() => WakingWorld.Run(async world =>
    {
        world.Machines.ReadyDelay = TimeSpan.FromSeconds(6);
        var waking = world.Replica().WakeAsync();
        await Task.Delay(TimeSpan.FromSeconds(2), world.Time);
        world.Machines.StopBehindOurBack(world.Machine);

        Assert.IsType<WakeOutcome.Awake>(await waking);
        Assert.Equal(2, world.Machines.AcceptedStarts(world.Machine));
    });

    [Fact]
    public void Exit_of_an_earlier_life_says_nothing_about_this_one() => WakingWorld.Run(async world =>
    {
        var replica = world.Replica();
        var awake = Assert.IsType<WakeOutcome.Awake>(await replica.WakeAsync());
        await Task.Delay(TimeSpan.FromMinutes(10), world.Time);
        world.Machines.Exit(world.Machine, 137, outOfMemory: true);
        world.Machines.NextBoots(world.Machine, BootBehaviour.Crashes);

        Assert.Equal(WakeRefusal.Crashed, Assert.IsType<WakeOutcome.Refused>(await replica.DoubtAsync(awake.Boot)).Reason);
    });

    [Fact]
    public void Refusal_after_a_remembered_failure_never_asks_to_come_back_in_the_past() => WakingWorld.Run(async world =>
    {
        world.Machines.NextBoots(world.Machine, BootBehaviour.Crashes);
        Assert.IsType<WakeOutcome.Refused>(await world.Replica().WakeAsync());
        await Task.Delay(TimeSpan.FromSeconds(30), world.Time);
        world.Machines.FailNext("start", new MachinesFailure(MachinesFailureKind.RateLimited, 429, "simulated") { RetryAfter = TimeSpan.FromHours(1) });

        var refused = Assert.IsType<WakeOutcome.Refused>(await world.Replica().WakeAsync());
        Assert.Equal(WakeRefusal.CapacityShort, refused.Reason);
        Assert.True(refused.RetryAfter > TimeSpan.Zero);
    });
}
