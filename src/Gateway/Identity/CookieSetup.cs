using Gateway.Identity.Access;
using Microsoft.AspNetCore.Authentication;
using Microsoft.AspNetCore.Authentication.Cookies;
using Microsoft.Extensions.Options;

namespace Gateway.Identity;

/// <summary>The sign-in cookie: a protected handle of a sign-in kept in the store.</summary>
internal sealed class CookieSetup(IOptions<IdentityOptions> identity, SignIns signIns, UserAccess access) : IConfigureNamedOptions<CookieAuthenticationOptions>
{
    public void Configure(CookieAuthenticationOptions options) => Configure(IdentitySchemes.Cookie, options);

    public void Configure(string? name, CookieAuthenticationOptions options)
    {
        if (name != IdentitySchemes.Cookie)
        {
            return;
        }

        options.SessionStore = signIns;
        options.CookieManager = new SignInCookie();
        options.Cookie.Name = IdentityCookies.Plain;
        options.Cookie.HttpOnly = true;
        options.Cookie.SameSite = SameSiteMode.Lax;
        options.Cookie.SecurePolicy = CookieSecurePolicy.SameAsRequest;
        options.Cookie.Path = "/";
        options.Cookie.IsEssential = true;
        options.ExpireTimeSpan = identity.Value.CookieLifetime;
        options.SlidingExpiration = true;
        options.Events.OnValidatePrincipal = RejectEndedAsync;
        // Answers are given in one place, IdentityAnswers; a redirect from here would be a second one.
        options.Events.OnRedirectToLogin = context => Bare(context, StatusCodes.Status401Unauthorized);
        options.Events.OnRedirectToAccessDenied = context => Bare(context, StatusCodes.Status403Forbidden);
        options.Events.OnRedirectToLogout = _ => Task.CompletedTask;
        options.Events.OnRedirectToReturnUrl = _ => Task.CompletedTask;
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
            await context.HttpContext.SignOutAsync(IdentitySchemes.Cookie);
        }
    }
}
