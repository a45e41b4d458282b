using System.Collections.Concurrent;
using Gateway.FunctionalTests.Identity;
using Gateway.Redis;
using Gateway.Sessions;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;

namespace Gateway.FunctionalTests.Sessions;

/// <summary>The session map as one replica has it, over a real server.</summary>
internal sealed class MapReplica : IAsyncDisposable
{
    private readonly IHost _host;

    private MapReplica(IHost host, ConcurrentQueue<string> log) => (_host, Log) = (host, log);

    /// <summary>What it logged, a line each.</summary>
    public ConcurrentQueue<string> Log { get; }

    public RedisSessionMap Map => _host.Services.GetRequiredService<RedisSessionMap>();

    public INotes Notes => _host.Services.GetRequiredService<INotes>();

    public IVisitMap Visits => _host.Services.GetRequiredService<IVisitMap>();

    public IRouteIndex Index => _host.Services.GetRequiredService<IRouteIndex>();

    public IRouteHistory History => _host.Services.GetRequiredService<IRouteHistory>();

    public ILedger Ledger => _host.Services.GetRequiredService<ILedger>();

    public RouteTable Routes => _host.Services.GetRequiredService<RouteTable>();

    public RedisConnection Connection => _host.Services.GetRequiredService<RedisConnection>();

    /// <summary>A background service that fails ends the whole process.</summary>
    public bool IsStopping => _host.Services.GetRequiredService<IHostApplicationLifetime>().ApplicationStopping.IsCancellationRequested;

    public static Task<MapReplica> StartAsync(string url, string prefix, params (string Key, string Value)[] settings) => StartAsync(url, prefix, TimeProvider.System, settings);

    public static async Task<MapReplica> StartAsync(string url, string prefix, TimeProvider time, params (string Key, string Value)[] settings)
    {
        var log = new ConcurrentQueue<string>();
        var builder = Host.CreateEmptyApplicationBuilder(new HostApplicationBuilderSettings());
        builder.Configuration.AddInMemoryCollection(new Dictionary<string, string?> { ["REDIS_URL"] = url, ["Sessions:KeyPrefix"] = prefix });
        builder.Configuration.AddInMemoryCollection(settings.Select(setting => new KeyValuePair<string, string?>(setting.Key, setting.Value)));
        builder.Services.AddLogging(static logging => logging.ClearProviders());
        builder.Services.AddSingleton<ILoggerProvider>(new KeptLog(log));
        builder.Services.AddMetrics();
        builder.Services.AddSingleton(time);
        builder.Services.AddSessions();
        var host = builder.Build();
        await host.StartAsync().WaitAsync(Eventually.Limit);
        return new MapReplica(host, log);
    }

    public async ValueTask DisposeAsync()
    {
        await _host.StopAsync();
        if (_host is IAsyncDisposable disposable)
        {
            await disposable.DisposeAsync();
        }
    }
}
