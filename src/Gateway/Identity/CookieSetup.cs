using Gateway.Identity.Access;
using Microsoft.AspNetCore.Authentication;
using Microsoft.AspNetCore.Authentication.Cookies;
using Microsoft.Extensions.Options;

namespace Gateway.Identity;

/// <summary>
/// The sign-in cookies: protected handles of sign-ins kept in the store. Those of the console and of the credentials' origin are handles in the same store
/// under other names and other protections, so none opens what another does; their names are of those that no workspace is sent, because a browser sends the
/// cookies of a host to each of its ports.
/// </summary>
internal sealed class CookieSetup(IOptions<IdentityOptions> identity, SignIns signIns, UserAccess access) : IConfigureNamedOptions<CookieAuthenticationOptions>
{
    // Whoever sits down before an open browser makes no token by it for long.
    private static readonly TimeSpan CredentialsLifetime = TimeSpan.FromHours(1);

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
            case IdentitySchemes.Credentials:
                options.CookieManager = new SignInCookie(IdentityCookies.CredentialsName);
                options.Cookie.Name = IdentityCookies.Credentials;
                options.SlidingExpiration = false;
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
        var lifetime = identity.Value.CookieLifetime;
        options.ExpireTimeSpan = name == IdentitySchemes.Credentials && lifetime > CredentialsLifetime ? CredentialsLifetime : lifetime;
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
