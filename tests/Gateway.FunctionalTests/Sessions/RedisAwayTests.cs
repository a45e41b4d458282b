using Gateway.Sessions;
using Xunit;

namespace Gateway.FunctionalTests.Sessions;

public sealed class RedisAwayTests
{
    private static readonly UserId Alice = new("alice");

    [Fact]
    public async Task KnownRoute_IsBelievedWhileRedisIsAway_AndAnUnknownUserIsUnknown()
    {
        await using var redis = await RedisServer.StartAsync();
        await using var replica = await MapReplica.StartAsync(redis.Url, "{away}");
        await WriteAliceAsync(replica);
        await replica.Routes.FindAsync(Alice, CancellationToken.None);

        redis.Kill();
        await Eventually.HoldsAsync(() => !replica.Connection.IsConnected);

        Assert.Equal(RouteKnown.Found, (await replica.Routes.FindAsync(Alice, CancellationToken.None)).Known);
        Assert.Equal(RouteKnown.Unknown, (await replica.Routes.FindAsync(new UserId("bob"), CancellationToken.None)).Known);
    }

    [Fact]
    public async Task KnownRoute_IsNotBelievedForEver()
    {
        await using var redis = await RedisServer.StartAsync();
        await using var replica = await MapReplica.StartAsync(redis.Url, "{away}", ("Sessions:TrustWithoutRedis", "00:00:00.5"));
        await WriteAliceAsync(replica);
        await replica.Routes.FindAsync(Alice, CancellationToken.None);

        redis.Kill();

        await Eventually.HoldsAsync(async () => (await replica.Routes.FindAsync(Alice, CancellationToken.None)).Known is RouteKnown.Unknown);
    }

    [Fact]
    public async Task RedisThatComesBackEmpty_IsReadAgainWithoutARestart()
    {
        await using var redis = await RedisServer.StartAsync();
        await using var replica = await MapReplica.StartAsync(redis.Url, "{away}");
        await WriteAliceAsync(replica);
        redis.Kill();
        await Eventually.HoldsAsync(() => !replica.Connection.IsConnected);
        await redis.RestartAsync();

        await Eventually.HoldsAsync(async () => (await replica.Routes.FindAsync(Alice, CancellationToken.None)).Known is RouteKnown.None);
    }

    private static Task<MapWrite<Session>> WriteAliceAsync(MapReplica replica) =>
        replica.Map.WriteAsync(new Session { User = Alice, State = SessionState.Assigned, App = "a" }, CancellationToken.None);
}
