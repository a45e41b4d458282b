using Gateway.Machines;
using Gateway.Sessions;
using Gateway.Tests.Simulation;
using Gateway.Waking;
using Xunit;

namespace Gateway.Tests.Waking;

/// <summary>A replica that is about to end a process that hangs is paused just before that call, and the process comes up: whoever takes the wake over keeps the machine.</summary>
public sealed class EndingTakeoverTests
{
    private static readonly TimeSpan Long = TimeSpan.FromMinutes(2);

    [Fact]
    public void Late_end_of_a_resume_takes_the_machine_from_nobody() => WakingWorld.Run(async world =>
    {
        world.Machines.SetState(world.Machine, PlatformState.Suspended);
        world.Machines.ReadyDelay = world.Options.ResumeLimit + TimeSpan.FromSeconds(4);
        await WriteAsync(world, Asleep(world) with { Suspended = true });

        await AssertThatTheLateEndDoesNoHarmAsync(world);
    });

    [Fact]
    public void Late_end_of_a_boot_that_hung_takes_the_machine_from_nobody() => WakingWorld.Run(async world =>
    {
        world.Machines.ReadyDelay = TimeSpan.FromSeconds(4);
        await world.Machines.StartAsync(WakingWorld.App, world.Machine, null, CancellationToken.None);
        await WriteAsync(world, Asleep(world) with { Failure = new RecordFailure(WakeRefusals.NameOf(WakeRefusal.NeverHealthy), WakeRefusals.DetailOf(WakeRefusal.NeverHealthy), 2, world.Time.GetUtcNow()) });

        await AssertThatTheLateEndDoesNoHarmAsync(world);
    });

    [Theory]
    [InlineData(nameof(MachineRecordState.Waking))]
    [InlineData(nameof(MachineRecordState.Awake))]
    public void Late_end_after_a_drain_that_was_undone_takes_the_machine_from_nobody(string undone) => WakingWorld.Run(async world =>
    {
        await world.Machines.StartAsync(WakingWorld.App, world.Machine, null, CancellationToken.None);
        // A drain has a lease of its own, and neither whoever undoes it nor the waker leaves one.
        await WriteAsync(world, Asleep(world) with { State = Enum.Parse<MachineRecordState>(undone), Suspended = true });
        var late = await world.PlatformLeaseAsync(TimeSpan.FromSeconds(20));

        Assert.IsType<WakeOutcome.Awake>(await world.Replica("two").WakeAsync(hold: Long));

        Assert.Equal(MachinesFailureKind.LeaseHeld, await world.LateStopAsync(late));
    });

    private static async Task AssertThatTheLateEndDoesNoHarmAsync(WakingWorld world)
    {
        var paused = new SimulatedReplica("paused");
        var reached = new TaskCompletionSource();
        paused.OnCall = call =>
        {
            if (call == "stop")
            {
                paused.Pause();
                reached.TrySetResult();
            }
        };
        var late = world.Replica(replica: paused).WakeAsync(hold: Long);
        await reached.Task.WaitAsync(Long, world.Time);

        var awake = Assert.IsType<WakeOutcome.Awake>(await world.Replica("two").WakeAsync(hold: Long));
        paused.Resume();

        Assert.Equal(awake.Boot, Assert.IsType<WakeOutcome.Awake>(await late).Boot);
        Assert.Equal(PlatformState.Started, world.Machines.Find(world.Machine)!.State);
        Assert.Equal((MachineRecordState.Awake, awake.Boot), (world.Record!.State, world.Record.Boot));
    }

    private static MachineRecord Asleep(WakingWorld world) => new() { Machine = world.Machine, App = WakingWorld.App, State = MachineRecordState.Asleep, Boot = 1 };

    private static Task<MapWrite<MachineRecord>> WriteAsync(WakingWorld world, MachineRecord record) => world.Map.For("other").WriteAsync(record, CancellationToken.None);
}
