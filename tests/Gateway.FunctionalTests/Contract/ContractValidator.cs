using System.Text.Json;
using System.Text.Json.Nodes;

namespace Gateway.FunctionalTests.Contract;

/// <summary>
/// Holds exchanges with the Machines API against its contract: the platform's own specification, tightened for what we send and for what we rely on, and
/// widened where the platform is known to differ from it. A fault is a sentence; no faults: the exchange is as it should be.
/// </summary>
internal sealed class ContractValidator
{
    private readonly ContractDocument _contract;
    private readonly SchemaWalk _requests;
    private readonly SchemaWalk _responses;

    private ContractValidator(ContractDocument contract)
    {
        _contract = contract;
        _requests = new SchemaWalk(contract.Schemas, contract.Requests);
        _responses = new SchemaWalk(contract.Schemas, contract.Responses);
    }

    public static ContractValidator Load() => new(ContractDocument.Load());

    public IReadOnlyList<string> ValidateRequest(string method, string pathAndQuery, string? bodyJson, IReadOnlyDictionary<string, string>? headers = null)
    {
        var (path, query) = Split(pathAndQuery);
        if (Find(method, path) is not { } operation)
        {
            return [$"{method} {path} is not in the contract"];
        }

        var faults = new List<string>();
        ValidateQuery(operation, query, faults);
        ValidateBody(operation, bodyJson, faults);
        if (headers is not null)
        {
            faults.AddRange(operation.RequiredHeaders.Where(name => !headers.Any(header => header.Key.Equals(name, StringComparison.OrdinalIgnoreCase) && header.Value.Length > 0))
                .Select(static name => $"header {name} is missing"));
        }

        return [.. faults.Select(fault => $"{operation.Name}: request: {fault}")];
    }

    public IReadOnlyList<string> ValidateResponse(string method, string path, int status, string? bodyJson, IReadOnlyDictionary<string, string>? headers = null)
    {
        if (Find(method, Split(path).Path) is not { } operation)
        {
            // What is not in the contract is answered by what stands before the API.
            return status is 404 ? [] : [$"{method} {path} is not in the contract and was answered with {status}"];
        }

        var faults = new List<string>();
        if (!operation.Statuses.Contains(status) && !_contract.CommonStatuses.Contains(status))
        {
            faults.Add($"status {status} is not in the contract");
        }
        else if (status >= 400)
        {
            ValidateError(status, bodyJson, faults);
        }
        else
        {
            ValidateAnswer(operation, status, bodyJson, faults);
        }

        faults.AddRange((headers ?? new Dictionary<string, string>()).Keys
            .Where(name => name.Equals("fly-next-cursor", StringComparison.OrdinalIgnoreCase) && !operation.Headers.Contains(name.ToLowerInvariant()))
            .Select(static name => $"header {name} is not in the contract"));
        return [.. faults.Select(fault => $"{operation.Name}: {status}: {fault}")];
    }

    private ContractOperation? Find(string method, string path) =>
        _contract.Operations.Where(operation => operation.Fit(method, path) is not null).MaxBy(operation => operation.Fit(method, path));

    private void ValidateQuery(ContractOperation operation, List<(string Name, string Value)> query, List<string> faults)
    {
        faults.AddRange(operation.RequiredQuery.Except(query.Select(static pair => pair.Name)).Select(static name => $"query {name} is missing"));
        foreach (var (name, value) in query)
        {
            if (operation.QueryParameter(name) is not { } schema)
            {
                faults.Add($"query {name} is not in the contract");
                continue;
            }

            // Lists of words are separated by commas; everything else is one value.
            foreach (var one in schema["enum"] is null ? [value] : value.Split(','))
            {
                faults.AddRange(_requests.FaultsOf(ValueOf(one, schema), schema).Select(fault => $"query {name}{fault[1..]}"));
            }
        }
    }

    private void ValidateBody(ContractOperation operation, string? body, List<string> faults)
    {
        if (string.IsNullOrEmpty(body))
        {
            if (operation.NeedsBody)
            {
                faults.Add("the body is missing");
            }
        }
        else if (operation.Body is { } schema)
        {
            faults.AddRange(FaultsOf(_requests, body, schema));
        }
        else if (!operation.MayHaveBody)
        {
            faults.Add("there should be no body");
        }
    }

    private void ValidateAnswer(ContractOperation operation, int status, string? body, List<string> faults)
    {
        if (operation.Answer(status) is not { } schema)
        {
            return;
        }

        List<JsonObject> shapes = [schema, .. _contract.OtherAnswers.GetValueOrDefault(operation) ?? []];
        faults.AddRange(Nearest(shapes, body));
    }

    private void ValidateError(int status, string? body, List<string> faults)
    {
        if (body?.TrimStart().StartsWith('{') is not true)
        {
            if (!_contract.PlainText.Contains(status))
            {
                faults.Add("the error is not JSON");
            }

            return;
        }

        faults.AddRange(Nearest(_contract.Errors, body));
    }

    /// <summary>None where one of the shapes fits, otherwise what is wrong with the one that fits best.</summary>
    private IReadOnlyList<string> Nearest(List<JsonObject> shapes, string? body) =>
        shapes.Select(shape => FaultsOf(_responses, body ?? "", shape)).MinBy(static faults => faults.Count)!;

    private static IReadOnlyList<string> FaultsOf(SchemaWalk walk, string body, JsonObject schema)
    {
        try
        {
            using var document = JsonDocument.Parse(body);
            return walk.FaultsOf(document.RootElement, schema);
        }
        catch (JsonException)
        {
            return ["the body is not JSON"];
        }
    }

    private static JsonElement ValueOf(string text, JsonObject schema)
    {
        var isText = schema["type"]?.GetValue<string>() is not ("integer" or "number" or "boolean");
        try
        {
            return JsonSerializer.Deserialize<JsonElement>(isText ? JsonSerializer.Serialize(text) : text);
        }
        catch (JsonException)
        {
            return JsonSerializer.SerializeToElement(text);
        }
    }

    private static (string Path, List<(string Name, string Value)> Query) Split(string pathAndQuery)
    {
        var mark = pathAndQuery.IndexOf('?', StringComparison.Ordinal);
        if (mark < 0)
        {
            return (pathAndQuery, []);
        }

        var pairs = pathAndQuery[(mark + 1)..].Split('&', StringSplitOptions.RemoveEmptyEntries).Select(static pair =>
        {
            var equals = pair.IndexOf('=', StringComparison.Ordinal);
            return equals < 0 ? (Uri.UnescapeDataString(pair), "") : (Uri.UnescapeDataString(pair[..equals]), Uri.UnescapeDataString(pair[(equals + 1)..]));
        });
        return (pathAndQuery[..mark], [.. pairs]);
    }
}
