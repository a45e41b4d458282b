using Gateway.Identity;
using Gateway.Identity.Refreshing;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Time.Testing;
using StackExchange.Redis;

namespace Gateway.FunctionalTests.Identity;

/// <summary>Two replicas over one server, at a time of the test's own; the feed between them is the test.</summary>
internal sealed class RefreshStage(MapServer map, ConnectionMultiplexer connection, GatewayHost one, GatewayHost two, FakeTimeProvider time) : IAsyncDisposable
{
    public GatewayHost One => one;

    public GatewayHost Two => two;

    public FakeTimeProvider Time => time;

    public TestAuthority Authority => one.Authority;

    public static Dictionary<string, string?> Settings(Dictionary<string, string?>? settings = null) =>
        new(settings ?? []) { ["Identity:Scopes"] = settings?.GetValueOrDefault("Identity:Scopes") ?? "openid profile offline_access" };

    public static async Task<RefreshStage> StartAsync(string server, Dictionary<string, string?>? settings = null)
    {
        var map = await MapServer.StartAsync(server);
        var connection = await map.ConnectAsync();
        var time = new FakeTimeProvider(TimeProvider.System.GetUtcNow());
        var one = await GatewayHost.StartAsync(Settings(settings), time, connection, rounds: false);
        one.Authority.Time = time;
        return new RefreshStage(map, connection, one, await GatewayHost.StartAsync(Settings(settings), time, connection, one.Authority, rounds: false), time);
    }

    public async Task<Browser> SignInAsync()
    {
        var browser = one.NewBrowser();
        (await browser.FollowAsync("/")).Answer.EnsureSuccessStatusCode().Dispose();
        return browser;
    }

    /// <summary>Both replicas look at once.</summary>
    public Task RefreshAsync() =>
        Task.WhenAll(new[] { one, two }.Select(static host => host.App.Services.GetRequiredService<RefreshRounds>().RefreshDueAsync(CancellationToken.None))).WaitAsync(Eventually.Limit);

    /// <summary>As the change feed tells of every sign-in.</summary>
    public async Task TellOfSignInsAsync()
    {
        foreach (var key in (await KeysAsync()).Where(static key => key.StartsWith("{gateway}:sign-in:", StringComparison.Ordinal)))
        {
            foreach (var host in new[] { one, two })
            {
                host.App.Services.GetRequiredService<IdentityChanges>().Hear(ChangeKinds.SignIn, key["{gateway}:sign-in:".Length..]);
            }
        }
    }

    public async Task<IReadOnlyList<string>> KeysAsync(string pattern = "*")
    {
        var keys = new List<string>();
        await foreach (var key in connection.GetServers()[0].KeysAsync(pattern: pattern))
        {
            keys.Add((string)key!);
        }

        return keys;
    }

    /// <summary>All that lies under a key of its own.</summary>
    public async Task<IReadOnlyList<string>> StringsAsync()
    {
        var texts = new List<string>();
        foreach (var key in (await KeysAsync()).Where(static key => key.Contains(":sign-in:", StringComparison.Ordinal) || key.Contains(":refresh-token:", StringComparison.Ordinal)))
        {
            texts.Add((string)(await connection.GetDatabase().StringGetAsync(key))!);
        }

        return texts;
    }

    /// <summary>Makes what lies there unreadable; what is returned puts it back.</summary>
    public async Task<Func<Task>> SpoilAsync(string pattern)
    {
        var redis = connection.GetDatabase();
        var before = new Dictionary<string, RedisValue>();
        foreach (var key in await KeysAsync(pattern))
        {
            before[key] = await redis.StringGetAsync(key);
            await redis.StringSetAsync(key, "spoilt", expiry: null, keepTtl: true);
        }

        return () => Task.WhenAll(before.Select(pair => redis.StringSetAsync(pair.Key, pair.Value, expiry: null, keepTtl: true)));
    }

    public async ValueTask DisposeAsync()
    {
        await two.DisposeAsync();
        await one.DisposeAsync();
        await connection.DisposeAsync();
        await map.DisposeAsync();
    }
}
