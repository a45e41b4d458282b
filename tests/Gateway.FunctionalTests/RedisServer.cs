using System.Diagnostics;
using System.Globalization;
using System.Net;
using System.Net.Sockets;
using System.Runtime.InteropServices;
using Gateway.FunctionalTests.Cloud;
using StackExchange.Redis;

namespace Gateway.FunctionalTests;

/// <summary>A real Redis of the test's own, on a free port: it can be flushed, killed, paused and started again on the same port.</summary>
internal sealed partial class RedisServer : IAsyncDisposable
{
    private const int Stop = 19;
    private const int Continue = 18;

    private readonly string _folder = Directory.CreateTempSubdirectory("gateway-map-").FullName;
    private readonly int _port = FreePorts.Take();
    private readonly string[] _first;
    private Process? _process;

    private RedisServer(string[] first) => _first = first;

    public int Port => _port;

    public string Url => string.Create(CultureInfo.InvariantCulture, $"redis://127.0.0.1:{_port}");

    /// <param name="first">Arguments before its own, at each start.</param>
    public static async Task<RedisServer> StartAsync(params string[] first)
    {
        var redis = new RedisServer(first);
        await redis.RestartAsync();
        return redis;
    }

    public async Task RestartAsync()
    {
        try
        {
            _process = Process.Start("redis-server", [.. _first, "--port", _port.ToString(CultureInfo.InvariantCulture), "--bind", "127.0.0.1", "--save", "", "--dir", _folder, "--daemonize", "no", "--logfile", Path.Combine(_folder, "log")]);
        }
        catch (System.ComponentModel.Win32Exception exception)
        {
            throw new InvalidOperationException("redis-server is needed for this test and is not installed: run `bash tests/run`, which installs it.", exception);
        }

        await Eventually.HoldsAsync(async () =>
        {
            if (_process!.HasExited)
            {
                // Whoever answers on the port is another one, with another test's data.
                throw new InvalidOperationException($"redis-server ended at its start: {await File.ReadAllTextAsync(Path.Combine(_folder, "log"))}");
            }

            using var socket = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
            try
            {
                await socket.ConnectAsync(IPAddress.Loopback, _port);
                return true;
            }
            catch (SocketException)
            {
                return false;
            }
        });
    }

    public async Task FlushAsync()
    {
        await using var connection = await ConnectAsync();
        await connection.GetServers()[0].FlushAllDatabasesAsync();
    }

    public Task<ConnectionMultiplexer> ConnectAsync() =>
        ConnectionMultiplexer.ConnectAsync(new ConfigurationOptions { EndPoints = { { "127.0.0.1", _port } }, AllowAdmin = true, AbortOnConnectFail = false });

    public void Kill()
    {
        if (_process is { } process)
        {
            process.Kill();
            process.WaitForExit();
            process.Dispose();
            _process = null;
        }
    }

    public void Pause() => _ = Signal(_process!.Id, Stop);

    public void Resume() => _ = Signal(_process!.Id, Continue);

    public ValueTask DisposeAsync()
    {
        Kill();
        Directory.Delete(_folder, recursive: true);
        return ValueTask.CompletedTask;
    }

    [LibraryImport("libc", EntryPoint = "kill")]
    private static partial int Signal(int process, int signal);
}
