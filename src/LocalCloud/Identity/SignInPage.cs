using System.Security.Claims;
using System.Text.Encodings.Web;
using Microsoft.AspNetCore.Authentication;
using Microsoft.AspNetCore.Authentication.Cookies;
using static OpenIddict.Abstractions.OpenIddictConstants;

namespace LocalCloud.Identity;

/// <summary>Asks for a name and believes it.</summary>
internal static class SignInPage
{
    public const string Path = "/sign-in";

    public static string AddressFor(string returnTo) => Path + QueryString.Create("return", returnTo);

    public static void MapSignInPage(this IEndpointRouteBuilder app)
    {
        app.MapGet("/", context => ShowAsync(context, "/", ""));
        app.MapGet(Path, context => ShowAsync(context, context.Request.Query["return"], ""));
        app.MapPost(Path, SignInAsync);
    }

    private static async Task SignInAsync(HttpContext context)
    {
        var form = await context.Request.ReadFormAsync(context.RequestAborted);
        if (Person.NameFrom(form["name"]) is not { } name)
        {
            context.Response.StatusCode = StatusCodes.Status400BadRequest;
            await ShowAsync(context, form["return"], $"Give a name of 1 to {Person.LongestName} characters.");
            return;
        }

        var now = context.RequestServices.GetRequiredService<TimeProvider>().GetUtcNow();
        var identity = new ClaimsIdentity(
            [
                new Claim(Claims.Subject, name),
                new Claim(Claims.AuthenticationTime, now.ToUnixTimeSeconds().ToString(System.Globalization.CultureInfo.InvariantCulture)),
            ],
            CookieAuthenticationDefaults.AuthenticationScheme, Claims.Subject, Claims.Role);
        await context.SignInAsync(CookieAuthenticationDefaults.AuthenticationScheme, new ClaimsPrincipal(identity));
        context.Response.Redirect(OwnAddress(form["return"]));
    }

    // Only back to where this page was shown from: an open redirect would be one even here.
    private static string OwnAddress(string? address) =>
        address is not null && address.StartsWith(AuthorizeEndpoint.Path + "?", StringComparison.Ordinal) ? address : "/";

    private static async Task ShowAsync(HttpContext context, string? returnTo, string fault)
    {
        var signedIn = (await context.AuthenticateAsync(CookieAuthenticationDefaults.AuthenticationScheme)).Principal?.Identity?.Name;
        var state = signedIn is null ? "" : $"<p>Signed in as <strong>{Encode(signedIn)}</strong>.</p>";
        var error = fault.Length == 0 ? "" : $"""<p id="fault" role="alert">{Encode(fault)}</p>""";
        context.Response.ContentType = "text/html; charset=utf-8";
        context.Response.Headers.CacheControl = "no-store";
        context.Response.Headers.ContentSecurityPolicy = "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'; base-uri 'none'";
        await context.Response.WriteAsync(
            $$"""
            <!doctype html>
            <html lang="en">
            <head>
              <meta charset="utf-8">
              <meta name="viewport" content="width=device-width, initial-scale=1">
              <title>Sign in - local cloud</title>
              <style>
                body { font: 16px/1.5 system-ui, sans-serif; max-width: 24rem; margin: 15vh auto; padding: 0 1rem; color: #202124; background: #fff; }
                label, input, button { display: block; width: 100%; box-sizing: border-box; font: inherit; }
                input { margin: .25rem 0 1rem; padding: .5rem; border: 1px solid #5f6368; border-radius: 4px; }
                button { padding: .6rem; border: 0; border-radius: 4px; background: #1a56c4; color: #fff; cursor: pointer; }
                [role=alert] { color: #b3261e; }
              </style>
            </head>
            <body>
              <main>
                <h1>Sign in</h1>
                {{state}}{{error}}
                <form method="post" action="{{Path}}">
                  <input type="hidden" name="return" value="{{Encode(returnTo ?? "")}}">
                  <label for="name">Name</label>
                  <input id="name" name="name" required maxlength="{{Person.LongestName}}" autocomplete="username" autocapitalize="none" spellcheck="false" autofocus{{(fault.Length == 0 ? "" : " aria-describedby=\"fault\"")}}>
                  <button type="submit">Sign in</button>
                </form>
                <p>Any name will do; there are no passwords here. <code>ops</code> is an operator.</p>
              </main>
            </body>
            </html>
            """,
            context.RequestAborted);
    }

    private static string Encode(string text) => HtmlEncoder.Default.Encode(text);
}
