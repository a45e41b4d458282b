using Gateway.Identity.Access;
using Gateway.Identity.Operators;
using Microsoft.AspNetCore.Authentication;
using Microsoft.AspNetCore.Authentication.OpenIdConnect;
using Microsoft.Extensions.Options;
using Microsoft.IdentityModel.Protocols.OpenIdConnect;

namespace Gateway.Identity;

/// <summary>
/// Browser sign-in at the provider: authorization code flow with PKCE. That of the credentials' origin is the same with a callback, cookies and a protection
/// of its state that are its own: what was begun at one origin ends there.
/// </summary>
internal sealed class ProviderSetup(
    IOptions<IdentityOptions> identity,
    Provider provider,
    SameOrigin sameOrigin,
    UserAccess access,
    ISignInStore store,
    IdentityEvents events,
    IdentityMetrics metrics,
    FreshSignIn fresh,
    SignInHandles handles,
    SignIns signIns,
    CredentialsOrigin credentials,
    ConsoleSignIn console,
    Audit audit) : IConfigureNamedOptions<OpenIdConnectOptions>
{
    // Long enough for a second factor and a lost phone.
    private static readonly TimeSpan SignInMayTake = TimeSpan.FromMinutes(15);

    public void Configure(OpenIdConnectOptions options) => Configure(IdentitySchemes.Provider, options);

    public void Configure(string? name, OpenIdConnectOptions options)
    {
        switch (name)
        {
            case IdentitySchemes.Provider:
                options.SignInScheme = IdentitySchemes.Cookie;
                options.CallbackPath = IdentityPaths.Callback;
                ConfigureCookies(options, "");
                break;
            case IdentitySchemes.CredentialsProvider:
                options.SignInScheme = IdentitySchemes.Credentials;
                options.CallbackPath = IdentityPaths.CredentialsCallback;
                // A workspace's page may set cookies for the domain that both origins are of, and would finish a sign-in that somebody else began.
                ConfigureCookies(options, credentials.IsHttps ? IdentityCookies.HostPrefix : "");
                break;
            default:
                return;
        }

        ConfigureFlow(options);
        options.Events = new OpenIdConnectEvents
        {
            OnRedirectToIdentityProvider = SendToProviderAsync,
            OnRedirectToIdentityProviderForSignOut = SignOutAtProviderAsync,
            OnTokenValidated = KeepUserAsync,
            OnTicketReceived = FinishAsync,
            OnRemoteFailure = RefuseAsync,
        };
    }

    private void ConfigureFlow(OpenIdConnectOptions options)
    {
        var settings = identity.Value;
        options.Authority = settings.Authority;
        options.ConfigurationManager = provider.Configuration;
        options.Backchannel = provider.Client;
        options.RequireHttpsMetadata = !settings.AllowHttpAuthority;
        options.ClientId = settings.ClientId;
        options.ClientSecret = settings.ClientSecret.Length == 0 ? null : settings.ClientSecret;
        options.ResponseType = OpenIdConnectResponseType.Code;
        // The answer as a GET: a cross-site form post would need SameSite=None cookies.
        options.ResponseMode = OpenIdConnectResponseMode.Query;
        options.UsePkce = true;
        options.MapInboundClaims = false;
        options.SaveTokens = false;
        options.UseTokenLifetime = false;
        options.GetClaimsFromUserInfoEndpoint = false;
        options.DisableTelemetry = true;
        options.SignOutScheme = options.SignInScheme;
        // Their defaults lie outside /.gateway/ and would take paths away from the workspace.
        options.SignedOutCallbackPath = "/.gateway/signed-out-callback";
        options.RemoteSignOutPath = PathString.Empty;
        options.AccessDeniedPath = PathString.Empty;
        options.RemoteAuthenticationTimeout = SignInMayTake;
        options.Scope.Clear();
        foreach (var scope in settings.Scopes.Split(' ', StringSplitOptions.RemoveEmptyEntries))
        {
            options.Scope.Add(scope);
        }
    }

    private static void ConfigureCookies(OpenIdConnectOptions options, string prefix)
    {
        Configure(options.CorrelationCookie, prefix + IdentityCookies.Correlation);
        Configure(options.NonceCookie, prefix + IdentityCookies.Nonce);
        options.ProtocolValidator.NonceLifetime = SignInMayTake;

        static void Configure(CookieBuilder cookie, string name)
        {
            cookie.Name = name;
            // At the root, so that abandoned ones are seen, and forgotten, when the next sign-in begins.
            cookie.Path = "/";
            cookie.HttpOnly = true;
            cookie.SameSite = SameSiteMode.Lax;
            cookie.SecurePolicy = CookieSecurePolicy.SameAsRequest;
            cookie.Expiration = SignInMayTake;
            cookie.IsEssential = true;
        }
    }

    private Task SendToProviderAsync(RedirectContext context)
    {
        context.ProtocolMessage.RedirectUri = sameOrigin.OriginOf(context.Request) + context.Options.CallbackPath;
        return Task.CompletedTask;
    }

    private Task SignOutAtProviderAsync(RedirectContext context)
    {
        context.ProtocolMessage.PostLogoutRedirectUri = sameOrigin.OriginOf(context.Request) + IdentityPaths.SignedOut;
        context.ProtocolMessage.ClientId = identity.Value.ClientId;
        context.ProtocolMessage.IdTokenHint = context.Properties.Items.TryGetValue(OpenIdConnectParameterNames.IdToken, out var hint) ? hint : null;
        // The page it comes back to needs no state.
        context.Properties.Items.Clear();
        return Task.CompletedTask;
    }

    private Task KeepUserAsync(TokenValidatedContext context)
    {
        if (UserClaims.From(context.Principal!, identity.Value, context.Options.SignInScheme!) is not { } user)
        {
            context.Fail("The identity token names no user.");
            return Task.CompletedTask;
        }

        if (FreshSignIn.Asks(context.Properties) && !fresh.IsFresh(context.Principal!))
        {
            context.Fail(new NotFreshException());
            return Task.CompletedTask;
        }

        if (context.Principal!.FindFirst("sub")?.Value is { Length: > 0 } subject)
        {
            context.Properties!.Items[SignIns.SubjectGroupItem] = BackChannelLogout.GroupOf("subject", subject);
        }

        if (context.Principal.FindFirst("sid")?.Value is { Length: > 0 } session)
        {
            context.Properties!.Items[SignIns.SessionGroupItem] = BackChannelLogout.GroupOf("session", session);
        }

        context.Principal = user;
        if (context.TokenEndpointResponse?.RefreshToken is { Length: > 0 } refreshToken)
        {
            context.Properties!.Items[SignIns.RefreshTokenItem] = refreshToken;
        }

        // Of the tokens only this one is kept in the sign-in: providers ask for it at sign-out.
        if (context.TokenEndpointResponse?.IdToken is { } idToken)
        {
            context.Properties!.StoreTokens([new AuthenticationToken { Name = OpenIdConnectParameterNames.IdToken, Value = idToken }]);
        }

        return Task.CompletedTask;
    }

    private async Task FinishAsync(TicketReceivedContext context)
    {
        if (!await store.IsReachableAsync())
        {
            context.HandleResponse();
            await AnswerAsync(context.HttpContext, IdentityRefusals.StoreUnavailable);
            return;
        }

        // What was begun at one door ends there: a browser sends its cookies to every port of a host.
        if (ConsoleSignIn.Asks(context.Properties) != IOperatorsDoor.IsAt(context.HttpContext))
        {
            context.HandleResponse();
            await AnswerAsync(context.HttpContext, IdentityRefusals.SignInExpired);
            return;
        }

        if (ConsoleSignIn.Asks(context.Properties))
        {
            context.HandleResponse();
            var refused = await console.FinishAsync(context);
            await (refused is null ? Task.CompletedTask : AnswerAsync(context.HttpContext, refused));
            return;
        }

        if (FreshSignIn.Asks(context.Properties))
        {
            context.HandleResponse();
            var refusal = access.Allows(context.Principal!) ? await fresh.CarryOutAsync(context.HttpContext, context.Principal!, context.Properties!) : IdentityRefusals.NotAllowed;
            await (refusal is null ? Task.CompletedTask : AnswerAsync(context.HttpContext, refusal));
            return;
        }

        var amongWorkspaces = context.Options.SignInScheme == IdentitySchemes.Cookie;
        context.ReturnUri = amongWorkspaces ? ReturnPath.Local(context.ReturnUri) : CredentialsOrigin.ReturnPathOf(context.ReturnUri);
        metrics.SignedIn();
        var user = context.Principal!.GetUserId();
        audit.SignedIn(context.HttpContext, user);
        await EndEarlierAsync(context.HttpContext, context.Options.SignInScheme!);
        OneOrigin.ForgetStorage(context.Response);
        if (amongWorkspaces && access.Allows(context.Principal!))
        {
            events.SignedIn?.Invoke(user);
        }
    }

    /// <summary>The browser forgets the handle of an earlier sign-in of its own, so nobody could sign that out any more.</summary>
    private async Task EndEarlierAsync(HttpContext context, string scheme)
    {
        if (handles.Find(context, scheme) is { } earlier)
        {
            await signIns.EndAsync(earlier);
        }
    }

    private Task RefuseAsync(RemoteFailureContext context)
    {
        context.HandleResponse();
        var refusal = RefusalOf(context);
        audit.SignInFailed(context.HttpContext, refusal.Type, context.Failure?.GetType().Name ?? "none");
        return AnswerAsync(context.HttpContext, refusal);
    }

    private static Refusal RefusalOf(RemoteFailureContext context) => context.Failure switch
    {
        HttpRequestException or TimeoutException or OperationCanceledException or IOException => IdentityRefusals.ProviderUnavailable,
        InvalidOperationException { InnerException: not null } => IdentityRefusals.ProviderUnavailable,
        SignInStoreUnavailableException => IdentityRefusals.StoreUnavailable,
        NotFreshException or { InnerException: NotFreshException } => IdentityRefusals.NotFresh,
        // The provider said no itself; what it said is not repeated, because anybody can write it into the address.
        _ when context.Request.Query.ContainsKey("error") => IdentityRefusals.SignInRefused,
        _ => IdentityRefusals.SignInExpired,
    };

    private Task AnswerAsync(HttpContext context, Refusal refusal)
    {
        metrics.SignInFailed(refusal.Type);
        return RefusalResponse.WriteAsync(context, refusal);
    }

    private sealed class NotFreshException : Exception;
}
