using System.Globalization;
using Microsoft.AspNetCore.Authentication;
using Microsoft.Extensions.Options;
using Microsoft.IdentityModel.Protocols.OpenIdConnect;

namespace Gateway.Identity;

/// <summary>What a person or a page asks Identity itself.</summary>
internal static class IdentityEndpoints
{
    public static Task SignInAsync(HttpContext context, IdentityAnswers answers) =>
        answers.SendToSignInAsync(context, context.Request.Query["return"].ToString());

    public static async Task SignOutAsync(HttpContext context, SameOrigin sameOrigin, CredentialsOrigin credentials, SignOuts signOuts, Provider provider, Audit audit)
    {
        if (!sameOrigin.IsNotForeign(context.Request))
        {
            await RefusalResponse.WriteAsync(context, IdentityRefusals.ForeignSignOut);
            return;
        }

        context.Response.Headers.CacheControl = "no-store";
        var scheme = credentials.SignInSchemeAt(context);
        var signIn = await context.AuthenticateAsync(scheme);
        if (signIn.Succeeded)
        {
            await signOuts.EndAtOtherOriginAsync(signIn.Ticket);
        }

        await context.SignOutAsync(scheme);
        OneOrigin.ForgetStorage(context.Response);
        if (signIn.Succeeded)
        {
            audit.SignedOut(context, signIn.Principal.GetUserId().Value);
        }

        var known = await provider.FindAsync();
        if (!signIn.Succeeded || string.IsNullOrEmpty(known?.EndSessionEndpoint))
        {
            context.Response.Redirect(IdentityPaths.SignedOut);
            return;
        }

        var properties = new AuthenticationProperties();
        properties.Items[OpenIdConnectParameterNames.IdToken] = signIn.Properties.GetTokenValue(OpenIdConnectParameterNames.IdToken);
        await context.SignOutAsync(IdentitySchemes.Provider, properties);
    }

    /// <summary>Not a refusal, but the same plain page.</summary>
    public static Task SignedOutAsync(HttpContext context) =>
        RefusalResponse.WriteAsync(context, new Refusal(StatusCodes.Status200OK, "signed-out", "Signed out", "You are signed out of the gateway.")
        {
            Link = (ReturnPath.Start, "Sign in again"),
        });

    public static async Task<IResult> MeAsync(HttpContext context, IOptions<IdentityOptions> options)
    {
        var user = context.User;
        var expires = user.GetExpiry() ?? (await context.AuthenticateAsync(IdentitySchemes.Cookie)).Properties?.ExpiresUtc;
        context.Response.Headers.CacheControl = "no-store";
        return Results.Json(new Me(
            user.GetUserId().Value,
            user.Identity?.Name,
            expires?.ToString("yyyy-MM-dd'T'HH:mm:ss'Z'", CultureInfo.InvariantCulture),
            user.IsInRole(options.Value.OperatorRole)));
    }

    private sealed record Me(string User, string? Name, string? Expires, bool Operator);
}
