using System.Text.Json;
using Gateway.FunctionalTests.Workspaces;
using Microsoft.AspNetCore.Routing;
using Microsoft.Extensions.DependencyInjection;
using Xunit;

namespace Gateway.FunctionalTests.Operations;

public sealed class OpenApiTests : IAsyncLifetime
{
    private GatewayEnvironment _cloud = null!;
    private RunningGateway _gateway = null!;
    private string _answered = null!;
    private JsonElement _document;

    public async Task InitializeAsync()
    {
        _cloud = await GatewayEnvironment.StartAsync();
        _gateway = await _cloud.StartGatewayAsync();
        using var program = _gateway.OperatorClient();
        _answered = (await program.GetStringAsync("/openapi/v1.json")).ReplaceLineEndings("\n").TrimEnd() + "\n";
        _document = JsonSerializer.Deserialize<JsonElement>(_answered);
    }

    public async Task DisposeAsync() => await _cloud.DisposeAsync();

    /// <summary>With <c>UPDATE_OPENAPI=1</c> the copy is written instead: look at what changed before it is committed.</summary>
    [Fact]
    public async Task CheckedInCopy_IsWhatTheGatewayAnswers()
    {
        var copy = Path.Combine(Checkout.Root, "docs", "openapi.json");
        if (Environment.GetEnvironmentVariable("UPDATE_OPENAPI") == "1")
        {
            await File.WriteAllTextAsync(copy, _answered);
        }

        Assert.Equal(await File.ReadAllTextAsync(copy), _answered);
        Assert.StartsWith("3.1", _document.GetProperty("openapi").GetString(), StringComparison.Ordinal);
    }

    [Fact]
    public void EveryEndpointOfTheApi_IsInTheDocument_AndSaysWhatItDoes()
    {
        var mapped = _gateway.Services.GetRequiredService<EndpointDataSource>().Endpoints.OfType<RouteEndpoint>()
            .Where(static endpoint => endpoint.RoutePattern.RawText!.StartsWith("/api", StringComparison.Ordinal))
            .SelectMany(static endpoint => endpoint.Metadata.GetMetadata<IHttpMethodMetadata>()!.HttpMethods.Select(method => $"{method} {endpoint.RoutePattern.RawText}"));
        var described = Operations().ToDictionary(static operation => operation.Name, static operation => operation.Value);

        Assert.Equal(mapped.Order(StringComparer.Ordinal), described.Keys.Order(StringComparer.Ordinal));
        Assert.All(described, static operation =>
        {
            Assert.True(operation.Value.TryGetProperty("summary", out _), operation.Key + " has no summary");
            Assert.Contains(operation.Value.GetProperty("description").GetString(), new[] { "For operators.", "For operators and viewers." });
        });
    }

    [Fact]
    public void EveryParameterBodyAndAnswer_HasAnExample_OfItsSchema()
    {
        var faults = new List<string>();
        foreach (var (name, operation) in Operations())
        {
            var parameters = operation.TryGetProperty("parameters", out var some) ? some.EnumerateArray().ToList() : [];
            faults.AddRange(parameters.Where(static parameter => !parameter.TryGetProperty("example", out _) || !parameter.TryGetProperty("description", out _))
                .Select(parameter => $"{name}: {parameter.GetProperty("name")} has no example or no description"));
            var answers = operation.GetProperty("responses").EnumerateObject().Where(static answer => answer.Name != "default").ToList();
            Assert.NotEmpty(answers);
            foreach (var body in answers.Select(static answer => answer.Value).Append(operation.TryGetProperty("requestBody", out var sent) ? sent : default))
            {
                if (body.ValueKind is JsonValueKind.Object && body.TryGetProperty("content", out var content))
                {
                    foreach (var media in content.EnumerateObject())
                    {
                        Compare($"{name} {media.Name}", media.Value.GetProperty("schema"), media.Value.TryGetProperty("example", out var example) ? example : default, faults);
                    }
                }
            }
        }

        Assert.Empty(faults);
    }

    [Fact]
    public void Credentials_AreATokenOfTheProvider_OrAnApiKey()
    {
        var schemes = _document.GetProperty("components").GetProperty("securitySchemes");

        Assert.Equal(["bearer", "key"], schemes.EnumerateObject().Select(static scheme => scheme.Name));
        Assert.Equal(["bearer", "key"], _document.GetProperty("security").EnumerateArray().Select(static either => Assert.Single(either.EnumerateObject()).Name));
    }

    private IEnumerable<(string Name, JsonElement Value)> Operations() => _document.GetProperty("paths").EnumerateObject()
        .SelectMany(static path => path.Value.EnumerateObject().Select(operation => ($"{operation.Name.ToUpperInvariant()} {path.Name}", operation.Value)));

    /// <summary>Properties by name and need, all the way down; what is null may be missing.</summary>
    private void Compare(string at, JsonElement schema, JsonElement example, List<string> faults)
    {
        if (example.ValueKind is JsonValueKind.Undefined)
        {
            faults.Add(at + " has no example");
            return;
        }

        if (schema.TryGetProperty("$ref", out var reference))
        {
            schema = _document.GetProperty("components").GetProperty("schemas").GetProperty(reference.GetString()!.Split('/')[^1]);
        }

        if (schema.TryGetProperty("oneOf", out var either) && example.ValueKind is not JsonValueKind.Null)
        {
            Compare(at, either.EnumerateArray().Last(), example, faults);
            return;
        }

        if (example.ValueKind is JsonValueKind.Array)
        {
            foreach (var item in example.EnumerateArray())
            {
                Compare(at + "[]", schema.GetProperty("items"), item, faults);
            }
        }

        if (example.ValueKind is not JsonValueKind.Object)
        {
            return;
        }

        foreach (var property in example.EnumerateObject())
        {
            if (schema.TryGetProperty("properties", out var properties) && properties.TryGetProperty(property.Name, out var known))
            {
                Compare($"{at}.{property.Name}", known, property.Value, faults);
            }
            else if (schema.TryGetProperty("additionalProperties", out var any))
            {
                Compare($"{at}.{property.Name}", any, property.Value, faults);
            }
            else
            {
                faults.Add($"{at}.{property.Name} is not in the schema");
            }
        }
    }
}
