using Gateway.Identity.Access;
using Gateway.Identity.Devices;
using Gateway.Identity.Operators;
using Gateway.Identity.Pages;
using Gateway.Identity.Refreshing;
using Gateway.Identity.Tokens;
using Microsoft.AspNetCore.Antiforgery;
using Microsoft.AspNetCore.Authentication;
using Microsoft.AspNetCore.Authentication.Cookies;
using Microsoft.AspNetCore.Authentication.JwtBearer;
using Microsoft.AspNetCore.Authentication.OpenIdConnect;
using Microsoft.AspNetCore.Authorization;
using Microsoft.AspNetCore.DataProtection;
using Microsoft.AspNetCore.DataProtection.KeyManagement;
using Microsoft.AspNetCore.DataProtection.StackExchangeRedis;
using Microsoft.AspNetCore.Mvc;
using Microsoft.Extensions.DependencyInjection.Extensions;
using Microsoft.Extensions.Options;
using StackExchange.Redis;

namespace Gateway.Identity;

/// <summary>How the room is added to the host and its endpoints mapped.</summary>
internal static class IdentitySetup
{
    private static readonly RequestSizeLimitAttribute SmallBody = new(16 * 1024);

    /// <summary>Needs <see cref="AddSignInsInRedis"/> beside it.</summary>
    public static IServiceCollection AddIdentity(this IServiceCollection services)
    {
        services.AddOptions<IdentityOptions>().BindConfiguration(IdentityOptions.Section).ValidateOnStart();
        services.AddSingleton<IValidateOptions<IdentityOptions>, IdentityOptionsValidation>();
        services.TryAddSingleton(TimeProvider.System);
        services.AddSingleton<AllowList>();
        services.AddSingleton<SameOrigin>();
        services.AddSingleton<CredentialsOrigin>();
        services.AddSingleton<Provider>();
        services.AddSingleton<RequestCredential>();
        services.AddSingleton<PublishedKeys>();
        services.AddSingleton<KnownCredentials>();
        services.AddSingleton<SignIns>();
        services.AddSingleton<RefreshTokens>();
        services.AddSingleton<RefreshGrant>();
        services.AddSingleton<RefreshRounds>();
        services.AddSingleton<PersonalTokens>();
        services.AddSingleton<UserAccess>();
        services.AddSingleton<CredentialStanding>();
        services.AddHostedService<IdentityRounds>();
        services.AddSingleton<IConfirmedAction, TokenMaking>();
        services.AddSingleton<DeviceSignIns>();
        services.AddSingleton<IConfirmedAction>(static provider => provider.GetRequiredService<DeviceSignIns>());
        services.AddSingleton<BackChannelLogout>();
        services.AddSingleton<Audit>();
        services.AddSingleton<SignInHandles>();
        services.AddSingleton<SignOuts>();
        services.AddSingleton<FreshSignIn>();
        services.AddSingleton<ConsoleSignIn>();
        services.AddSingleton<ApiKeys>();
        services.AddSingleton<PageForms>();
        services.AddAntiforgery();
        services.AddOptions<AntiforgeryOptions>().Configure<CredentialsOrigin>(static (options, credentials) =>
        {
            // With an origin of their own all forms are there, and a sibling host must not be able to set the cookie.
            options.Cookie.Name = (credentials.IsHttps ? IdentityCookies.HostPrefix : "") + IdentityCookies.Form;
            options.Cookie.SameSite = SameSiteMode.Strict;
            options.Cookie.Path = credentials.IsHttps ? "/" : "/.gateway/";
            options.Cookie.SecurePolicy = CookieSecurePolicy.SameAsRequest;
            options.FormFieldName = PageForms.FieldName;
            options.HeaderName = null;
            options.SuppressXFrameOptionsHeader = true;
        });
        services.AddSingleton<IdentityChanges>();
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
        services.AddSingleton<IRefreshStore, RedisRefreshStore>();
        services.AddSingleton<ITokenStore, RedisTokenStore>();
        services.AddSingleton<IAccessStore, RedisAccessStore>();
        services.AddSingleton<IDeviceStore, RedisDeviceStore>();
        services.AddSingleton<IConfigureOptions<KeyManagementOptions>>(provider => new ConfigureOptions<KeyManagementOptions>(
            options => options.XmlRepository = new ProtectionKeys(new RedisXmlRepository(() => database(provider), keys(provider).ProtectionKeys), provider.GetRequiredService<TimeProvider>())));
        return services;
    }

    /// <summary>What is settled before anybody is authenticated; once, before <see cref="UseIdentity"/>.</summary>
    public static IApplicationBuilder UseIdentityGuard(this IApplicationBuilder app) => app.UseMiddleware<IdentityGuard>();

    /// <summary>Before everything that wants to know who asks.</summary>
    public static IApplicationBuilder UseIdentity(this IApplicationBuilder app) =>
        app.Use(AnswerWithoutStoreAsync).UseMiddleware<CredentialsGate>().UseAuthentication().UseAuthorization();

    public static void MapIdentity(this IEndpointRouteBuilder endpoints)
    {
        endpoints.MapGet(IdentityPaths.SignIn, IdentityEndpoints.SignInAsync).AllowAnonymous().WithMetadata(ServedAt.Both);
        endpoints.MapMethods(IdentityPaths.SignOut, ["GET", "POST"], IdentityEndpoints.SignOutAsync).AllowAnonymous().WithMetadata(ServedAt.Both);
        endpoints.MapGet(IdentityPaths.SignedOut, IdentityEndpoints.SignedOutAsync).AllowAnonymous().WithMetadata(ServedAt.Both);
        endpoints.MapGet(IdentityPaths.Me, IdentityEndpoints.MeAsync).RequireAuthorization(IdentityPolicies.Workspace);
        endpoints.MapGet(IdentityPaths.Tokens, TokenPages.ListAsync).RequireAuthorization(IdentityPolicies.Workspace).WithMetadata(ServedAt.CredentialsAlone);
        endpoints.MapPost(IdentityPaths.Tokens, TokenPages.MakeAsync).RequireAuthorization(IdentityPolicies.Workspace).WithMetadata(SmallBody, ServedAt.CredentialsAlone);
        endpoints.MapPost(IdentityPaths.RevokeToken, TokenPages.RevokeAsync).RequireAuthorization(IdentityPolicies.Workspace).WithMetadata(SmallBody, ServedAt.CredentialsAlone);
        endpoints.MapPost(IdentityPaths.BackChannelLogout, static (HttpContext context, BackChannelLogout logout) => logout.AnswerAsync(context)).AllowAnonymous().WithMetadata(SmallBody);
        endpoints.MapPost(IdentityPaths.DeviceCode, DeviceEndpoints.CodeAsync).AllowAnonymous().WithMetadata(SmallBody);
        endpoints.MapPost(IdentityPaths.DeviceToken, DeviceEndpoints.TokenAsync).AllowAnonymous().WithMetadata(SmallBody);
        endpoints.MapGet(IdentityPaths.Device, DeviceEndpoints.PageAsync).RequireAuthorization(IdentityPolicies.Workspace).WithMetadata(ServedAt.CredentialsAlone);
        endpoints.MapPost(IdentityPaths.Device, DeviceEndpoints.DecideAsync).RequireAuthorization(IdentityPolicies.Workspace).WithMetadata(SmallBody, ServedAt.CredentialsAlone);
        // All of /.gateway/ is the gateway's: what no room maps there is nobody's, and never the workspace's.
        endpoints.Map("/.gateway/{**path}", context => RefusalResponse.WriteAsync(context, IdentityRefusals.NoSuchPath)).AllowAnonymous();
    }

    private static async Task AnswerWithoutStoreAsync(HttpContext context, RequestDelegate next)
    {
        try
        {
            await next(context);
        }
        catch (SignInStoreUnavailableException) when (!context.Response.HasStarted)
        {
            context.Response.Clear();
            await RefusalResponse.WriteAsync(context, IdentityRefusals.StoreUnavailable);
        }
    }

    private static void AddSchemes(IServiceCollection services)
    {
        services.AddAuthentication(IdentitySchemes.Chosen)
            .AddPolicyScheme(IdentitySchemes.Chosen, null, options => options.ForwardDefaultSelector =
                context => context.RequestServices.GetRequiredService<RequestCredential>().SchemeOf(context))
            .AddCookie(IdentitySchemes.Cookie)
            .AddJwtBearer(IdentitySchemes.Bearer, _ => { })
            .AddScheme<AuthenticationSchemeOptions, TokenHandler>(IdentitySchemes.Token, _ => { })
            .AddOpenIdConnect(IdentitySchemes.Provider, _ => { })
            .AddCookie(IdentitySchemes.Credentials)
            .AddOpenIdConnect(IdentitySchemes.CredentialsProvider, _ => { })
            .AddPolicyScheme(IdentitySchemes.Operators, null, static options => options.ForwardDefaultSelector = static context => RequestCredential.OperatorSchemeOf(context))
            .AddCookie(IdentitySchemes.Console)
            .AddScheme<AuthenticationSchemeOptions, ApiKeyHandler>(IdentitySchemes.ApiKey, _ => { });
        services.AddSingleton<IConfigureOptions<CookieAuthenticationOptions>, CookieSetup>();
        services.AddSingleton<IConfigureOptions<JwtBearerOptions>, BearerSetup>();
        services.AddSingleton<IConfigureOptions<OpenIdConnectOptions>, ProviderSetup>();
    }

    private static void AddPolicies(IServiceCollection services)
    {
        services.AddSingleton<IAuthorizationHandler, MayHaveWorkspace>();
        services.AddSingleton<IAuthorizationHandler, SocketFromOurOrigin>();
        services.AddSingleton<IAuthorizationHandler, IsOperator>();
        services.AddSingleton<IAuthorizationHandler, ActsByCredential>();
        services.AddSingleton<IAuthorizationHandler, ReadByOwnPage>();
        services.AddAuthorizationBuilder()
            .AddPolicy(IdentityPolicies.Workspace, policy => policy
                .RequireAuthenticatedUser()
                .AddRequirements(new MayHaveWorkspace.Requirement(), new SocketFromOurOrigin.Requirement()))
            .AddPolicy(IdentityPolicies.Operator, policy => policy
                .AddAuthenticationSchemes(IdentitySchemes.Operators)
                .RequireAuthenticatedUser()
                .AddRequirements(new IsOperator.Requirement(), new ActsByCredential.Requirement()))
            .AddPolicy(IdentityPolicies.Viewer, policy => policy
                .AddAuthenticationSchemes(IdentitySchemes.Operators)
                .RequireAuthenticatedUser()
                .AddRequirements(new IsOperator.Requirement { OrViewer = true }, new ReadByOwnPage.Requirement()))
            .AddPolicy(IdentityPolicies.ConsolePage, policy => policy
                .AddAuthenticationSchemes(IdentitySchemes.Operators)
                .RequireAuthenticatedUser()
                .AddRequirements(new IsOperator.Requirement { OrViewer = true, ForPages = true }, new ReadByOwnPage.Requirement()))
            .AddPolicy(IdentityPolicies.ConsoleAction, policy => policy
                .AddAuthenticationSchemes(IdentitySchemes.Console)
                .RequireAuthenticatedUser()
                .AddRequirements(new IsOperator.Requirement { ForPages = true }));
    }
}
