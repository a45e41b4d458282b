using System.Text.RegularExpressions;
using Xunit;

namespace Gateway.FunctionalTests.Operations;

/// <summary>What is watched, and what is said of it, is what a running gateway shows.</summary>
public sealed partial class MonitoringTests(MetricsCatalogue catalogue) : IClassFixture<MetricsCatalogue>
{
    private const string Introduction = """
        # Metrics

        Every instrument of the meter `Gateway`, as `/metrics` of the operations listener shows it. A histogram is there as `…_bucket`, `…_sum` and `…_count`. No label names a user, a machine or an address.
        Beside these the scrape has the runtime's meters `Microsoft.AspNetCore.Hosting`, `Microsoft.AspNetCore.Server.Kestrel` and `System.Runtime`.
        Alerts over them are in [monitoring/rules.yml](../monitoring/rules.yml), each with a page in [runbooks](runbooks), and a dashboard is in [monitoring/dashboard.json](../monitoring/dashboard.json).

        This page is written by `UPDATE_METRICS=1 dotnet test tests/Gateway.FunctionalTests --filter FullyQualifiedName~MonitoringTests`, and a test fails when it is not what the code says.


        """;

    [Fact]
    public async Task MetricsPage_IsWhatTheCodeSays()
    {
        var told = Introduction.ReplaceLineEndings("\n") + catalogue.ToTable();
        var page = Path.Combine(Checkout.Root, "docs", "metrics.md");
        if (Environment.GetEnvironmentVariable("UPDATE_METRICS") == "1")
        {
            await File.WriteAllTextAsync(page, told);
        }

        var written = File.Exists(page) ? MonitoringFiles.Read("docs", "metrics.md") : "";
        Assert.True(written == told, $"docs/metrics.md is not what the code says. Run this test with UPDATE_METRICS=1, look at what changed, and commit it. It would read:\n{told}");
    }

    [Fact]
    public void EveryInstrument_IsInTheScrapeUnderTheNameThePageTells()
    {
        Assert.NotEmpty(catalogue.Instruments);
        foreach (var instrument in catalogue.Instruments)
        {
            var name = MetricsCatalogue.ScrapedNameOf(instrument);
            var series = MetricsCatalogue.KindOf(instrument) is "histogram" ? name + "_bucket" : name;
            Assert.True(catalogue.Names.Contains(series), $"{series} is not in the scrape:\n{catalogue.Scrape}");
        }
    }

    /// <summary>Its absence is an alert that wakes somebody.</summary>
    [Fact]
    public void HeldRequests_AreInTheFirstScrapeOfAGatewayThatNobodyUsed() => Assert.Contains("\ngateway_requests_held", catalogue.FirstScrape, StringComparison.Ordinal);

    [Fact]
    public void EveryInstrument_SaysWhatItIs() =>
        Assert.All(catalogue.Instruments, static instrument => Assert.False(string.IsNullOrWhiteSpace(instrument.Description) || string.IsNullOrEmpty(instrument.Unit), instrument.Name));

    [Fact]
    public void Rules_QueryOnlyWhatTheScrapeHas()
    {
        var rules = MonitoringFiles.RulesExpressions();
        Assert.Equal(Alert().Count(MonitoringFiles.Read("monitoring", "rules.yml")), rules.Length);
        Assert.Empty(Unknown(rules));
    }

    [Fact]
    public void Dashboard_QueriesOnlyWhatTheScrapeHas()
    {
        var queries = MonitoringFiles.DashboardExpressions();
        Assert.NotEmpty(queries);
        Assert.Empty(Unknown(queries));
    }

    [Fact]
    public void EveryAlert_HasARunbookAndAUnitTest()
    {
        var rules = MonitoringFiles.Read("monitoring", "rules.yml");
        var alerts = Alert().Matches(rules).Select(static match => match.Groups[1].Value).ToArray();
        var runbooks = Runbook().Matches(rules).Select(static match => match.Groups[1].Value).ToArray();
        var tested = MonitoringFiles.Read("monitoring", "rules.test.yml");

        Assert.NotEmpty(alerts);
        Assert.Equal(alerts.Length, runbooks.Length);
        Assert.Empty(runbooks.Except(MonitoringFiles.Runbooks()));
        Assert.All(alerts, alert => Assert.Contains($"alertname: {alert}\n", tested, StringComparison.Ordinal));
    }

    private string[] Unknown(string[] expressions) =>
        [.. expressions.SelectMany(MonitoringFiles.NamesIn).Where(name => name is not "up" && !catalogue.Names.Contains(name)).Distinct().Order(StringComparer.Ordinal)];

    [GeneratedRegex(@"(?m)^ {6}- alert: (\w+)$")]
    private static partial Regex Alert();

    [GeneratedRegex(@"(?m)^ {10}runbook: docs/runbooks/(\S+)$")]
    private static partial Regex Runbook();
}
