using Gateway.Identity.Access;
using Microsoft.AspNetCore.Authentication;
using Microsoft.AspNetCore.Authentication.Cookies;
using Microsoft.Extensions.Options;

namespace Gateway.Identity.Operators;

/// <summary>
/// The console's sign-in cookie: a handle in the same store under another name and another protection, so neither opens what the other does. Its names are
/// of those that no workspace is sent: a browser sends the cookies of a host to each of its ports.
/// </summary>
internal sealed class ConsoleCookieSetup(IOptions<IdentityOptions> identity, SignIns signIns, UserAccess access) : IConfigureNamedOptions<CookieAuthenticationOptions>
{
    public void Configure(CookieAuthenticationOptions options) => Configure(IdentitySchemes.Console, options);

    public void Configure(string? name, CookieAuthenticationOptions options)
    {
        if (name != IdentitySchemes.Console)
        {
            return;
        }

        options.SessionStore = signIns;
        options.CookieManager = new ConsoleCookie();
        options.Cookie.Name = IdentityCookies.Console;
        options.Cookie.HttpOnly = true;
        // Not strict: the way back from the provider is from another site.
        options.Cookie.SameSite = SameSiteMode.Lax;
        options.Cookie.SecurePolicy = CookieSecurePolicy.SameAsRequest;
        options.Cookie.Path = "/";
        options.Cookie.IsEssential = true;
        options.ExpireTimeSpan = identity.Value.CookieLifetime;
        // What an operator may do is asked of the provider again after that, however busy they are.
        options.SlidingExpiration = false;
        options.Events.OnValidatePrincipal = RejectEndedAsync;
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
            await context.HttpContext.SignOutAsync(IdentitySchemes.Console);
        }
    }
}

/// <summary>Names the cookie by the request's scheme, as <see cref="SignInCookie"/> does.</summary>
internal sealed class ConsoleCookie : ICookieManager
{
    public string? GetRequestCookie(HttpContext context, string key) =>
        context.Request.Path == IdentityPaths.Callback ? null : context.Request.Cookies[NameOf(context.Request)];

    public void AppendResponseCookie(HttpContext context, string key, string? value, CookieOptions options) =>
        context.Response.Cookies.Append(NameOf(context.Request), value ?? "", AtRoot(options));

    public void DeleteCookie(HttpContext context, string key, CookieOptions options) =>
        context.Response.Cookies.Delete(NameOf(context.Request), AtRoot(options));

    private static string NameOf(HttpRequest request) => request.IsHttps ? IdentityCookies.ConsoleHost : IdentityCookies.Console;

    private static CookieOptions AtRoot(CookieOptions options) => new(options) { Path = "/", Domain = null };
}
