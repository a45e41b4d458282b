using LocalCloud;
using Microsoft.Extensions.Logging.Abstractions;
using StackExchange.Redis;
using Xunit;

namespace Gateway.FunctionalTests.Cloud;

public sealed class EmbeddedRedisTests
{
    private static readonly TimeSpan Limit = TimeSpan.FromSeconds(60);

    [Fact]
    public async Task Restart_FindsWhatScriptsAndCommandsWrote()
    {
        var folder = Directory.CreateTempSubdirectory("redis-").FullName;
        try
        {
            await WithRedisAsync(folder, async database =>
            {
                await database.StringSetAsync("plain", "1");
                await database.ScriptEvaluateAsync("redis.call('hset', KEYS[1], 'field', ARGV[1]) return redis.call('time')", ["hash"], ["2"]);
                await database.SortedSetAddAsync("sorted", "member", 3);
            });

            await WithRedisAsync(folder, async database =>
            {
                Assert.Equal("1", (string?)await database.StringGetAsync("plain"));
                Assert.Equal("2", (string?)await database.HashGetAsync("hash", "field"));
                Assert.Equal(3, await database.SortedSetScoreAsync("sorted", "member"));
            });
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    private static async Task WithRedisAsync(string folder, Func<IDatabase, Task> use)
    {
        var port = FreePorts.Take();
        await using var redis = EmbeddedRedis.Start(port, folder, NullLoggerProvider.Instance);
        await using var connection = await ConnectionMultiplexer.ConnectAsync($"127.0.0.1:{port}").WaitAsync(Limit);
        await use(connection.GetDatabase()).WaitAsync(Limit);
    }
}
