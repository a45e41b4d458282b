using System.Text.Json;
using System.Text.Json.Nodes;
using Microsoft.AspNetCore.Http.Metadata;
using Microsoft.AspNetCore.OpenApi;
using Microsoft.OpenApi;

namespace Gateway.Operations;

/// <summary>
/// The operators' API as OpenAPI 3.1, made from the endpoints themselves: an endpoint with a summary is in it. <c>docs/openapi.json</c> is its checked-in copy.
/// </summary>
internal static class ApiDescription
{
    private const string Problem = "application/problem+json";

    public static IServiceCollection AddApiDescription(this IServiceCollection services)
    {
        return services.AddOpenApi("v1", static options =>
        {
            options.OpenApiVersion = OpenApiSpecVersion.OpenApi3_1;
            options.ShouldInclude = static api => api.ActionDescriptor.EndpointMetadata.OfType<IEndpointSummaryMetadata>().Any();
            options.AddDocumentTransformer(DescribeAsync);
            options.AddOperationTransformer(RefuseAsync);
            options.AddSchemaTransformer(NameAsync);
        });
    }

    /// <summary>A read: what it answers with, and its summary.</summary>
    public static RouteHandlerBuilder Answers<T>(this RouteHandlerBuilder endpoint, string summary, int status = StatusCodes.Status200OK, string contentType = "application/json") =>
        endpoint.WithSummary(summary).WithTags("routes").Produces<T>(status, contentType);

    /// <summary>An action on one route: accepted, with where to watch it.</summary>
    public static RouteHandlerBuilder Acts(this RouteHandlerBuilder endpoint, string summary) => endpoint
        .Answers<RouteView>(summary, StatusCodes.Status202Accepted)
        .AddOpenApiOperationTransformer(static (operation, _, _) =>
        {
            Add(operation, "If-Match", ParameterLocation.Header, "The ETag of the reading this was decided on; another one now is refused with 412.");
            return Task.CompletedTask;
        });

    /// <summary>An action after which there is nothing to answer.</summary>
    public static RouteHandlerBuilder Ends(this RouteHandlerBuilder endpoint, string summary) => endpoint.WithSummary(summary).WithTags("routes").Produces(StatusCodes.Status204NoContent);

    /// <summary>A parameter that the endpoint reads by itself.</summary>
    public static RouteHandlerBuilder Takes(this RouteHandlerBuilder endpoint, string name, string description, string? example = null) =>
        endpoint.AddOpenApiOperationTransformer((operation, _, _) =>
        {
            Add(operation, name, name == "Last-Event-ID" ? ParameterLocation.Header : ParameterLocation.Query, description, example);
            return Task.CompletedTask;
        });

    /// <summary>The body that the endpoint reads by itself. Said here only: <c>Accepts</c> would also choose endpoints by the content type, and answer 404 to a wrong one.</summary>
    public static RouteHandlerBuilder Reads<T>(this RouteHandlerBuilder endpoint) =>
        endpoint.AddOpenApiOperationTransformer(static async (operation, context, cancellationToken) => operation.RequestBody = new OpenApiRequestBody
        {
            Required = true,
            Content = new Dictionary<string, OpenApiMediaType>
            {
                ["application/json"] = new() { Schema = await context.GetOrCreateSchemaAsync(typeof(T), null, cancellationToken) },
            },
        });

    private static void Add(OpenApiOperation operation, string name, ParameterLocation place, string description, string? example = null) =>
        (operation.Parameters ??= []).Add(new OpenApiParameter
        {
            Name = name,
            In = place,
            Description = description,
            Schema = new OpenApiSchema { Type = JsonSchemaType.String },
            Example = example is null ? null : JsonValue.Create(example),
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
        document.Components ??= new OpenApiComponents();
        document.Components.SecuritySchemes = new Dictionary<string, IOpenApiSecurityScheme>
        {
            ["bearer"] = new OpenApiSecurityScheme { Type = SecuritySchemeType.Http, Scheme = "bearer", Description = "An access token of the provider, of a user with the operator role." },
        };
        document.Security = [new OpenApiSecurityRequirement { [new OpenApiSecuritySchemeReference("bearer", document)] = [] }];
        return Task.CompletedTask;
    }

    // The host's own JSON options name otherwise, and other rooms answer by them.
    private static Task NameAsync(OpenApiSchema schema, OpenApiSchemaTransformerContext context, CancellationToken cancellationToken)
    {
        schema.Properties = schema.Properties?.ToDictionary(static property => Name(property.Key), static property => property.Value);
        schema.Required = schema.Required?.Select(Name).ToHashSet();
        return Task.CompletedTask;

        static string Name(string property) => JsonNamingPolicy.SnakeCaseLower.ConvertName(property);
    }

    private static Task RefuseAsync(OpenApiOperation operation, OpenApiOperationTransformerContext context, CancellationToken cancellationToken)
    {
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
