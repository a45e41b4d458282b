using System.Text.Json.Serialization;
using Microsoft.Extensions.Options;
using StackExchange.Redis;

namespace Gateway.Identity.Assertions;

/// <summary>How signed assertions are added to the host, and where their keys are published.</summary>
internal static class AssertionSetup
{
    public const string KeysPath = "/.gateway/jwks.json";

    public static IServiceCollection AddAssertions(this IServiceCollection services, Func<IServiceProvider, IDatabase> database)
    {
        services.AddOptions<AssertionOptions>().BindConfiguration(AssertionOptions.Section).ValidateOnStart();
        services.AddSingleton<IValidateOptions<AssertionOptions>, AssertionOptionsValidation>();
        services.AddSingleton<IAssertionKeyStore>(provider => new RedisAssertionKeyStore(() => database(provider), provider.GetRequiredService<TimeProvider>()));
        services.AddSingleton<AssertionKeyRing>();
        services.AddHostedService(static provider => provider.GetRequiredService<AssertionKeyRing>());
        services.AddSingleton<WorkspaceAssertions>();
        return services;
    }

    public static void MapAssertions(this IEndpointRouteBuilder endpoints) => endpoints.MapGet(KeysPath, KeysAsync).AllowAnonymous();

    /// <summary>A JWK set (RFC 7517). Public by nature, and of no use but to verify.</summary>
    private static async Task<IResult> KeysAsync(HttpContext context, AssertionKeyRing ring)
    {
        var keys = await ring.PublishedAsync(context.RequestAborted);
        // Shorter than a period by far: a key is published one whole period before it signs.
        context.Response.Headers.CacheControl = "public, max-age=60";
        context.Response.Headers.XContentTypeOptions = "nosniff";
        return Results.Json(new KeySet([.. keys.Select(static key => new Key("EC", "P-256", "sig", "ES256", key.Id, key.X, key.Y))]));
    }

    private sealed record KeySet([property: JsonPropertyName("keys")] IReadOnlyList<Key> Keys);

    private sealed record Key(
        [property: JsonPropertyName("kty")] string Type,
        [property: JsonPropertyName("crv")] string Curve,
        [property: JsonPropertyName("use")] string Use,
        [property: JsonPropertyName("alg")] string Algorithm,
        [property: JsonPropertyName("kid")] string Id,
        [property: JsonPropertyName("x")] string X,
        [property: JsonPropertyName("y")] string Y);
}
