using System.Diagnostics;
using System.Net.Sockets;
using StackExchange.Redis;

namespace Gateway.FunctionalTests.Identity;

/// <summary>A Redis of the test's own, on a socket in a folder of its own, so that no port can be taken by another.</summary>
internal sealed class RedisProcess : IAsyncDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("gateway-redis-").FullName;
    private Process? _process;

    private string SocketPath => Path.Combine(_folder, "redis.sock");

    public static async Task<RedisProcess> StartAsync()
    {
        var redis = new RedisProcess();
        redis.Launch();
        await using var probe = await redis.ConnectAsync();
        return redis;
    }

    /// <summary>A connection that fails fast while the server is away and comes back with it.</summary>
    public async Task<ConnectionMultiplexer> ConnectAsync()
    {
        var options = new ConfigurationOptions
        {
            EndPoints = { new UnixDomainSocketEndPoint(SocketPath) },
            AbortOnConnectFail = false,
            BacklogPolicy = BacklogPolicy.FailFast,
            ReconnectRetryPolicy = new LinearRetry(200),
        };
        var connection = await ConnectionMultiplexer.ConnectAsync(options);
        await UntilAsync(() => connection.IsConnected);
        return connection;
    }

    public void Kill()
    {
        _process!.Kill();
        _process.WaitForExit();
        _process.Dispose();
        _process = null;
    }

    public static async Task UntilAsync(Func<bool> holds)
    {
        using var bound = new CancellationTokenSource(TimeSpan.FromSeconds(60));
        while (!holds())
        {
            await Task.Delay(TimeSpan.FromMilliseconds(20), TimeProvider.System, bound.Token);
        }
    }

    public ValueTask DisposeAsync()
    {
        if (_process is not null)
        {
            Kill();
        }

        Directory.Delete(_folder, recursive: true);
        return ValueTask.CompletedTask;
    }

    private void Launch() => _process = Process.Start(new ProcessStartInfo("redis-server")
    {
        ArgumentList = { "--port", "0", "--unixsocket", SocketPath, "--save", "", "--dir", _folder, "--daemonize", "no", "--logfile", Path.Combine(_folder, "log") },
    });
}
