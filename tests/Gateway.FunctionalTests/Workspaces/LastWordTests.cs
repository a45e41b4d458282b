using Gateway.Idling;
using Gateway.Operations.Costs;
using Gateway.Redis;
using Gateway.Sessions;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Xunit;

namespace Gateway.FunctionalTests.Workspaces;

/// <summary>A gateway that stops although something on it would not end: the host's time is over when its last words are due.</summary>
public sealed class LastWordTests
{
    private static readonly CancellationToken Over = new(canceled: true);

    [Fact]
    public async Task StopAfterTheHostsTime_StillTellsTheOthersThatNobodyNeedsToWaitForIt()
    {
        await using var cloud = await GatewayEnvironment.StartAsync();
        var gateway = await cloud.StartGatewayAsync();
        var (map, keys) = (gateway.Services.GetRequiredService<RedisConnection>(), gateway.Services.GetRequiredService<MapKeys>());
        await Eventually.HoldsAsync(async () => await map.Database.SortedSetLengthAsync(keys.Replicas) == 1);

        await HostedIn<VisitReports>(gateway).StopAsync(Over);

        Assert.Equal(0, await map.Database.SortedSetLengthAsync(keys.Replicas));
    }

    [Fact]
    public async Task StopAfterTheHostsTime_StillWritesWhatPassedInTheLastMinute()
    {
        await using var cloud = await GatewayEnvironment.StartAsync();
        var gateway = await cloud.StartGatewayAsync();
        using var alice = gateway.ClientOf("alice");
        (await alice.GetAsync("/")).EnsureSuccessStatusCode();

        await HostedIn<UseWriter>(gateway).StopAsync(Over);

        var now = TimeProvider.System.GetUtcNow();
        var today = DateOnly.FromDateTime(now.UtcDateTime);
        var (days, _) = await gateway.Services.GetRequiredService<ILedger>().ReadDaysAsync(today.AddDays(-1), today, now, CancellationToken.None);
        Assert.True(days.Sum(static day => day.Egress.Values.Sum()) > 0);
    }

    private static T HostedIn<T>(RunningGateway gateway)
        where T : IHostedService => gateway.Services.GetServices<IHostedService>().OfType<T>().Single();
}
