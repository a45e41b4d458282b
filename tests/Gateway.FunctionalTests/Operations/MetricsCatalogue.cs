using System.Diagnostics.Metrics;
using System.Text;
using System.Text.RegularExpressions;
using Gateway.FunctionalTests.Workspaces;
using Microsoft.Extensions.DependencyInjection;
using Xunit;

namespace Gateway.FunctionalTests.Operations;

/// <summary>Every instrument of one running gateway, each with a value, and the scrape that shows them.</summary>
public sealed partial class MetricsCatalogue : IAsyncLifetime
{
    public IReadOnlyList<Instrument> Instruments { get; private set; } = [];

    public string Scrape { get; private set; } = "";

    /// <summary>The first scrape of a gateway that nobody has used yet.</summary>
    public string FirstScrape { get; private set; } = "";

    /// <summary>Names of series, as a query selects them.</summary>
    public IReadOnlySet<string> Names { get; private set; } = new HashSet<string>();

    public async Task InitializeAsync()
    {
        await using var cloud = await GatewayEnvironment.StartAsync();
        var gateway = await cloud.StartGatewayAsync();

        // From another one, because a scrape is kept for a moment and answered again.
        using var first = RunningGateway.Client((await cloud.StartGatewayAsync()).OperationsUrl, token: null);
        FirstScrape = await first.GetStringAsync("/metrics");
        Instruments = [.. Published(gateway.Services).OrderBy(static instrument => instrument.Name, StringComparer.Ordinal)];

        // A series shows from its first value on, so each gets one.
        foreach (var instrument in Instruments)
        {
            Touch(instrument);
        }

        using var stranger = RunningGateway.Client(gateway.Url, token: null);
        using var refused = await stranger.GetAsync("/");
        using var scraper = RunningGateway.Client(gateway.OperationsUrl, token: null);
        Scrape = await scraper.GetStringAsync("/metrics");
        Names = Series().Matches(Scrape).Select(static match => match.Value).ToHashSet(StringComparer.Ordinal);
    }

    public Task DisposeAsync() => Task.CompletedTask;

    public static string KindOf(Instrument instrument) => instrument switch
    {
        Histogram<double> => "histogram",
        Counter<long> => "counter",
        Gauge<int> or ObservableGauge<int> or ObservableGauge<long> or ObservableUpDownCounter<int> or ObservableUpDownCounter<long> or Gauge<double> or Gauge<long> => "gauge",
        Counter<double> => "counter",
        _ => instrument.GetType().Name,
    };

    /// <summary>What the exporter makes of a name: a unit in braces leaves no trace.</summary>
    public static string ScrapedNameOf(Instrument instrument)
    {
        var unit = instrument.Unit switch { "s" => "_seconds", "By" => "_bytes", _ => "" };
        return instrument.Name.Replace('.', '_') + unit + (KindOf(instrument) is "counter" ? "_total" : "");
    }

    /// <summary>The table of <c>docs/metrics.md</c>.</summary>
    public string ToTable()
    {
        var table = new StringBuilder("| instrument | in a scrape | kind | unit | |\n|---|---|---|---|---|\n");
        foreach (var instrument in Instruments)
        {
            table.Append(null, $"| `{instrument.Name}` | `{ScrapedNameOf(instrument)}` | {KindOf(instrument)} | `{instrument.Unit}` | {instrument.Description} |\n");
        }

        return table.ToString();
    }

    /// <summary>Of this gateway alone: other tests run gateways in the same process.</summary>
    private static List<Instrument> Published(IServiceProvider services)
    {
        foreach (var metrics in typeof(WorkspaceRequest).Assembly.GetTypes().Where(static type => type.Name.EndsWith("Metrics", StringComparison.Ordinal) && !type.IsAbstract))
        {
            services.GetRequiredService(metrics);
        }

        var scope = services.GetRequiredService<IMeterFactory>();
        var found = new List<Instrument>();
        using var listener = new MeterListener();
        listener.InstrumentPublished = (instrument, _) =>
        {
            if (instrument.Meter.Name == GatewayTelemetry.MeterName && ReferenceEquals(instrument.Meter.Scope, scope))
            {
                lock (found)
                {
                    found.Add(instrument);
                }
            }
        };
        listener.Start();
        lock (found)
        {
            return [.. found];
        }
    }

    private static void Touch(Instrument instrument)
    {
        switch (instrument)
        {
            case Counter<long> counter: counter.Add(0); break;
            case Counter<double> counter: counter.Add(0); break;
            case Histogram<double> histogram: histogram.Record(0); break;
            case Gauge<int> gauge: gauge.Record(0); break;
            case Gauge<long> gauge: gauge.Record(0); break;
            case Gauge<double> gauge: gauge.Record(0); break;
        }
    }

    [GeneratedRegex(@"(?m)^[a-zA-Z_:][a-zA-Z0-9_:]*")]
    private static partial Regex Series();
}
