using System.Globalization;
using System.Text.Json;
using System.Text.Json.Nodes;

namespace Gateway.FunctionalTests.Contract;

/// <summary>What is asked of a body beyond its schema, which requires nothing and allows everything.</summary>
/// <param name="Closed">A property that the schema does not have is a fault.</param>
/// <param name="Required">By the schema's name, what must be there.</param>
internal sealed record Strictness(bool Closed, IReadOnlyDictionary<string, string[]> Required);

/// <summary>Compares JSON with the part of JSON schema that OpenAPI 3.0 documents use: type, properties, required, enum, items, bounds, nullable, references and compositions.</summary>
internal sealed class SchemaWalk(JsonObject schemas, Strictness strictness)
{
    private const string Prefix = "#/components/schemas/";

    public IReadOnlyList<string> FaultsOf(JsonElement value, JsonObject schema)
    {
        var faults = new List<string>();
        Walk(value, schema, "$", faults);
        return faults;
    }

    private void Walk(JsonElement value, JsonObject schema, string at, List<string> faults)
    {
        var parts = Parts(schema, null).ToList();
        if (value.ValueKind is JsonValueKind.Null)
        {
            if (!parts.Exists(static part => part.Schema["nullable"]?.GetValue<bool>() is true))
            {
                faults.Add($"{at} is null");
            }

            return;
        }

        foreach (var (part, name) in parts)
        {
            Compare(value, part, name, at, faults);
        }

        if (value.ValueKind is JsonValueKind.Object)
        {
            WalkProperties(value, [.. parts.Select(static part => part.Schema)], at, faults);
        }
        else if (value.ValueKind is JsonValueKind.Array && parts.Select(static part => part.Schema["items"]).FirstOrDefault(static items => items is not null) is JsonObject items)
        {
            var index = 0;
            foreach (var item in value.EnumerateArray())
            {
                Walk(item, items, $"{at}[{index++}]", faults);
            }
        }
    }

    /// <summary>The schema itself, what it refers to, and all that it is composed of by <c>allOf</c>; each with its name where it has one.</summary>
    private IEnumerable<(JsonObject Schema, string? Name)> Parts(JsonObject schema, string? name)
    {
        if (schema["$ref"]?.GetValue<string>() is { } reference)
        {
            var target = reference[Prefix.Length..];
            var found = schemas[target] as JsonObject ?? throw new InvalidDataException($"{reference} is not in the contract.");
            return Parts(found, target);
        }

        var whole = schema["allOf"] as JsonArray ?? [];
        return [(schema, name), .. whole.SelectMany(part => Parts((JsonObject)part!, null))];
    }

    private void Compare(JsonElement value, JsonObject schema, string? name, string at, List<string> faults)
    {
        if (schema["type"]?.GetValue<string>() is { } type && !IsOf(value, type))
        {
            faults.Add($"{at} is {value.ValueKind}, not {type}");
            return;
        }

        if (schema["enum"] is JsonArray words && !words.Any(word => word!.ToJsonString() == value.GetRawText()))
        {
            faults.Add($"{at} is {value.GetRawText()}, not one of {words.ToJsonString()}");
        }

        CompareBounds(value, schema, at, faults);
        foreach (var missing in RequiredBy(schema, name).Where(property => value.ValueKind is JsonValueKind.Object && !value.TryGetProperty(property, out _)))
        {
            faults.Add($"{at}.{missing} is missing");
        }

        CompareAlternatives(value, schema, at, faults);
    }

    private static void CompareBounds(JsonElement value, JsonObject schema, string at, List<string> faults)
    {
        if (value.ValueKind is not JsonValueKind.Number)
        {
            return;
        }

        var number = value.GetDouble();
        if (number < Number(schema["minimum"]) || number > Number(schema["maximum"]))
        {
            faults.Add($"{at} is {number.ToString(CultureInfo.InvariantCulture)}, out of bounds");
        }
    }

    /// <summary>Both compositions are satisfied by any alternative: the contract's never overlap in a way that matters.</summary>
    private void CompareAlternatives(JsonElement value, JsonObject schema, string at, List<string> faults)
    {
        if ((schema["anyOf"] ?? schema["oneOf"]) is not JsonArray alternatives)
        {
            return;
        }

        var nearest = default(List<string>);
        foreach (var alternative in alternatives)
        {
            var found = new List<string>();
            Walk(value, (JsonObject)alternative!, at, found);
            nearest = nearest is null || found.Count < nearest.Count ? found : nearest;
        }

        faults.AddRange(nearest ?? []);
    }

    private void WalkProperties(JsonElement value, List<JsonObject> parts, string at, List<string> faults)
    {
        // A schema that names nothing is free, and one with alternatives leaves it to them.
        var free = parts.TrueForAll(static part => part["properties"] is null) || parts.Exists(static part => part["anyOf"] is not null || part["oneOf"] is not null);
        foreach (var property in value.EnumerateObject())
        {
            var known = parts.Select(part => part["properties"]?[property.Name] ?? part["additionalProperties"] as JsonObject).FirstOrDefault(static found => found is not null);
            if (known is JsonObject schema)
            {
                Walk(property.Value, schema, $"{at}.{property.Name}", faults);
            }
            else if (strictness.Closed && !free)
            {
                faults.Add($"{at}.{property.Name} is not in the contract");
            }
        }
    }

    private IEnumerable<string> RequiredBy(JsonObject schema, string? name)
    {
        var own = schema["required"] is JsonArray required ? required.Select(static property => property!.GetValue<string>()) : [];
        return own.Concat(name is not null && strictness.Required.TryGetValue(name, out var more) ? more : []).Distinct();
    }

    private static double? Number(JsonNode? node) => node is null ? null : double.Parse(node.ToJsonString(), CultureInfo.InvariantCulture);

    private static bool IsOf(JsonElement value, string type) => type switch
    {
        "object" => value.ValueKind is JsonValueKind.Object,
        "array" => value.ValueKind is JsonValueKind.Array,
        "string" => value.ValueKind is JsonValueKind.String,
        "boolean" => value.ValueKind is JsonValueKind.True or JsonValueKind.False,
        "number" => value.ValueKind is JsonValueKind.Number,
        "integer" => value.ValueKind is JsonValueKind.Number && value.TryGetInt64(out _),
        _ => throw new InvalidDataException($"The contract has a type {type}."),
    };
}
