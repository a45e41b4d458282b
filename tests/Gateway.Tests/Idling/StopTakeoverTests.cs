using Gateway.Idling;
using Gateway.Machines;
using Gateway.Sessions;
using Gateway.Waking;
using Xunit;

namespace Gateway.Tests.Idling;

/// <summary>The replica that stops a machine is paused for twenty seconds, or dies, between any two of its calls: another one finishes or undoes it, and the late one does no harm.</summary>
public sealed class StopTakeoverTests
{
    private static readonly TimeSpan Paused = TimeSpan.FromSeconds(20);
    private static readonly TimeSpan Moment = TimeSpan.FromSeconds(1);

    /// <summary>How a machine comes to be stopped.</summary>
    public static TheoryData<string> Ways => ["idle", "suspended for long", "operator"];

    /// <summary>Not an operator's: that stop takes the machine from whoever is on it.</summary>
    [Theory]
    [InlineData("idle")]
    [InlineData("suspended for long")]
    public void Owner_paused_at_any_step_takes_the_machine_from_nobody_who_comes_meanwhile(string way) => AtEachStep(way, async (world, one, two, step) =>
    {
        var stopping = PauseAt(one, step, () => StopAsync(world, one, way));
        await world.PassAsync(Moment);

        var visiting = two.VisitAsync(TimeSpan.FromMinutes(2));
        await world.PassAsync(Paused - Moment);
        Resume(one);
        await world.PassAsync(Paused);

        Assert.True(stopping.IsCompleted);
        Assert.True(world.Machines.IsReady(world.Machine), $"{world.State}");
        Assert.Equal((MachineRecordState.Awake, null), (world.Record.State, world.Record.Lease));
        Assert.False(await visiting is WakeOutcome.Refused);
        Assert.Empty(two.Cut);
    });

    [Theory]
    [MemberData(nameof(Ways))]
    public void Owner_paused_at_any_step_leaves_a_machine_that_nobody_is_on_to_the_next_sweep(string way) => AtEachStep(way, async (world, one, two, step) =>
    {
        var before = Stops(world);
        var stopping = PauseAt(one, step, () => StopAsync(world, one, way));
        await world.PassAsync(Paused);
        // Whatever it comes to while the owner is paused: nothing is stopped twice.
        await StopAsync(world, two, way);
        var asked = Stops(world);
        Resume(one);
        await world.PassAsync(TimeSpan.FromMinutes(1));

        Assert.True(stopping.IsCompleted);
        Assert.InRange(Stops(world), asked, before + 1);
        await StopAsync(world, two, way);
        Assert.True(world.State is PlatformState.Stopped or PlatformState.Suspended, $"{world.State}");
        Assert.Equal((MachineRecordState.Asleep, null), (world.Record.State, world.Record.Lease));
    });

    [Theory]
    [MemberData(nameof(Ways))]
    public void Owner_that_dies_at_any_step_is_succeeded(string way) => AtEachStep(way, async (world, one, two, step) =>
    {
        one.Process.DieBefore(one.Process.Steps + step);
        _ = StopAsync(world, one, way);
        await world.PassAsync(Paused);

        var outcome = await two.VisitAsync(Moment);

        Assert.False(outcome is WakeOutcome.Refused);
        Assert.True(world.Machines.IsReady(world.Machine), $"{world.State}");
        Assert.Equal((MachineRecordState.Awake, null), (world.Record.State, world.Record.Lease));
        Assert.Empty(two.Cut);
    });

    /// <summary>Once for each call that an undisturbed stop makes.</summary>
    private static void AtEachStep(string way, Func<IdlingWorld, IdlingReplica, IdlingReplica, int, Task> story)
    {
        var steps = 0;
        IdlingWorld.Run(async world =>
        {
            var (one, _) = await TwoAsync(world, way);
            var before = one.Process.Steps;
            await StopAsync(world, one, way);
            steps = one.Process.Steps - before;
            Assert.Equal(MachineRecordState.Asleep, world.Record.State);
        });

        Assert.InRange(steps, 6, 30);
        for (var step = 1; step <= steps; step++)
        {
            try
            {
                IdlingWorld.Run(async world =>
                {
                    var (one, two) = await TwoAsync(world, way);
                    await story(world, one, two, step);
                });
            }
            catch (Exception exception)
            {
                throw new InvalidOperationException($"{way}, paused before call {step} of {steps}", exception);
            }
        }
    }

    private static async Task<(IdlingReplica, IdlingReplica)> TwoAsync(IdlingWorld world, string way)
    {
        var (one, two) = (await world.ReplicaAsync("one"), await world.ReplicaAsync("two"));
        if (way == "suspended for long")
        {
            Assert.Equal(IdleStopOutcome.Asleep, await one.StopAsync());
            await world.PassAsync(Moment);
        }

        return (one, two);
    }

    private static async Task StopAsync(IdlingWorld world, IdlingReplica replica, string way)
    {
        switch (way)
        {
            case "idle":
                await replica.StopAsync();
                break;
            case "suspended for long":
                await replica.LongSuspended.RunAsync(world.Machine, CancellationToken.None);
                break;
            default:
                if (world.Record is { State: MachineRecordState.Awake } awake)
                {
                    await replica.MachineStop.RunAsync(awake, MachineRecordState.Awake, StopKind.Stop, null, Moment, CancellationToken.None);
                }
                else
                {
                    await replica.StopAsync();
                }

                break;
        }
    }

    private static Task PauseAt(IdlingReplica replica, int step, Func<Task> work)
    {
        var at = replica.Process.Steps + step - 1;
        replica.Process.OnCall = _ => PauseIf(replica, replica.Process.Steps == at);
        return work();
    }

    private static void PauseIf(IdlingReplica replica, bool now)
    {
        if (now)
        {
            replica.Process.Pause();
        }
    }

    private static void Resume(IdlingReplica replica)
    {
        replica.Process.OnCall = null;
        replica.Process.Resume();
    }

    /// <summary>How often the machine was put to sleep from being awake, or its snapshot given up.</summary>
    private static int Stops(IdlingWorld world) => world.Machines.CallsOf("suspend") + world.Machines.CallsOf("stop");
}
