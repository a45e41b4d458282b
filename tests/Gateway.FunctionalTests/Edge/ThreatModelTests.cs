using System.Text.RegularExpressions;
using Gateway.FunctionalTests.Operations;
using Xunit;

namespace Gateway.FunctionalTests.Edge;

/// <summary>docs/security.md names the test that tries each attack, and a name that leads nowhere would be a promise nobody keeps.</summary>
public sealed partial class ThreatModelTests
{
    [Fact]
    public void TestsThatTheThreatModelNames_AllExist()
    {
        var sources = Directory.EnumerateFiles(Path.Combine(Checkout.Root, "tests"), "*Tests*.cs", SearchOption.AllDirectories).Select(File.ReadAllText).ToList();
        var page = MonitoringFiles.Read("docs", "security.md");

        var missing = Named().Matches(page).Where(name =>
        {
            var type = new Regex($@"class {name.Groups["type"].Value}\b", RegexOptions.None, TimeSpan.FromSeconds(1));
            var method = name.Groups["method"].Value;
            var exact = !name.Groups["more"].Success;
            var test = new Regex(method.Length == 0 ? "" : $@"(Task|void) {method}{(exact ? @"\b" : "")}", RegexOptions.None, TimeSpan.FromSeconds(1));
            return !sources.Any(source => type.IsMatch(source) && test.IsMatch(source));
        }).Select(static name => name.Value).ToList();

        Assert.Empty(missing);
        Assert.All(Rows(page), static row => Assert.True(Named().IsMatch(row) || row.Contains("fly.toml", StringComparison.Ordinal), "No test: " + row));
    }

    /// <summary>The rows that say an attack.</summary>
    private static IEnumerable<string> Rows(string page) =>
        page.Split('\n').Where(static line => line.StartsWith("| ", StringComparison.Ordinal) && !line.StartsWith("| attack ", StringComparison.Ordinal));

    [GeneratedRegex(@"`(?:[A-Z]\w*\.)*(?<type>\w+Tests)(?:\.(?<method>\w+?)(?<more>…)?)?`")]
    private static partial Regex Named();
}
