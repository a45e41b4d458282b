using System.Reflection;
using System.Text.Json;
using System.Text.RegularExpressions;
using Gateway.Identity;
using Gateway.Identity.Refreshing;
using Gateway.Machines;
using Gateway.Provisioning;
using Gateway.Proxying;
using Gateway.Reconciling;
using Gateway.Waking;
using Xunit;

namespace Gateway.FunctionalTests.Operations;

/// <summary>A page that is read at three in the morning names only what is there.</summary>
public sealed partial class RunbookTests
{
    [Fact]
    public void Links_LeadToPages()
    {
        var folder = Path.Combine(Checkout.Root, "docs", "runbooks");
        foreach (var page in MonitoringFiles.Runbooks())
        {
            Assert.All(
                Link().Matches(MonitoringFiles.Read("docs", "runbooks", page)).Select(static match => match.Groups[1].Value),
                link => Assert.True(File.Exists(Path.Combine(folder, link)), $"{page} leads to {link}, which is not there."));
        }
    }

    [Fact]
    public void Settings_AreOnesOfTheGateway()
    {
        using var defaults = JsonDocument.Parse(MonitoringFiles.Read("appsettings.json"), new JsonDocumentOptions { CommentHandling = JsonCommentHandling.Skip });
        foreach (var page in MonitoringFiles.Runbooks())
        {
            Assert.All(
                Setting().Matches(MonitoringFiles.Read("docs", "runbooks", page)),
                match => Assert.True(
                    defaults.RootElement.TryGetProperty(match.Groups[1].Value, out var section) && (match.Groups[2].Value is "*" || section.TryGetProperty(match.Groups[2].Value, out _)),
                    $"{page} names {match.Value}, which is no setting."));
        }
    }

    /// <summary>An alert on an outcome that is spelled wrong never fires, and nobody notices.</summary>
    [Fact]
    public void Outcomes_InTheRules_AreOnesThatTheGatewayCounts()
    {
        var matchers = Matcher().Matches(MonitoringFiles.Read("monitoring", "rules.yml"));
        Assert.NotEmpty(matchers);
        Assert.Equal(Selector().Count(MonitoringFiles.Read("monitoring", "rules.yml")), matchers.Count);
        foreach (Match match in matchers)
        {
            var known = KnownTo(match.Groups[1].Value, match.Groups[2].Value);
            Assert.All(match.Groups[3].Value.Split('|'), value => Assert.Contains(value, known));
        }
    }

    private static string[] KnownTo(string series, string label) => (series, label) switch
    {
        ("gateway_wakes_total" or "gateway_wake_duration_seconds_bucket" or "gateway_wake_duration_seconds_count", "outcome") => [.. Enum.GetValues<WakeRefusal>().Select(WakeRefusals.NameOf), "awake"],
        ("gateway_provisioning_duration_seconds_count", "outcome") => [.. Snake(Enum.GetNames<ProvisionRefusal>()), "assigned"],
        ("gateway_machines_call_duration_seconds_count", "outcome") => [.. Enum.GetNames<MachinesFailureKind>(), "ok"],
        ("gateway_machines_call_duration_seconds_count" or "gateway_machines_call_duration_seconds_bucket", "call") => Enum.GetNames<MachinesCall>(),
        ("gateway_forwards_total", "outcome") => [.. Snake(Enum.GetNames<ForwardOutcome>())],
        ("gateway_sign_ins_total", "outcome") => [.. Constants<Refusal>(typeof(IdentityRefusals)).Select(static refusal => refusal.Type), "signed_in"],
        ("gateway_sign_ins_refreshes_total", "outcome") => [.. Snake(Enum.GetNames<RefreshOutcome>())],
        ("gateway_map_calls_total", "outcome") => ["answered", "unanswered"],
        ("gateway_machine_stops_total", "outcome") => ["asleep", "abandoned", "not_awake", "failed"],
        ("gateway_upgrades_total", "outcome") => ["upgraded", "went_back", "refused"],
        ("gateway_drift", "kind") => [.. Constants<string>(typeof(DriftKinds))],
        _ => [],
    };

    private static IEnumerable<string> Snake(IEnumerable<string> names) => names.Select(JsonNamingPolicy.SnakeCaseLower.ConvertName);

    private static IEnumerable<T> Constants<T>(Type type) => type.GetFields(BindingFlags.Public | BindingFlags.Static).Select(static field => field.GetValue(null)).OfType<T>();

    [GeneratedRegex(@"\]\(([^)#:]+)\)")]
    private static partial Regex Link();

    [GeneratedRegex(@"`(Identity|Sessions|Machines|Workspaces|Waking|Reconciling|Idling|Proxying|Operations):(\w+|\*)")]
    private static partial Regex Setting();

    [GeneratedRegex("""(gateway_\w+)\{(outcome|kind|call)(?:=~|!~|!=|=)"([^"]+)"\}""")]
    private static partial Regex Matcher();

    [GeneratedRegex(@"gateway_\w+\{")]
    private static partial Regex Selector();
}
