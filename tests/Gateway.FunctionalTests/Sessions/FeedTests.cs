using Gateway.Sessions;
using StackExchange.Redis;
using Xunit;

namespace Gateway.FunctionalTests.Sessions;

/// <summary>What a route table does with what it hears, and with what it does not.</summary>
public sealed class FeedTests
{
    private const string Prefix = "{feed}";

    private static readonly UserId Alice = new("alice");
    private static readonly MachineId Machine = new("d8d0000000000b");

    [Fact]
    public async Task ReplicaStartedWithoutRedis_HearsOfChangesOnceItIsThere()
    {
        await using var redis = await RedisServer.StartAsync();
        redis.Kill();
        await using var early = await MapReplica.StartAsync(redis.Url, Prefix, ("Sessions:SlowPoll", "00:01:00"));
        await redis.RestartAsync();
        await using var late = await MapReplica.StartAsync(redis.Url, Prefix);
        await Eventually.HoldsAsync(() => early.Connection.IsConnected && late.Connection.IsConnected);
        var session = await AssignAsync(late);
        await WarmAsync(early);

        await late.Map.WriteAsync(session with { Region = "iad" }, CancellationToken.None);

        await Eventually.HoldsAsync(async () => (await FindAsync(early)).Route?.Session.Region == "iad");
    }

    [Fact]
    public async Task ReplicaThatWaitsForChanges_HearsThemAgainAfterRedisWasAway()
    {
        await using var redis = await RedisServer.StartAsync();
        await using var one = await MapReplica.StartAsync(redis.Url, Prefix);
        await using var two = await MapReplica.StartAsync(redis.Url, Prefix);
        await AssignAsync(two);
        await WarmAsync(one);

        redis.Kill();
        await Eventually.HoldsAsync(() => !one.Connection.IsConnected && !two.Connection.IsConnected);
        await redis.RestartAsync();
        await Eventually.HoldsAsync(() => one.Connection.IsConnected && two.Connection.IsConnected);
        var again = await AssignAsync(two);
        await WarmAsync(one);
        await two.Map.WriteAsync(again with { Region = "iad" }, CancellationToken.None);

        await Eventually.HoldsAsync(async () => (await FindAsync(one)).Route?.Session.Region == "iad");
    }

    [Fact]
    public async Task WriteWhoseMessageIsLost_IsNoticedByTheSequence()
    {
        await using var redis = await RedisServer.StartAsync();
        await using var replica = await MapReplica.StartAsync(redis.Url, Prefix);
        var session = await AssignAsync(replica);
        await WarmAsync(replica);
        await using var raw = await redis.ConnectAsync();
        var map = raw.GetDatabase();

        await map.HashSetAsync($"{Prefix}:session:alice", [new("e", session.Epoch + 1), new("b", RecordJson.Print(session with { Region = "iad" }))]);
        await map.StringIncrementAsync($"{Prefix}:sequence");

        await Eventually.HoldsAsync(async () => (await FindAsync(replica)).Route?.Session.Region == "iad");
    }

    [Fact]
    public async Task SessionLostInAFailover_IsNotServedAnyMore()
    {
        await using var redis = await RedisServer.StartAsync();
        await using var replica = await MapReplica.StartAsync(redis.Url, Prefix);
        var old = await AssignAsync(replica);
        await replica.Map.WriteAsync(old with { Region = "iad" }, CancellationToken.None);
        await WarmAsync(replica);
        await using var raw = await redis.ConnectAsync();
        var map = raw.GetDatabase();

        // The server that took over had not been sent the last write.
        await map.HashSetAsync($"{Prefix}:session:alice", [new("e", old.Epoch), new("b", RecordJson.Print(old))]);
        await map.StringDecrementAsync($"{Prefix}:sequence");

        await Eventually.HoldsAsync(async () => (await FindAsync(replica)).Route is { Session.Region: null });
    }

    [Fact]
    public async Task OwnRemoval_IsSeenAtOnce()
    {
        await using var redis = await RedisServer.StartAsync();
        await using var replica = await MapReplica.StartAsync(redis.Url, Prefix);
        var session = await AssignAsync(replica);
        await WarmAsync(replica);

        Assert.True(await replica.Map.RemoveAsync(session, CancellationToken.None));

        Assert.Equal(RouteKnown.None, (await FindAsync(replica)).Known);
    }

    [Fact]
    public async Task WarmLookups_AskRedisForNothing()
    {
        await using var redis = await RedisServer.StartAsync();
        await using var replica = await MapReplica.StartAsync(redis.Url, Prefix);
        await AssignAsync(replica);
        await WarmAsync(replica);
        await using var raw = await redis.ConnectAsync();
        var before = await ReadsAsync(raw);
        Assert.True(before > 0, "the readings of cold lookups are counted");

        for (var i = 0; i < 10_000; i++)
        {
            Assert.Equal(RouteKnown.Found, (await FindAsync(replica)).Known);
        }

        // A doubt of the feed's own on a busy machine may cost a reading or two, never one a lookup.
        Assert.InRange(await ReadsAsync(raw) - before, 0, 100);
    }

    private static async Task<Session> AssignAsync(MapReplica replica)
    {
        await replica.Map.WriteAsync(new MachineRecord { Machine = Machine, App = "a", State = MachineRecordState.Asleep }, CancellationToken.None);
        var write = await replica.Map.WriteAsync(new Session { User = Alice, State = SessionState.Assigned, App = "a", Machine = Machine }, CancellationToken.None);
        return write.Current!;
    }

    /// <summary>Until a lookup answers with the object of the one before: nothing was read in between.</summary>
    private static Task WarmAsync(MapReplica replica) => Eventually.HoldsAsync(async () =>
        await FindAsync(replica) is { Route: { } route } && ReferenceEquals(route, (await FindAsync(replica)).Route));

    private static ValueTask<RouteLookup> FindAsync(MapReplica replica) => replica.Routes.FindAsync(Alice, CancellationToken.None);

    private static async Task<long> ReadsAsync(ConnectionMultiplexer raw)
    {
        var statistics = await raw.GetServers()[0].InfoAsync("commandstats");
        var line = statistics.SelectMany(static group => group).FirstOrDefault(static pair => pair.Key == "cmdstat_hmget").Value ?? "calls=0,";
        return long.Parse(line["calls=".Length..line.IndexOf(',', StringComparison.Ordinal)], System.Globalization.CultureInfo.InvariantCulture);
    }
}
