using System.Text.Json.Nodes;

namespace Gateway.FunctionalTests.Contract;

/// <summary>The specification with its known deviations worked in, and the overlay that makes it stricter. All three lie beside the tests.</summary>
internal sealed class ContractDocument
{
    private static readonly string[] Methods = ["get", "post", "put", "patch", "delete"];

    private ContractDocument(JsonObject specification, JsonObject overlay, JsonArray deviations)
    {
        Schemas = (JsonObject)specification["components"]!["schemas"]!;
        Operations = [.. from path in (JsonObject)specification["paths"]!
                         from verb in (JsonObject)path.Value!
                         where Methods.Contains(verb.Key)
                         select new ContractOperation(verb.Key.ToUpperInvariant(), path.Key, (JsonObject)verb.Value!)];
        foreach (var deviation in deviations.Cast<JsonObject>())
        {
            Apply(deviation);
        }

        Requests = StrictnessOf((JsonObject)overlay["requests"]!);
        Responses = StrictnessOf((JsonObject)overlay["responses"]!);
        foreach (var (operation, query) in (JsonObject)overlay["query"]!)
        {
            Tighten(Operation(operation), (JsonObject)query!);
        }
    }

    public JsonObject Schemas { get; }

    public IReadOnlyList<ContractOperation> Operations { get; }

    public Strictness Requests { get; }

    public Strictness Responses { get; }

    /// <summary>Statuses that any operation may answer with.</summary>
    public HashSet<int> CommonStatuses { get; } = [];

    /// <summary>Statuses whose body may be plain text.</summary>
    public HashSet<int> PlainText { get; } = [];

    /// <summary>The shapes of an error's body.</summary>
    public List<JsonObject> Errors { get; } = [new() { ["allOf"] = new JsonArray(new JsonObject { ["$ref"] = "#/components/schemas/ErrorResponse" }), ["required"] = new JsonArray("error") }];

    /// <summary>Other shapes that an operation's success may have.</summary>
    public Dictionary<ContractOperation, List<JsonObject>> OtherAnswers { get; } = [];

    public static ContractDocument Load() =>
        new((JsonObject)Read("fly-machines-openapi.json"), (JsonObject)Read("overlay.json"), Deviations());

    public static JsonArray Deviations() => (JsonArray)Read("deviations.json");

    private static JsonNode Read(string file) => JsonNode.Parse(File.ReadAllText(Path.Combine(AppContext.BaseDirectory, "Contract", file)))!;

    private void Apply(JsonObject deviation)
    {
        if (deviation["operation"]?.GetValue<string>() is { } name)
        {
            Widen(Operation(name), deviation);
        }

        if (deviation["schema"]?.GetValue<string>() is { } schema)
        {
            Change((JsonObject?)Schemas[schema] ?? throw new InvalidDataException($"{schema} is not in the contract."), deviation);
        }

        CommonStatuses.UnionWith(Numbers(deviation["statuses"]));
        PlainText.UnionWith(Numbers(deviation["plainText"]));
        if (deviation["error"] is JsonObject error)
        {
            Errors.Add(error);
        }
    }

    private void Widen(ContractOperation operation, JsonObject deviation)
    {
        foreach (var (name, type) in deviation["query"] as JsonObject ?? [])
        {
            operation.Query[name] = new JsonObject { ["type"] = type!.GetValue<string>() };
        }

        operation.Headers.UnionWith((deviation["headers"] as JsonArray ?? []).Select(static header => header!.GetValue<string>()));
        if (deviation["answer"] is JsonObject answer)
        {
            OtherAnswers.TryAdd(operation, []);
            OtherAnswers[operation].Add(answer);
        }
    }

    private static void Change(JsonObject schema, JsonObject deviation)
    {
        foreach (var word in deviation["enum"] as JsonArray ?? [])
        {
            ((JsonArray)schema["enum"]!).Add(word!.DeepClone());
        }

        if (deviation["property"]?.GetValue<string>() is not { } property)
        {
            return;
        }

        var properties = (JsonObject)schema["properties"]!;
        var known = (deviation["as"] ?? properties[property] ?? throw new InvalidDataException($"{property} is not in the contract.")).DeepClone();
        properties[property] = deviation["nullable"]?.GetValue<bool>() is true ? new JsonObject { ["allOf"] = new JsonArray(known), ["nullable"] = true } : known;
    }

    private static void Tighten(ContractOperation operation, JsonObject query)
    {
        operation.RequiredQuery.UnionWith((query["required"] as JsonArray ?? []).Select(static name => name!.GetValue<string>()));
        foreach (var bound in new[] { "minimum", "maximum" })
        {
            foreach (var (name, limit) in query[bound] as JsonObject ?? [])
            {
                operation.Query[name][bound] = limit!.DeepClone();
            }
        }
    }

    private ContractOperation Operation(string name) =>
        Operations.FirstOrDefault(operation => operation.Name == name) ?? throw new InvalidDataException($"{name} is not in the contract.");

    private static Strictness StrictnessOf(JsonObject overlay) => new(
        overlay["closed"]!.GetValue<bool>(),
        ((JsonObject)overlay["required"]!).ToDictionary(static entry => entry.Key, static entry => ((JsonArray)entry.Value!).Select(static name => name!.GetValue<string>()).ToArray()));

    private static IEnumerable<int> Numbers(JsonNode? list) => (list as JsonArray ?? []).Select(static number => number!.GetValue<int>());
}
