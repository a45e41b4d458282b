using System.Collections.Concurrent;
using Gateway.Machines;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;

namespace Gateway.Tests.Machines;

/// <summary>The room as the product sets it up, with a stub where the network is.</summary>
internal sealed class MachinesStage : IDisposable
{
    public const string App = "workspaces";
    public const string Token = "fake-token-for-tests";

    public static readonly MachineId Machine = new("1857156b526dd8");
    public static readonly VolumeId Volume = new("vol_4qp8d1ny2x9vg0r1");
    public static readonly TimeSpan Limit = TimeSpan.FromSeconds(60);

    private readonly ServiceProvider _services;

    public MachinesStage(params (string Key, string? Value)[] settings)
    {
        var values = new Dictionary<string, string?> { ["FLY_API_TOKEN"] = Token, ["Machines:ApiUrl"] = "http://machines.test:4280", ["Machines:KeepRates"] = "false" };
        foreach (var (key, value) in settings)
        {
            values[key] = value;
        }

        var services = new ServiceCollection();
        services.AddSingleton<IConfiguration>(new ConfigurationBuilder().AddInMemoryCollection(values).Build());
        services.AddSingleton<TimeProvider>(Time);
        services.AddMetrics();
        services.AddLogging(logging => logging.SetMinimumLevel(LogLevel.Trace).AddProvider(Logs));
        services.AddMachines();
        services.AddHttpClient(MachinesClient.Name).ConfigurePrimaryHttpMessageHandler(() => Api);
        _services = services.BuildServiceProvider();
    }

    public SkippingTime Time { get; } = new();

    public StubApi Api { get; } = new();

    public LogLines Logs { get; } = new();

    public IServiceProvider Services => _services;

    public IMachines Machines => _services.GetRequiredService<IMachines>();

    public void Dispose() => _services.Dispose();
}

/// <summary>Every line that anything logged, at every level.</summary>
internal sealed class LogLines : ILoggerProvider, ILogger
{
    public ConcurrentQueue<(LogLevel Level, string? Event, string Text)> Lines { get; } = [];

    public ILogger CreateLogger(string categoryName) => this;

    public IDisposable? BeginScope<TState>(TState state)
        where TState : notnull => null;

    public bool IsEnabled(LogLevel logLevel) => true;

    public void Log<TState>(LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter) =>
        Lines.Enqueue((logLevel, eventId.Name, formatter(state, exception) + exception));

    public void Dispose()
    {
    }
}
