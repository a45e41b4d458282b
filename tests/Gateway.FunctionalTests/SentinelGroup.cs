using System.Globalization;
using StackExchange.Redis;

namespace Gateway.FunctionalTests;

/// <summary>Two servers of Redis, the second a replica of the first, and three Sentinels that watch them: processes all.</summary>
internal sealed class SentinelGroup : IAsyncDisposable
{
    private const string Name = "map";

    // A replica that comes anew is served at once.
    private static readonly string[] AtOnce = ["--repl-diskless-sync-delay", "0"];

    private readonly string _folder = Directory.CreateTempSubdirectory("gateway-sentinels-").FullName;
    private readonly List<RedisServer> _sentinels = [];

    private SentinelGroup(RedisServer first, RedisServer second) => (First, Second) = (first, second);

    /// <summary>The primary at the beginning.</summary>
    public RedisServer First { get; }

    public RedisServer Second { get; }

    public IReadOnlyList<RedisServer> Sentinels => _sentinels;

    public string Url => $"redis+sentinel://{string.Join(',', _sentinels.Select(static sentinel => new Uri(sentinel.Url).Authority))}/{Name}";

    public static async Task<SentinelGroup> StartAsync()
    {
        var first = await RedisServer.StartAsync(AtOnce);
        var second = await RedisServer.StartAsync([.. AtOnce, "--replicaof", "127.0.0.1 " + first.Port.ToString(CultureInfo.InvariantCulture)]);
        var group = new SentinelGroup(first, second);
        try
        {
            await group.ReplicatesAsync(second);
            for (var i = 0; i < 3; i++)
            {
                group._sentinels.Add(await group.StartSentinelAsync());
            }

            // A failover needs a Sentinel that knows the replica, and two that know each other.
            await group.AgreeAsync(static told => told["num-slaves"] == "1" && told["num-other-sentinels"] == "2");
            return group;
        }
        catch
        {
            await group.DisposeAsync();
            throw;
        }
    }

    /// <summary>All Sentinels that run tell of the second as the primary.</summary>
    public Task FailedOverAsync() => AgreeAsync(told => told["port"] == Second.Port.ToString(CultureInfo.InvariantCulture));

    /// <summary>What is written from now on is on the first server alone.</summary>
    public async Task CutReplicationAsync()
    {
        await using var connection = await First.ConnectAsync();
        await connection.GetDatabase().ExecuteAsync("WAIT", 1, (long)Eventually.Limit.TotalMilliseconds);
        // A process that stands still connects to nothing again.
        Second.Pause();
        await connection.GetDatabase().ExecuteAsync("CLIENT", "KILL", "TYPE", "replica");
    }

    /// <summary>The first goes, with what was written to it alone.</summary>
    public void LoseFirst()
    {
        First.Kill();
        Second.Resume();
    }

    /// <summary>An operator's command, which all Sentinels follow while the primary is well.</summary>
    public async Task OrderFailoverAsync()
    {
        await using var connection = await AskAsync(_sentinels[0]);
        await connection.GetServers()[0].SentinelFailoverAsync(Name);
    }

    /// <summary>It is a replica that has all there is.</summary>
    public async Task ReplicatesAsync(RedisServer server)
    {
        await using var connection = await server.ConnectAsync();
        await Eventually.HoldsAsync(() => SaysAsync(connection, "master_link_status:up"));
    }

    public static Task<bool> IsReplicaAsync(ConnectionMultiplexer server) => SaysAsync(server, "role:slave");

    public static Task<bool> IsPrimaryAsync(ConnectionMultiplexer server) => SaysAsync(server, "role:master");

    public async ValueTask DisposeAsync()
    {
        foreach (var server in _sentinels.Append(First).Append(Second))
        {
            await server.DisposeAsync();
        }

        Directory.Delete(_folder, recursive: true);
    }

    private async Task<RedisServer> StartSentinelAsync()
    {
        // Theirs to write to.
        var file = Path.Combine(_folder, string.Create(CultureInfo.InvariantCulture, $"{_sentinels.Count}.conf"));
        await File.WriteAllTextAsync(file, string.Create(CultureInfo.InvariantCulture, $"""
            sentinel monitor {Name} 127.0.0.1 {First.Port} 2
            sentinel down-after-milliseconds {Name} 1000
            sentinel failover-timeout {Name} 3000

            """));
        return await RedisServer.StartAsync(file, "--sentinel");
    }

    private async Task AgreeAsync(Func<Dictionary<string, string>, bool> told)
    {
        foreach (var sentinel in _sentinels)
        {
            await using var connection = await AskAsync(sentinel);
            await Eventually.HoldsAsync(async () => told((await connection.GetServers()[0].SentinelMasterAsync(Name)).ToDictionary()));
        }
    }

    private static Task<ConnectionMultiplexer> AskAsync(RedisServer sentinel) =>
        ConnectionMultiplexer.ConnectAsync(new ConfigurationOptions { EndPoints = { { "127.0.0.1", sentinel.Port } }, CommandMap = CommandMap.Sentinel, TieBreaker = "" });

    private static async Task<bool> SaysAsync(ConnectionMultiplexer server, string line)
    {
        try
        {
            return (await server.GetServers()[0].InfoRawAsync("replication"))!.Contains(line, StringComparison.Ordinal);
        }
        catch (RedisException)
        {
            // Sentinels cut all connections of a server whose role they change.
            return false;
        }
    }
}
