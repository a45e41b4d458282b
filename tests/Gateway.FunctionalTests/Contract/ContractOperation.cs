using System.Globalization;
using System.Text.Json.Nodes;

namespace Gateway.FunctionalTests.Contract;

/// <summary>One method of one path of the contract, with what is known about it beyond the specification.</summary>
internal sealed class ContractOperation(string method, string template, JsonObject specification)
{
    private readonly string[] _segments = template.Split('/');

    public string Name => $"{method} {template}";

    public JsonObject? Body => specification["requestBody"]?["content"]?["application/json"]?["schema"] as JsonObject;

    /// <summary>The specification names no content for some bodies that it describes in words.</summary>
    public bool MayHaveBody => specification["requestBody"] is not null;

    public bool NeedsBody => specification["requestBody"]?["required"]?.GetValue<bool>() is true;

    /// <summary>The type and words of each query parameter; a name that ends in <c>*</c> stands for all that begin so.</summary>
    public Dictionary<string, JsonObject> Query { get; } = Parameters(specification, "query").ToDictionary(static p => p["name"]!.GetValue<string>(), static p => (JsonObject)p["schema"]!);

    public IEnumerable<string> RequiredHeaders => Parameters(specification, "header").Where(static p => p["required"]?.GetValue<bool>() is true).Select(static p => p["name"]!.GetValue<string>());

    public HashSet<string> RequiredQuery { get; } = [];

    /// <summary>Headers of the answer that mean something.</summary>
    public HashSet<string> Headers { get; } = [];

    public IEnumerable<int> Statuses => ((JsonObject)specification["responses"]!).Select(static response => int.Parse(response.Key, CultureInfo.InvariantCulture));

    public JsonObject? Answer(int status) =>
        specification["responses"]?[status.ToString(CultureInfo.InvariantCulture)]?["content"]?["application/json"]?["schema"] as JsonObject;

    /// <summary>How well the path fits: the more of its segments are literal, the better; null: not at all.</summary>
    public int? Fit(string requestMethod, string path)
    {
        var segments = path.Split('/');
        if (requestMethod != method || segments.Length != _segments.Length)
        {
            return null;
        }

        var literal = 0;
        for (var n = 0; n < segments.Length; n++)
        {
            if (_segments[n].StartsWith('{') ? segments[n].Length == 0 : _segments[n] != segments[n])
            {
                return null;
            }

            literal += _segments[n].StartsWith('{') ? 0 : 1;
        }

        return literal;
    }

    public JsonObject? QueryParameter(string name) =>
        Query.TryGetValue(name, out var exact)
            ? exact
            : Query.FirstOrDefault(known => known.Key.EndsWith('*') && name.StartsWith(known.Key[..^1], StringComparison.Ordinal) && name.Length >= known.Key.Length).Value;

    private static IEnumerable<JsonObject> Parameters(JsonObject specification, string place) =>
        (specification["parameters"] as JsonArray ?? []).Cast<JsonObject>().Where(parameter => parameter["in"]!.GetValue<string>() == place);
}
