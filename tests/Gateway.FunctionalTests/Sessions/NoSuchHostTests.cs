using Gateway.Sessions;
using Xunit;

namespace Gateway.FunctionalTests.Sessions;

public sealed class NoSuchHostTests
{
    [Fact]
    public async Task RedisHostWhoseNameIsNotKnown_LetsTheGatewayStart_AndAnswerUnknown()
    {
        await using var replica = await MapReplica.StartAsync("redis://no-such-host.invalid", "{nowhere}");

        Assert.Equal(RouteKnown.Unknown, (await replica.Routes.FindAsync(new UserId("alice"), CancellationToken.None)).Known);
        Assert.False(replica.IsStopping);
    }
}
