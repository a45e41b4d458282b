using static OpenIddict.Server.OpenIddictServerEvents;

namespace LocalCloud.Identity;

internal static class OpenIddictSetup
{
    /// <summary>"Degraded mode" means without a database: codes and tokens carry all they say, and <see cref="ClientRules"/> knows the clients.</summary>
    public static void AddOpenIddictServer(this IServiceCollection services, IdentityProviderOptions options)
    {
        var rules = new ClientRules(options.Clients);
        var keys = IdentityKeys.LoadOrCreate(options.Folder);
        services.AddOpenIddict().AddServer(server =>
        {
            server.EnableDegradedMode()
                .SetAuthorizationEndpointUris(AuthorizeEndpoint.Path)
                .SetTokenEndpointUris(TokenEndpoint.Path)
                .SetUserInfoEndpointUris(UserinfoEndpoint.Path)
                .SetEndSessionEndpointUris(EndSessionEndpoint.Path)
                .AllowAuthorizationCodeFlow().RequireProofKeyForCodeExchange()
                .AllowRefreshTokenFlow()
                .AllowPasswordFlow()
                .RegisterScopes("openid", "profile", "email", "roles", "offline_access")
                .RegisterClaims("sub", "name", "preferred_username", "email", "email_verified", "role", "auth_time")
                .DisableAccessTokenEncryption()
                .SetAccessTokenLifetime(options.AccessTokenLifetime)
                .AddSigningKey(keys.Signing)
                .AddEncryptionKey(keys.Encryption);
            server.Configure(server =>
            {
                server.TimeProvider = options.Time;
                server.CodeChallengeMethods.Remove("plain");
            });
            server.AddEventHandler<ValidateAuthorizationRequestContext>(handler => handler.UseInlineHandler(rules.CheckAuthorization));
            server.AddEventHandler<ValidateTokenRequestContext>(handler => handler.UseInlineHandler(rules.CheckToken));
            server.AddEventHandler<ValidateEndSessionRequestContext>(handler => handler.UseInlineHandler(rules.CheckEndSession));
            server.UseAspNetCore()
                .EnableAuthorizationEndpointPassthrough()
                .EnableTokenEndpointPassthrough()
                .EnableUserInfoEndpointPassthrough()
                .EnableEndSessionEndpointPassthrough()
                .DisableTransportSecurityRequirement();
        });
    }
}
