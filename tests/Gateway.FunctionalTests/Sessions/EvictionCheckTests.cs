using Gateway.Redis;
using Xunit;

namespace Gateway.FunctionalTests.Sessions;

public sealed class EvictionCheckTests
{
    [Fact]
    public async Task RedisThatMayDropKeys_IsWarnedOfAtStart()
    {
        await using var redis = await RedisServer.StartAsync();
        await using var raw = await redis.ConnectAsync();
        await raw.GetServers()[0].ConfigSetAsync("maxmemory-policy", "allkeys-lru");

        await using var replica = await MapReplica.StartAsync(redis.Url, "{eviction}");

        await Eventually.HoldsAsync(() => replica.Log.Any(static line => line.Contains("maxmemory-policy is allkeys-lru", StringComparison.Ordinal)));
    }

    [Theory]
    [InlineData("used_memory:1\r\nmaxmemory_policy:noeviction\r\nmem_fragmentation_ratio:1\r\n", "noeviction")]
    [InlineData("used_memory:1\r\n", null)]
    [InlineData("", null)]
    public void Policy_IsReadFromWhatTheServerTells_IfItTells(string memory, string? policy) => Assert.Equal(policy, EvictionCheck.PolicyIn(memory));
}
