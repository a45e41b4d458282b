using Gateway.Identity.Access;
using Gateway.Identity.Operators;
using Microsoft.AspNetCore.Authentication;
using Microsoft.AspNetCore.Authorization;
using Microsoft.AspNetCore.Authorization.Policy;
using Microsoft.AspNetCore.Http.Features;
using Microsoft.IdentityModel.Protocols.OpenIdConnect;

namespace Gateway.Identity;

/// <summary>The one place that answers whoever may not pass: 302 to sign in, 401, 403, or 503 when that is not known.</summary>
internal sealed partial class IdentityAnswers(
    RequestCredential credential,
    CredentialsOrigin credentials,
    Provider provider,
    ISignInStore store,
    UserAccess access,
    IdentityMetrics metrics,
    Audit audit,
    ILogger<IdentityAnswers> logger) : IAuthorizationMiddlewareResultHandler
{
    public Task HandleAsync(RequestDelegate next, HttpContext context, AuthorizationPolicy policy, PolicyAuthorizationResult authorizeResult)
    {
        if (authorizeResult.Succeeded)
        {
            return next(context);
        }

        var role = policy.Requirements.OfType<IsOperator.Requirement>().FirstOrDefault();
        var kind = role is { ForPages: false } ? ClientKind.Program : context.Request.GetClientKind();
        if (authorizeResult.Forbidden)
        {
            return RefuseAsync(context, Forbidden(context, authorizeResult, role is not null), kind);
        }

        return role is { ForPages: true } && RequestCredential.OperatorSchemeOf(context) == IdentitySchemes.Console && kind is ClientKind.Navigation
            ? SendToConsoleSignInAsync(context)
            : ChallengeAsync(context, kind, byBearer: role is not null || credential.SchemeOf(context) is not (IdentitySchemes.Cookie or IdentitySchemes.Credentials));
    }

    /// <summary>Sends the browser to sign in, to come back to this path of ours.</summary>
    public Task SendToSignInAsync(HttpContext context, string returnPath) =>
        SendToSignInAsync(context, new AuthenticationProperties { RedirectUri = credentials.IsAt(context) ? CredentialsOrigin.ReturnPathOf(returnPath) : ReturnPath.Local(returnPath) });

    // What a form would have done is not done after a sign-in: the person looks again first.
    private Task SendToConsoleSignInAsync(HttpContext context) => context.Features.Get<CredentialUnknown>() is null
        ? SendToSignInAsync(context, ConsoleSignIn.NewProperties(HttpMethods.IsGet(context.Request.Method) ? context.Features.GetRequiredFeature<IHttpRequestFeature>().RawTarget : ReturnPath.Start))
        : RefuseAsync(context, IdentityRefusals.StoreUnavailable, ClientKind.Navigation);

    private async Task SendToSignInAsync(HttpContext context, AuthenticationProperties properties)
    {
        // Without the store nobody could come back signed in: say so now, not after a password.
        if (!await store.IsReachableAsync())
        {
            await RefuseAsync(context, IdentityRefusals.StoreUnavailable, ClientKind.Navigation);
            return;
        }

        if (await provider.FindAsync() is null)
        {
            await RefuseAsync(context, IdentityRefusals.ProviderUnavailable, ClientKind.Navigation);
            return;
        }

        try
        {
            IdentityCookies.ForgetPending(context);
            context.Response.Headers.CacheControl = "no-store";
            await context.ChallengeAsync(credentials.IsAt(context) ? IdentitySchemes.CredentialsProvider : IdentitySchemes.Provider, properties);
        }
        catch (Exception failure) when (failure is HttpRequestException or OperationCanceledException or OpenIdConnectProtocolException && !context.Response.HasStarted)
        {
            // Pushed authorization asks the provider before the browser leaves.
            Log.ChallengeFailed(logger, failure.GetType().Name);
            await RefuseAsync(context, IdentityRefusals.ProviderUnavailable, ClientKind.Navigation);
        }
    }

    private async Task ChallengeAsync(HttpContext context, ClientKind kind, bool byBearer)
    {
        if (context.Features.Get<CredentialUnknown>() is { } unknown)
        {
            var refusal = unknown == CredentialUnknown.Token ? IdentityRefusals.ProviderUnavailable : IdentityRefusals.StoreUnavailable;
            await RefuseAsync(context, refusal, kind);
            return;
        }

        if (byBearer)
        {
            var sent = context.Request.Headers.Authorization.Count > 0;
            context.Response.Headers.WWWAuthenticate = sent ? "Bearer error=\"invalid_token\"" : "Bearer";
            await RefuseAsync(context, sent ? IdentityRefusals.BadToken : IdentityRefusals.NotSignedIn, kind);
            return;
        }

        if (kind == ClientKind.Navigation)
        {
            await SendToSignInAsync(context, context.Features.GetRequiredFeature<IHttpRequestFeature>().RawTarget);
            return;
        }

        // A cookie that could not be opened because its keys are out of reach is not a bad cookie.
        if (IdentityCookies.HasSignIn(context.Request) && !await store.IsReachableAsync())
        {
            await RefuseAsync(context, IdentityRefusals.StoreUnavailable, kind);
            return;
        }

        context.Response.Headers.WWWAuthenticate = "Bearer";
        await RefuseAsync(context, IdentityRefusals.NotSignedIn, kind);
    }

    private Refusal Forbidden(HttpContext context, PolicyAuthorizationResult result, bool forOperators)
    {
        if (access.IsDenied(context.User))
        {
            return IdentityRefusals.Denied;
        }

        var failed = result.AuthorizationFailure?.FailedRequirements ?? [];
        if (forOperators)
        {
            return failed.Any(static requirement => requirement is IsOperator.Requirement) ? IdentityRefusals.NotOperator : IdentityRefusals.CookieAlone;
        }

        return failed.Any(requirement => requirement is SocketFromOurOrigin.Requirement) ? IdentityRefusals.ForeignOrigin : IdentityRefusals.NotAllowed;
    }

    private Task RefuseAsync(HttpContext context, Refusal refusal, ClientKind kind)
    {
        if (refusal != IdentityRefusals.NotSignedIn)
        {
            audit.Refused(context, context.User.TryGetUserId(out var user) ? user.Value : "-", refusal.Type);
        }

        metrics.Refused(refusal.Type);
        return RefusalResponse.WriteAsync(context, refusal, kind);
    }

    private static partial class Log
    {
        [LoggerMessage(1005, LogLevel.Warning, "A sign-in could not begin at the provider ({Failure})", EventName = "ChallengeFailed")]
        public static partial void ChallengeFailed(ILogger logger, string failure);
    }
}
