using Gateway.FunctionalTests.Cloud;
using LocalCloud;
using Microsoft.Extensions.Logging.Abstractions;
using StackExchange.Redis;

namespace Gateway.FunctionalTests.Identity;

/// <summary>One of the servers that the map may live on, of the test's own.</summary>
internal sealed class MapServer : IAsyncDisposable
{
    public const string Redis = "Redis";
    public const string Garnet = "Garnet";

    private readonly RedisServer? _redis;
    private readonly EmbeddedRedis? _garnet;
    private readonly string? _folder;

    private MapServer(RedisServer redis) => (_redis, Url) = (redis, redis.Url);

    private MapServer(EmbeddedRedis garnet, string folder, int port) => (_garnet, _folder, Url) = (garnet, folder, $"redis://127.0.0.1:{port}");

    public string Url { get; }

    public static async Task<MapServer> StartAsync(string kind)
    {
        if (kind == Redis)
        {
            return new MapServer(await RedisServer.StartAsync());
        }

        var port = FreePorts.Take();
        var folder = Directory.CreateTempSubdirectory("garnet-").FullName;
        return new MapServer(EmbeddedRedis.Start(port, folder, NullLoggerProvider.Instance), folder, port);
    }

    public Task<ConnectionMultiplexer> ConnectAsync() => ConnectionMultiplexer.ConnectAsync(Url["redis://".Length..] + ",abortConnect=false,allowAdmin=true");

    public async ValueTask DisposeAsync()
    {
        await (_redis?.DisposeAsync() ?? ValueTask.CompletedTask);
        await (_garnet?.DisposeAsync() ?? ValueTask.CompletedTask);
        if (_folder is not null)
        {
            Directory.Delete(_folder, recursive: true);
        }
    }
}
