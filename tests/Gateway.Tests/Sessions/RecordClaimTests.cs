using Gateway.Sessions;
using Gateway.Tests.Simulation;
using Xunit;

namespace Gateway.Tests.Sessions;

public sealed class RecordClaimTests
{
    [Fact]
    public void Lease_is_renewed_in_time_by_a_map_that_takes_two_seconds_to_write()
    {
        var world = new SimulatedWorld();
        var map = new SimulatedMap(world.Time) { Latency = TimeSpan.FromSeconds(2) };
        var record = new MachineRecord { Machine = new MachineId("machine-1"), App = "app", State = MachineRecordState.Waking, ChangedAt = world.Time.GetUtcNow() };
        var (writes, lapsed, ends) = (0, 0, DateTimeOffset.MaxValue);
        map.MachineWritten += next =>
        {
            writes++;
            lapsed += world.Time.GetUtcNow() > ends ? 1 : 0;
            ends = next.Lease!.Until;
        };

        world.Run(async () =>
        {
            await using var claim = await RecordClaim.TakeAsync(map.For("one"), record, new Replica("one"), world.Time, CancellationToken.None);
            await Task.Delay(TimeSpan.FromMinutes(1), world.Time);
        });

        Assert.Equal((true, 0), (writes > 10, lapsed));
    }

    [Fact]
    public void End_that_waits_for_a_renewal_says_when_it_was_decided()
    {
        var world = new SimulatedWorld();
        var map = new SimulatedMap(world.Time) { Latency = TimeSpan.FromSeconds(2) };
        var record = new MachineRecord { Machine = new MachineId("machine-1"), App = "app", State = MachineRecordState.Waking, ChangedAt = world.Time.GetUtcNow() };
        var decided = default(DateTimeOffset);

        world.Run(async () =>
        {
            // The first write took so long that a renewal is under way at once.
            await using var claim = await RecordClaim.TakeAsync(map.For("one"), record, new Replica("one"), world.Time, CancellationToken.None);
            decided = world.Time.GetUtcNow();
            await claim!.EndAsync(claim.Record with { State = MachineRecordState.Failed }, CancellationToken.None);
        });

        Assert.True(world.Time.GetUtcNow() - decided > map.Latency);
        Assert.Equal(decided, Assert.Single(map.Machines).ChangedAt);
    }
}
