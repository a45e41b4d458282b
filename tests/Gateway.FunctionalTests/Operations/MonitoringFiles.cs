using System.Text.Json;
using System.Text.RegularExpressions;

namespace Gateway.FunctionalTests.Operations;

/// <summary>The checked-in rules, dashboard and runbooks, and the names that their queries use.</summary>
internal static partial class MonitoringFiles
{
    public static string Read(params string[] path) => File.ReadAllText(Path.Combine([Checkout.Root, .. path])).ReplaceLineEndings("\n");

    public static string[] Runbooks() => [.. Directory.GetFiles(Path.Combine(Checkout.Root, "docs", "runbooks"), "*.md").Select(static file => Path.GetFileName(file)!)];

    public static string[] RulesExpressions() => [.. Expression().Matches(Read("monitoring", "rules.yml")).Select(static match => match.Groups[1].Value)];

    public static string[] DashboardExpressions()
    {
        using var dashboard = JsonDocument.Parse(Read("monitoring", "dashboard.json"));
        return [.. Expressions(dashboard.RootElement)];
    }

    /// <summary>The names of series in a PromQL expression: what remains when matchers, ranges, groupings, functions and keywords are taken away.</summary>
    public static IEnumerable<string> NamesIn(string expression)
    {
        var bare = Grouping().Replace(NotNames().Replace(expression, " "), " ");
        return Name().Matches(bare).Select(static match => match.Value).Where(static name => name is not ("and" or "or" or "unless" or "offset" or "bool"));
    }

    private static IEnumerable<string> Expressions(JsonElement element) => element.ValueKind switch
    {
        JsonValueKind.Object => element.EnumerateObject().SelectMany(static property =>
            property.NameEquals("expr") ? [property.Value.GetString()!] : Expressions(property.Value)),
        JsonValueKind.Array => element.EnumerateArray().SelectMany(Expressions),
        _ => [],
    };

    // The expression of a rule: on the line itself, or in the block of deeper lines below it.
    [GeneratedRegex(@"(?m)^ {8}expr: (?:[|>]-?\n)?((?:.+\n)(?: {10}.*\n)*)")]
    private static partial Regex Expression();

    [GeneratedRegex("\"[^\"]*\"|\\[[^\\]]*\\]|(?<=\\w)\\{[^}]*\\}")]
    private static partial Regex NotNames();

    [GeneratedRegex(@"\b(?:by|without|on|ignoring|group_left|group_right)\s*\([^)]*\)")]
    private static partial Regex Grouping();

    [GeneratedRegex(@"(?<![\w:.$])[a-zA-Z_:][\w:]*(?!\s*\()(?![\w:])")]
    private static partial Regex Name();
}
