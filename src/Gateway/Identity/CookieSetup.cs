using Gateway.Identity.Access;
using Microsoft.AspNetCore.Authentication;
using Microsoft.AspNetCore.Authentication.Cookies;
using Microsoft.Extensions.Options;

namespace Gateway.Identity;

/// <summary>
/// The sign-in cookies: protected handles of sign-ins kept in the store. That of the console is a handle in the same store under another name and another
/// protection, so neither opens what the other does; its names are of those that no workspace is sent, because a browser sends the cookies of a host to
/// each of its ports.
/// </summary>
internal sealed class CookieSetup(IOptions<IdentityOptions> identity, SignIns signIns, UserAccess access) : IConfigureNamedOptions<CookieAuthenticationOptions>
{
    public void Configure(CookieAuthenticationOptions options) => Configure(IdentitySchemes.Cookie, options);

    public void Configure(string? name, CookieAuthenticationOptions options)
    {
        switch (name)
        {
            case IdentitySchemes.Cookie:
                options.CookieManager = new SignInCookie(IdentityCookies.SignInName);
                options.Cookie.Name = IdentityCookies.Plain;
                options.SlidingExpiration = true;
                break;
            case IdentitySchemes.Console:
                options.CookieManager = new SignInCookie(IdentityCookies.ConsoleName);
                options.Cookie.Name = IdentityCookies.Console;
                // What an operator may do is asked of the provider again after that, however busy they are.
                options.SlidingExpiration = false;
                break;
            default:
                return;
        }

        options.SessionStore = signIns;
        options.Cookie.HttpOnly = true;
        // Not strict: the way back from the provider is from another site.
        options.Cookie.SameSite = SameSiteMode.Lax;
        options.Cookie.SecurePolicy = CookieSecurePolicy.SameAsRequest;
        options.Cookie.Path = "/";
        options.Cookie.IsEssential = true;
        options.ExpireTimeSpan = identity.Value.CookieLifetime;
        options.Events.OnValidatePrincipal = RejectEndedAsync;
        // Answers are given in one place, IdentityAnswers; a redirect from here would be a second one.
        options.Events.OnRedirectToLogin = static context => Bare(context, StatusCodes.Status401Unauthorized);
        options.Events.OnRedirectToAccessDenied = static context => Bare(context, StatusCodes.Status403Forbidden);
        options.Events.OnRedirectToLogout = static _ => Task.CompletedTask;
        options.Events.OnRedirectToReturnUrl = static _ => Task.CompletedTask;
    }

    private static Task Bare(RedirectContext<CookieAuthenticationOptions> context, int status)
    {
        context.Response.StatusCode = status;
        return Task.CompletedTask;
    }

    private async Task RejectEndedAsync(CookieValidatePrincipalContext context)
    {
        if (signIns.HasEnded(context.Properties) || access.HasEnded(context.Principal!))
        {
            context.RejectPrincipal();
            await context.HttpContext.SignOutAsync(context.Scheme.Name);
        }
    }
}
