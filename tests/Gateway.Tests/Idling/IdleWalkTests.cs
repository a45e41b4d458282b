using Gateway.Sessions;
using Gateway.Waking;
using Xunit;

namespace Gateway.Tests.Idling;

/// <summary>Random visits, pauses, partitions and lost messages on three sweeping replicas: no request is ever cut by a stop, and quiet ends in sleep.</summary>
public sealed class IdleWalkTests
{
    public static TheoryData<int> Seeds => [.. Enumerable.Range(1, 10)];

    [Theory]
    [MemberData(nameof(Seeds))]
    public void Machine_with_a_request_in_progress_is_never_stopped_whatever_happens_to_the_replicas(int seed) => IdlingWorld.Run(async world =>
    {
        (world.Options.IdleAfter, world.Options.AttachedFor) = (TimeSpan.FromSeconds(20), TimeSpan.FromSeconds(60));
        (world.Options.SweepEvery, world.Options.ReportEvery, world.Options.ReplicaLease) = (TimeSpan.FromSeconds(5), TimeSpan.FromSeconds(3), TimeSpan.FromMinutes(3));
        world.Map.Latency = TimeSpan.FromMilliseconds(seed % 3);
        var random = new Random(seed);
        var (one, two, three) = await world.ThreeAsync();
        IdlingReplica[] replicas = [one, two, three];
        foreach (var replica in replicas)
        {
            _ = replica.SweepForEverAsync();
        }

        await world.PassAsync(world.Options.ReplicaLease);
        var walks = replicas.SelectMany(replica => new[] { VisitAsync(world, replica, new Random(random.Next())), FailAsync(world, replica, new Random(random.Next())) }).ToList();
        await Task.WhenAll(walks);

        Assert.Empty(replicas.SelectMany(replica => replica.Cut));
        Assert.True(world.Machines.CallsOf("suspend") > 0, "The walk stopped nothing.");
        await one.VisitAsync(TimeSpan.FromSeconds(1));
        var quietSince = world.Time.GetUtcNow();
        await world.UntilAsync(() => world.Record.State is MachineRecordState.Asleep);
        Assert.InRange(world.Time.GetUtcNow() - quietSince, world.Options.IdleAfter, world.Options.IdleAfter + (world.Options.SweepEvery * 4));
    });

    private static async Task VisitAsync(IdlingWorld world, IdlingReplica replica, Random random)
    {
        for (var visits = 0; visits < 12; visits++)
        {
            await world.PassAsync(TimeSpan.FromSeconds(random.NextDouble() * 60));
            if (await replica.VisitAsync(TimeSpan.FromSeconds(random.NextDouble() * 15), counts: random.Next(4) > 0) is WakeOutcome.Refused refused)
            {
                // Only what nobody can know: whether a stop goes on behind the partition.
                Assert.Equal(WakeRefusal.MapUnavailable, refused.Reason);
            }
        }
    }

    private static async Task FailAsync(IdlingWorld world, IdlingReplica replica, Random random)
    {
        for (var faults = 0; faults < 6; faults++)
        {
            await world.PassAsync(TimeSpan.FromSeconds(20 + (random.NextDouble() * 30)));
            var lasting = TimeSpan.FromSeconds(random.NextDouble() * 20);
            switch (random.Next(3))
            {
                case 0:
                    replica.Process.MapUnavailable = true;
                    break;
                case 1:
                    replica.Process.LosesMessages = true;
                    break;
                default:
                    replica.Process.Pause();
                    break;
            }

            await world.PassAsync(lasting);
            (replica.Process.MapUnavailable, replica.Process.LosesMessages) = (false, false);
            replica.Process.Resume();
        }
    }
}
