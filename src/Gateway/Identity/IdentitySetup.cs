using Microsoft.AspNetCore.Authentication;
using Microsoft.AspNetCore.Authentication.Cookies;
using Microsoft.AspNetCore.Authentication.JwtBearer;
using Microsoft.AspNetCore.Authentication.OpenIdConnect;
using Microsoft.AspNetCore.Authorization;
using Microsoft.AspNetCore.DataProtection;
using Microsoft.AspNetCore.DataProtection.KeyManagement;
using Microsoft.AspNetCore.DataProtection.StackExchangeRedis;
using Microsoft.Extensions.DependencyInjection.Extensions;
using Microsoft.Extensions.Options;
using StackExchange.Redis;

namespace Gateway.Identity;

/// <summary>How the room is added to the host and its endpoints mapped.</summary>
internal static class IdentitySetup
{
    /// <summary>Needs <see cref="AddSignInsInRedis"/> beside it.</summary>
    public static IServiceCollection AddIdentity(this IServiceCollection services)
    {
        services.AddOptions<IdentityOptions>().BindConfiguration(IdentityOptions.Section).ValidateOnStart();
        services.AddSingleton<IValidateOptions<IdentityOptions>, IdentityOptionsValidation>();
        services.TryAddSingleton(TimeProvider.System);
        services.AddSingleton<AllowList>();
        services.AddSingleton<SameOrigin>();
        services.AddSingleton<Provider>();
        services.AddSingleton<RequestCredential>();
        services.AddSingleton<SignIns>();
        services.AddSingleton<IdentityEvents>();
        services.AddSingleton<IdentityMetrics>();
        services.AddSingleton<IdentityAnswers>();
        services.AddSingleton<IAuthorizationMiddlewareResultHandler>(provider => provider.GetRequiredService<IdentityAnswers>());
        services.AddDataProtection().SetApplicationName("gateway");
        AddSchemes(services);
        AddPolicies(services);
        return services;
    }

    /// <summary>
    /// Sign-ins, and the keys that protect their cookies, in Redis: cookies survive deploys and hold on every replica. The database is asked for at
    /// each use and may throw a <see cref="RedisException"/> when it is away; it must not block.
    /// </summary>
    public static IServiceCollection AddSignInsInRedis(this IServiceCollection services, Func<IServiceProvider, IDatabase> database, Func<IServiceProvider, IdentityKeys> keys)
    {
        services.AddSingleton(provider => new IdentityCalls(() => database(provider), keys(provider), provider.GetRequiredService<TimeProvider>()));
        services.AddSingleton<ISignInStore, RedisSignInStore>();
        services.AddSingleton<IConfigureOptions<KeyManagementOptions>>(provider => new ConfigureOptions<KeyManagementOptions>(
            options => options.XmlRepository = new RedisXmlRepository(() => database(provider), keys(provider).ProtectionKeys)));
        return services;
    }

    /// <summary>Before everything that wants to know who asks.</summary>
    public static IApplicationBuilder UseIdentity(this IApplicationBuilder app) =>
        app.UseMiddleware<IdentityGuard>().UseAuthentication().UseAuthorization();

    public static void MapIdentity(this IEndpointRouteBuilder endpoints)
    {
        endpoints.MapGet(IdentityPaths.SignIn, IdentityEndpoints.SignInAsync).AllowAnonymous();
        endpoints.MapMethods(IdentityPaths.SignOut, ["GET", "POST"], IdentityEndpoints.SignOutAsync).AllowAnonymous();
        endpoints.MapGet(IdentityPaths.SignedOut, IdentityEndpoints.SignedOutAsync).AllowAnonymous();
        endpoints.MapGet(IdentityPaths.Me, IdentityEndpoints.MeAsync).RequireAuthorization(IdentityPolicies.Workspace);
        // All of /.gateway/ is the gateway's: what no room maps there is nobody's, and never the workspace's.
        endpoints.Map("/.gateway/{**path}", context => RefusalResponse.WriteAsync(context, IdentityRefusals.NoSuchPath)).AllowAnonymous();
    }

    private static void AddSchemes(IServiceCollection services)
    {
        services.AddAuthentication(IdentitySchemes.Chosen)
            .AddPolicyScheme(IdentitySchemes.Chosen, null, options => options.ForwardDefaultSelector =
                context => context.RequestServices.GetRequiredService<RequestCredential>().SchemeOf(context))
            .AddCookie(IdentitySchemes.Cookie)
            .AddJwtBearer(IdentitySchemes.Bearer, _ => { })
            .AddOpenIdConnect(IdentitySchemes.Provider, _ => { });
        services.AddSingleton<IConfigureOptions<CookieAuthenticationOptions>, CookieSetup>();
        services.AddSingleton<IConfigureOptions<JwtBearerOptions>, BearerSetup>();
        services.AddSingleton<IConfigureOptions<OpenIdConnectOptions>, ProviderSetup>();
    }

    private static void AddPolicies(IServiceCollection services)
    {
        services.AddSingleton<IAuthorizationHandler, MayHaveWorkspace>();
        services.AddSingleton<IAuthorizationHandler, SocketFromOurOrigin>();
        services.AddSingleton<IAuthorizationHandler, IsOperator>();
        services.AddAuthorizationBuilder()
            .AddPolicy(IdentityPolicies.Workspace, policy => policy
                .RequireAuthenticatedUser()
                .AddRequirements(new MayHaveWorkspace.Requirement(), new SocketFromOurOrigin.Requirement()))
            .AddPolicy(IdentityPolicies.Operator, policy => policy
                .AddAuthenticationSchemes(IdentitySchemes.Bearer)
                .RequireAuthenticatedUser()
                .AddRequirements(new IsOperator.Requirement()));
    }
}
