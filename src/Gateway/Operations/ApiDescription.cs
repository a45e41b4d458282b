using System.Text.Json;
using System.Text.Json.Nodes;
using System.Text.Json.Serialization;
using System.Text.Json.Serialization.Metadata;
using Gateway.Identity;
using Microsoft.AspNetCore.Authorization;
using Microsoft.AspNetCore.OpenApi;
using Microsoft.OpenApi;

namespace Gateway.Operations;

/// <summary>
/// The operators' API as OpenAPI 3.1, made from the endpoints themselves: all that is below <c>/api/</c> is in it, with what each says of itself where it is mapped.
/// <c>docs/openapi.json</c> is its checked-in copy.
/// </summary>
internal static class ApiDescription
{
    private const string Json = "application/json";
    private const string Problem = "application/problem+json";
    private const string Below = "api/";

    public static IServiceCollection AddApiDescription(this IServiceCollection services)
    {
        // Schemas are made by the host's options, and answers are written by each endpoint's own: both are to name alike, and a number is never a string.
        services.ConfigureHttpJsonOptions(static options =>
        {
            options.SerializerOptions.PropertyNamingPolicy = JsonNamingPolicy.SnakeCaseLower;
            options.SerializerOptions.NumberHandling = JsonNumberHandling.Strict;
        });
        return services.AddOpenApi("v1", static options =>
        {
            options.OpenApiVersion = OpenApiSpecVersion.OpenApi3_1;
            options.ShouldInclude = static api => api.RelativePath?.StartsWith(Below, StringComparison.Ordinal) is true;
            options.AddDocumentTransformer(DescribeAsync);
            options.AddOperationTransformer(DescribeAsync);
        });
    }

    /// <summary>What it answers with, as an example that is written the way the endpoint writes it.</summary>
    public static RouteHandlerBuilder Answers<T>(
        this RouteHandlerBuilder endpoint, string summary, JsonTypeInfo<T> type, T example, int status = StatusCodes.Status200OK, string contentType = Json) =>
        endpoint.WithSummary(summary).Produces<T>(status, contentType).AddOpenApiOperationTransformer((operation, _, _) =>
        {
            if (operation.Responses?[StatusText(status)].Content?[contentType] is OpenApiMediaType media)
            {
                media.Example = JsonSerializer.SerializeToNode(example, type);
            }

            return Task.CompletedTask;
        });

    /// <summary>After which there is nothing to answer.</summary>
    public static RouteHandlerBuilder Ends(this RouteHandlerBuilder endpoint, string summary) => endpoint.WithSummary(summary).Produces(StatusCodes.Status204NoContent);

    /// <summary>An action on one route, answered by <see cref="ActionAnswer"/>: accepted, with where to watch it. It may be held to the reading it was decided on.</summary>
    public static RouteHandlerBuilder Acts<T>(this RouteHandlerBuilder endpoint, string summary, JsonTypeInfo<T> type, T example) => endpoint
        .Answers(summary, type, example, StatusCodes.Status202Accepted)
        .AddOpenApiOperationTransformer(static (operation, _, _) =>
        {
            Add(operation, "If-Match", ParameterLocation.Header, "The ETag of the reading this was decided on; another one now is refused with 412.", ApiExamples.Route.ETag);
            if (operation.Responses?[StatusText(StatusCodes.Status202Accepted)] is OpenApiResponse accepted)
            {
                accepted.Headers = new Dictionary<string, IOpenApiHeader>
                {
                    ["Location"] = Header("What to watch: the route, or what the action made.", "/api/routes/" + ApiExamples.Route.Id),
                    ["Link"] = Header("The events, on which what comes of it is told as it happens.", ActionAnswer.Monitor),
                    ["ETag"] = Header("Of the route as it is now; missing once there is none.", ApiExamples.Route.ETag),
                };
            }

            return Task.CompletedTask;
        });

    /// <summary>An action that answers with the route.</summary>
    public static RouteHandlerBuilder Acts(this RouteHandlerBuilder endpoint, string summary) => endpoint.Acts(summary, RouteJson.Default.RouteView, ApiExamples.Route);

    /// <summary>A parameter that the endpoint reads by itself.</summary>
    public static RouteHandlerBuilder Takes(this RouteHandlerBuilder endpoint, string name, string description, string example) =>
        endpoint.AddOpenApiOperationTransformer((operation, _, _) =>
        {
            Add(operation, name, name == "Last-Event-ID" ? ParameterLocation.Header : ParameterLocation.Query, description, example);
            return Task.CompletedTask;
        });

    /// <summary>The body that the endpoint reads by itself. Said here only: <c>Accepts</c> would also choose endpoints by the content type, and answer 404 to a wrong one.</summary>
    public static RouteHandlerBuilder Reads<T>(this RouteHandlerBuilder endpoint, JsonTypeInfo<T> type, T example, bool required = true) =>
        endpoint.AddOpenApiOperationTransformer(async (operation, context, cancellationToken) => operation.RequestBody = new OpenApiRequestBody
        {
            Required = required,
            Content = new Dictionary<string, OpenApiMediaType>
            {
                [Json] = new() { Schema = await context.GetOrCreateSchemaAsync(typeof(T), null, cancellationToken), Example = JsonSerializer.SerializeToNode(example, type) },
            },
        });

    /// <summary>The first word below <c>/api/</c>.</summary>
    private static string TagOf(string path) => path.TrimStart('/')[Below.Length..].Split('/', '.')[0];

    private static string StatusText(int status) => status.ToString(System.Globalization.CultureInfo.InvariantCulture);

    private static OpenApiHeader Header(string description, string example) =>
        new() { Description = description, Schema = new OpenApiSchema { Type = JsonSchemaType.String }, Example = JsonValue.Create(example) };

    private static void Add(OpenApiOperation operation, string name, ParameterLocation place, string description, string example) =>
        (operation.Parameters ??= []).Add(new OpenApiParameter
        {
            Name = name,
            In = place,
            Description = description,
            Schema = new OpenApiSchema { Type = JsonSchemaType.String },
            Example = JsonValue.Create(example),
        });

    private static Task DescribeAsync(OpenApiDocument document, OpenApiDocumentTransformerContext context, CancellationToken cancellationToken)
    {
        document.Info = new OpenApiInfo
        {
            Title = "Gateway operations",
            Version = "1",
            Description = "Routes, why they are as they are, and what operators do to them. On the operations listener alone.",
        };
        // Where this replica happens to listen is nobody's business.
        document.Servers = [];
        document.Tags = document.Paths.Keys.Select(TagOf).Distinct().Select(static name => new OpenApiTag { Name = name }).ToHashSet();
        document.Components ??= new OpenApiComponents();
        document.Components.SecuritySchemes = new Dictionary<string, IOpenApiSecurityScheme>
        {
            ["bearer"] = new OpenApiSecurityScheme { Type = SecuritySchemeType.Http, Scheme = "bearer", Description = "An access token of the provider, of a user with the operator or the viewer role." },
            ["key"] = new OpenApiSecurityScheme
            {
                Type = SecuritySchemeType.Http, Scheme = "bearer", BearerFormat = "API key", Description = "An API key of Identity:ApiKeys, sent as a bearer. It needs neither Redis nor the provider.",
            },
        };
        // Either of them.
        document.Security = [.. document.Components.SecuritySchemes.Keys.Select(scheme => new OpenApiSecurityRequirement { [new OpenApiSecuritySchemeReference(scheme, document)] = [] })];
        return Task.CompletedTask;
    }

    private static Task DescribeAsync(OpenApiOperation operation, OpenApiOperationTransformerContext context, CancellationToken cancellationToken)
    {
        operation.Tags = new HashSet<OpenApiTagReference> { new(TagOf(context.Description.RelativePath!), context.Document) };
        operation.Description = context.Description.ActionDescriptor.EndpointMetadata.OfType<IAuthorizeData>().Any(static needs => needs.Policy == IdentityPolicies.Operator)
            ? "For operators." : "For operators and viewers.";
        foreach (var parameter in (operation.Parameters ?? []).OfType<OpenApiParameter>().Where(static parameter => parameter.In is ParameterLocation.Path))
        {
            parameter.Description = "A user: their name where it is plain, and otherwise ~ with its base64url.";
            parameter.Example = JsonValue.Create(ApiExamples.Route.Id);
        }

        operation.Responses ??= [];
        operation.Responses["default"] = new OpenApiResponse
        {
            Description = "A refusal as a problem document (RFC 9457): 400 the request cannot be read, 401 and 403 credentials, 404 no such route, 409 and 412 it changed, 503 Redis is away.",
            Content = new Dictionary<string, OpenApiMediaType>
            {
                [Problem] = new() { Example = JsonNode.Parse("""{"type":"urn:gateway:problem:no-such-route","title":"No such route","status":404,"detail":"No user with this id has a session."}""") },
            },
        };
        return Task.CompletedTask;
    }
}
