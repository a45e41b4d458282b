using Microsoft.AspNetCore.Authentication;
using Microsoft.AspNetCore.Authentication.Cookies;
using OpenIddict.Server.AspNetCore;

namespace LocalCloud.Identity;

/// <summary>Forgets the browser and sends it back to where the client asked, if it asked.</summary>
internal static class EndSessionEndpoint
{
    public const string Path = "/connect/endsession";

    public static async Task AnswerAsync(HttpContext context)
    {
        await context.SignOutAsync(CookieAuthenticationDefaults.AuthenticationScheme);
        await context.SignOutAsync(
            OpenIddictServerAspNetCoreDefaults.AuthenticationScheme, new AuthenticationProperties { RedirectUri = SignInPage.Path });
    }
}
