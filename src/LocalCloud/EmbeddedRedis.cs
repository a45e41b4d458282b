using Garnet;

namespace LocalCloud;

/// <summary>A Redis-compatible session map inside this process, kept on disk so that a restart finds the same sessions.</summary>
internal sealed class EmbeddedRedis : IAsyncDisposable
{
    private readonly GarnetServer _server;
    private readonly ILoggerFactory _log;

    private EmbeddedRedis(GarnetServer server, ILoggerFactory log)
    {
        (_server, _log) = (server, log);
    }

    public static EmbeddedRedis Start(int port, string folder, ILoggerProvider provider)
    {
        Directory.CreateDirectory(folder);
        var log = LoggerFactory.Create(logging => logging.AddProvider(provider).SetMinimumLevel(LogLevel.Error));
        string[] arguments =
        [
            "--bind", "127.0.0.1", "--port", $"{port}", "-q",
            "--lua",
            // The native device needs libaio, which is often not there.
            "--device-type", "RandomAccess",
            "--aof", "--recover", "--checkpointdir", folder,
            // Made for servers: the defaults reserve hundreds of megabytes for a map of a few kilobytes.
            "--memory", "64m", "--page", "1m", "--index", "1m", "--aof-memory", "16m", "--aof-page-size", "4m", "--aof-segment-size", "64m",
            // Past this the log is replaced by a checkpoint.
            "--aof-size-limit", "64m",
        ];
        var server = new GarnetServer(arguments, log);
        try
        {
            server.Start();
        }
        catch
        {
            server.Dispose();
            log.Dispose();
            throw;
        }

        return new EmbeddedRedis(server, log);
    }

    public async ValueTask DisposeAsync()
    {
        // What was acknowledged may still be in the log's memory.
        await _server.Store.CommitAOFAsync(CancellationToken.None);
        _server.Dispose();
        _log.Dispose();
    }
}
