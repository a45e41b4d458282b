using System.Security.Claims;

namespace Gateway.Identity;

/// <summary>Who a request for a workspace is from: found among its features once the workspace policy let it in.</summary>
/// <param name="User">Whose workspace it goes to.</param>
/// <param name="Principal">The same with all that is known of them; shared by all requests with one credential.</param>
/// <param name="BySignIn">By the cookie, which goes with whatever a forgotten tab does; otherwise by a token, which somebody's program put there.</param>
/// <param name="ByHeader">The request's <c>Authorization</c> header was for the gateway, so the workspace must not see it.</param>
internal sealed record Caller(UserId User, ClaimsPrincipal Principal, bool BySignIn, bool ByHeader)
{
    /// <summary>Only where the workspace policy held.</summary>
    public static Caller Of(HttpContext context) =>
        context.Features.Get<Caller>() ?? throw new InvalidOperationException("The request was not let in.");

    /// <summary>Of a request that the authentication handlers have just let in.</summary>
    public static Caller Authenticated(HttpContext context) => new(
        context.User.GetUserId(),
        context.User,
        context.User.Identity?.AuthenticationType == IdentitySchemes.Cookie,
        context.Items.ContainsKey(IdentityItems.CredentialConsumed));
}
