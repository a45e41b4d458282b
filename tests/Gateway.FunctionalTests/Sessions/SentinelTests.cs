using System.Globalization;
using Gateway.Sessions;
using StackExchange.Redis;
using Xunit;

namespace Gateway.FunctionalTests.Sessions;

/// <summary>Which server the session map is read from and written to, when Sentinels say who the primary is.</summary>
[Collection(nameof(Alone))]
public sealed class SentinelTests
{
    private const string Prefix = "{sentinel}";

    private static readonly UserId Alice = new("alice");
    private static readonly UserId Bob = new("bob");

    [Fact]
    public async Task StartBeforeTheSentinels_FindsThePrimaryOnceTheyAreThere()
    {
        await using var group = await SentinelGroup.StartAsync();
        foreach (var sentinel in group.Sentinels)
        {
            sentinel.Kill();
        }

        await using var replica = await MapReplica.StartAsync(group.Url, Prefix);
        Assert.Equal(RouteKnown.Unknown, (await FindAsync(replica, Alice)).Known);
        Assert.Contains(replica.Log, static line => line.Contains("No Sentinel tells of a primary named map", StringComparison.Ordinal));
        foreach (var sentinel in group.Sentinels)
        {
            await sentinel.RestartAsync();
        }

        await Eventually.HoldsAsync(async () => (await FindAsync(replica, Alice)).Known is RouteKnown.None);
    }

    [Fact]
    public async Task ReplicaOfAPrimaryThatIsAway_IsNotRead()
    {
        await using var group = await SentinelGroup.StartAsync();
        await using var replica = await MapReplica.StartAsync(group.Url, Prefix);
        await WriteAsync(replica, Alice);
        await WriteAsync(replica, Bob);
        await FindAsync(replica, Alice);
        // Nobody promotes it.
        foreach (var sentinel in group.Sentinels)
        {
            sentinel.Pause();
        }

        group.First.Kill();
        await Eventually.HoldsAsync(() => !replica.Connection.IsConnected);

        Assert.Equal((RouteKnown.Found, RouteKnown.Unknown), ((await FindAsync(replica, Alice)).Known, (await FindAsync(replica, Bob)).Known));
    }

    [Fact]
    public async Task FormerPrimaryThatComesBackAsOne_IsNotWrittenTo()
    {
        await using var group = await SentinelGroup.StartAsync();
        await using var replica = await MapReplica.StartAsync(group.Url, Prefix);
        var session = await WriteAsync(replica, Bob);
        group.First.Kill();
        await group.FailedOverAsync();
        await Eventually.HoldsAsync(() => replica.Connection.IsConnected);

        // For about ten seconds it takes itself for a primary, and is an empty one.
        await group.First.RestartAsync();
        await using var former = await group.First.ConnectAsync();
        var primaries = 0;
        await Eventually.HoldsAsync(async () =>
        {
            session = (await replica.Map.WriteAsync(session with { Region = "iad" }, CancellationToken.None)).Current!;
            primaries += await SentinelGroup.IsPrimaryAsync(former) ? 1 : 0;
            return await SentinelGroup.IsReplicaAsync(former);
        });
        await group.ReplicatesAsync(group.First);

        Assert.True(primaries > 0, "it was one for a while");
        await using var present = await group.Second.ConnectAsync();
        Assert.Equal(session.Epoch, (long)await present.GetDatabase().HashGetAsync(KeyOf(Bob), "e"));
        // What is written to a primary comes to its replica when it comes.
        await Eventually.HoldsAsync(async () => session.Epoch == (long)await former.GetDatabase().HashGetAsync(KeyOf(Bob), "e", CommandFlags.PreferReplica));
    }

    [Fact]
    public async Task PrimaryThatIsDemotedWhileItIsUp_IsLeftForTheNextOne()
    {
        await using var group = await SentinelGroup.StartAsync();
        await using var replica = await MapReplica.StartAsync(group.Url, Prefix);
        var session = await WriteAsync(replica, Alice);

        await group.OrderFailoverAsync();
        await group.FailedOverAsync();
        await group.ReplicatesAsync(group.First);
        await Eventually.HoldsAsync(() => replica.Connection.IsConnected);
        var write = await replica.Map.WriteAsync(session with { Region = "iad" }, CancellationToken.None);

        Assert.True(write.Won);
        Assert.Equal("iad", (await FindAsync(replica, Alice)).Route?.Session.Region);
        await using var present = await group.Second.ConnectAsync();
        Assert.Equal(write.Current!.Epoch, (long)await present.GetDatabase().HashGetAsync(KeyOf(Alice), "e"));
    }

    [Fact]
    public async Task ServersAndSentinels_AreEachGivenTheirOwnPassword()
    {
        await using var server = await RedisServer.StartAsync("--requirepass", "fake-of-servers");
        var folder = Directory.CreateTempSubdirectory("gateway-sentinel-");
        var file = Path.Combine(folder.FullName, "conf");
        await File.WriteAllTextAsync(file, string.Create(CultureInfo.InvariantCulture, $"sentinel monitor map 127.0.0.1 {server.Port} 1\nsentinel auth-pass map fake-of-servers\nrequirepass fake-of-sentinels\n"));
        await using var sentinel = await RedisServer.StartAsync(file, "--sentinel");
        var url = $"redis+sentinel://:fake-of-servers@{new Uri(sentinel.Url).Authority}/map?sentinel_password=";

        await using (var refused = await MapReplica.StartAsync(url + "fake-wrong", Prefix))
        {
            Assert.Equal(RouteKnown.Unknown, (await FindAsync(refused, Alice)).Known);
        }

        await using var replica = await MapReplica.StartAsync(url + "fake-of-sentinels", Prefix);
        await WriteAsync(replica, Alice);
        Assert.Equal(RouteKnown.Found, (await FindAsync(replica, Alice)).Known);
        Assert.DoesNotContain(replica.Log, static line => line.Contains("fake-of", StringComparison.Ordinal));
        folder.Delete(recursive: true);
    }

    private static string KeyOf(UserId user) => $"{Prefix}:session:{user.Value}";

    private static async Task<Session> WriteAsync(MapReplica replica, UserId user) =>
        (await replica.Map.WriteAsync(new Session { User = user, State = SessionState.Assigned, App = "a" }, CancellationToken.None)).Current!;

    private static ValueTask<RouteLookup> FindAsync(MapReplica replica, UserId user) => replica.Routes.FindAsync(user, CancellationToken.None);
}
