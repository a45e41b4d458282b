using Gateway.Redis;
using Microsoft.Extensions.DependencyInjection.Extensions;
using Microsoft.Extensions.Options;

namespace Gateway.Sessions;

internal static class SessionsSetup
{
    public static IServiceCollection AddSessions(this IServiceCollection services)
    {
        services.AddOptions<SessionsOptions>().BindConfiguration(SessionsOptions.Section)
            .Configure<IConfiguration>(static (options, configuration) => options.RedisUrl = configuration["REDIS_URL"] is { Length: > 0 } url ? url : options.RedisUrl)
            .ValidateOnStart();
        services.AddSingleton<IValidateOptions<SessionsOptions>, SessionsOptionsValidation>();
        services.AddSingleton(static provider => Connect(provider));
        services.AddHostedService<EvictionCheck>();
        services.AddSingleton(static provider => new MapKeys(provider.GetRequiredService<IOptions<SessionsOptions>>().Value.KeyPrefix));
        services.AddSingleton(Replica.New());
        // A service, so that a simulation can replay what chance decided.
        services.TryAddSingleton(Random.Shared);
        services.AddSingleton<SessionsMetrics>();
        services.AddSingleton<MapCalls>();
        services.AddSingleton<IChangeChannel, RedisChangeChannel>();
        services.AddSingleton<ChangeFeed>();
        services.AddHostedService(static provider => provider.GetRequiredService<ChangeFeed>());
        services.AddSingleton<RedisSessionMap>();
        services.AddSingleton<ISessionMap>(static provider => provider.GetRequiredService<RedisSessionMap>());
        services.AddSingleton<IVisitMap, RedisVisitMap>();
        services.AddSingleton<IRouteIndex, RedisRouteIndex>();
        services.AddSingleton<IRouteHistory, RedisRouteHistory>();
        services.AddSingleton<ILedger, RedisLedger>();
        services.AddSingleton<INotes, RedisNotes>();
        services.AddSingleton<AuditTrail>();
        services.AddSingleton<RouteTable>();
        return services;
    }

    private static RedisConnection Connect(IServiceProvider provider)
    {
        // Validated before: the URL parses.
        _ = RedisUrl.TryParse(provider.GetRequiredService<IOptions<SessionsOptions>>().Value.RedisUrl, out var options, out _);
        return new RedisConnection(options!, provider.GetRequiredService<TimeProvider>(), provider.GetRequiredService<ILogger<RedisConnection>>());
    }
}
