using System.Text;
using Gateway.Identity;
using Microsoft.Extensions.Options;

namespace Gateway.Operations.Console;

/// <summary>A page of the console inside its frame.</summary>
/// <param name="Title">In plain text; the page's heading is its own.</param>
/// <param name="Section">The entry of the navigation that is marked: the path it leads to.</param>
/// <param name="Body">The main part. What carries an <c>id</c> and <c>data-live</c> in it is read again when something happens.</param>
internal sealed record ConsoleView(string Title, string Section, Html Body)
{
    public int Status { get; init; } = StatusCodes.Status200OK;

    /// <summary>What events it is read again for: the id of a route, <c>*</c> for every one; null: never.</summary>
    public string? Watches { get; init; }
}

/// <summary>
/// What all pages of the console have around them. Nothing of it is loaded from elsewhere, no script or style stands in the page, and it is never framed or kept.
/// </summary>
internal sealed class ConsoleLayout(ConsoleForms forms, IOptions<IdentityOptions> identity)
{
    private const string ContentSecurityPolicy =
        "default-src 'none'; style-src 'self'; script-src 'self'; connect-src 'self'; img-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'";

    private static readonly (string Path, string Text)[] Sections = [("/", "Routes"), ("/drift", "Drift"), ("/costs", "Costs")];

    public async Task WriteAsync(HttpContext context, ConsoleView view)
    {
        var response = context.Response;
        response.StatusCode = view.Status;
        response.ContentType = "text/html; charset=utf-8";
        Guard(response.Headers);
        var bytes = Encoding.UTF8.GetBytes(Render(context, view).ToString());
        response.ContentLength = bytes.Length;
        await response.Body.WriteAsync(bytes, context.RequestAborted);
    }

    private Html Render(HttpContext context, ConsoleView view) => Html.Of($"""
        <!doctype html>
        <html lang="en">
        <head>
        <meta charset="utf-8">
        <meta name="viewport" content="width=device-width, initial-scale=1">
        <meta name="robots" content="noindex">
        <meta name="color-scheme" content="light dark">
        <title>{view.Title} · gateway</title>
        <link rel="icon" href="{ConsoleAssets.Icon.Path}" type="image/svg+xml">
        <link rel="stylesheet" href="{ConsoleAssets.Style.Path}">
        <script src="{ConsoleAssets.Script.Path}" defer></script>
        </head>
        <body data-watches="{view.Watches}">
        <a class="skip" href="#main">Skip to the content</a>
        <header class="bar">
        <a class="brand" href="/">Gateway</a>
        <nav aria-label="Console">{Html.Join(Sections, section => Html.Of($"<a href=\"{section.Path}\"{Current(section.Path == view.Section)}>{section.Text}</a>"))}</nav>
        <span id="live" class="live" role="status" hidden></span>
        {WhoAmI(context)}
        </header>
        <main id="main" tabindex="-1">
        {view.Body}
        </main>
        </body>
        </html>
        """);

    private Html WhoAmI(HttpContext context)
    {
        var user = context.User;
        var role = user.IsInRole(identity.Value.OperatorRole) ? "operator" : "viewer";
        var name = Html.Of($"""<span class="who">{user.Identity?.Name ?? user.GetUserId().Value} <small>{role}</small></span>""");
        return ConsoleForms.IsByCookie(context)
            ? Html.Of($"""<form class="me" method="post" action="{ConsolePaths.SignOut}">{name}{forms.HiddenField(context)}<button class="quiet">Sign out</button></form>""")
            : Html.Of($"""<div class="me">{name}</div>""");
    }

    private static Html Current(bool current) => current ? Html.Of($" aria-current=\"page\"") : Html.Empty;

    private static void Guard(IHeaderDictionary headers)
    {
        headers.CacheControl = "no-store";
        headers.XContentTypeOptions = "nosniff";
        headers.XFrameOptions = "DENY";
        headers.ContentSecurityPolicy = ContentSecurityPolicy;
        headers["Referrer-Policy"] = "no-referrer";
        headers["Cross-Origin-Opener-Policy"] = "same-origin";
        headers["Cross-Origin-Resource-Policy"] = "same-origin";
    }
}
