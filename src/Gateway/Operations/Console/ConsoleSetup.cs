using Gateway.Identity;
using Microsoft.AspNetCore.Authentication;
using Microsoft.AspNetCore.Mvc;

namespace Gateway.Operations.Console;

/// <summary>How the console is added to the host and its pages mapped.</summary>
internal static class ConsoleSetup
{
    private static readonly RequestSizeLimitAttribute SmallBody = new(16 * 1024);

    public static IServiceCollection AddConsole(this IServiceCollection services)
    {
        services.AddSingleton<ConsoleForms>();
        services.AddSingleton<ConsoleLayout>();
        services.AddSingleton<WakeFigures>();
        services.AddSingleton<RoutesPage>();
        services.AddSingleton<UserPage>();
        services.AddSingleton<ActionPage>();
        services.AddSingleton<DriftPage>();
        services.AddSingleton<CostsPage>();
        return services;
    }

    public static void MapConsole(this IEndpointRouteBuilder endpoints)
    {
        var pages = endpoints.MapConsolePages();
        pages.MapGet(ConsolePaths.Start, static (HttpContext context, RoutesPage page) => page.WriteAsync(context));
        pages.MapGet(ConsolePaths.User, static (HttpContext context, string id, UserPage page) => page.WriteAsync(context, id));
        pages.MapGet(ConsolePaths.Drift, static (HttpContext context, DriftPage page) => page.WriteAsync(context));
        pages.MapGet(ConsolePaths.Costs, static (HttpContext context, CostsPage page) => page.WriteAsync(context));
        foreach (var asset in new[] { ConsoleAssets.Style, ConsoleAssets.Script, ConsoleAssets.Icon })
        {
            pages.MapGet(asset.Path, asset.WriteAsync);
        }

        // An address for each, so that the audit names it.
        var acting = endpoints.MapGroup("").WithMetadata(OperationsOnly.Instance).RequireAuthorization(IdentityPolicies.ConsoleAction);
        foreach (var action in ConsoleActions.All)
        {
            acting.MapGet($"{ConsolePaths.User}/{action.Name}", (HttpContext context, string id, ActionPage page) => page.AskAsync(context, id, action));
            acting.MapPost($"{ConsolePaths.User}/{action.Name}", (HttpContext context, string id, ActionPage page) => page.ActAsync(context, id, action)).AddEndpointFilter<OperatorAudit>().WithMetadata(SmallBody);
        }

        // Whoever is signed in may sign out, whatever role is left to them.
        var open = endpoints.MapGroup("").WithMetadata(OperationsOnly.Instance).AllowAnonymous();
        open.MapPost(ConsolePaths.SignOut, SignOutAsync).WithMetadata(SmallBody);
        open.MapGet(ConsolePaths.SignedOut, SignedOutAsync);
    }

    /// <summary>For pages that show and change nothing: operators and viewers; a browser is sent to sign in.</summary>
    public static RouteGroupBuilder MapConsolePages(this IEndpointRouteBuilder endpoints) =>
        endpoints.MapGroup("").WithMetadata(OperationsOnly.Instance).RequireAuthorization(IdentityPolicies.ConsolePage);

    private static async Task SignOutAsync(HttpContext context, ConsoleForms forms, Audit audit)
    {
        if ((await context.AuthenticateAsync(IdentitySchemes.Console)).Principal is { } principal)
        {
            context.User = principal;
            if (await forms.ReadAsync(context) is null)
            {
                return;
            }

            await context.SignOutAsync(IdentitySchemes.Console);
            audit.SignedOut(context, principal.GetUserId().Value);
        }

        context.Response.Redirect(ConsolePaths.SignedOut);
    }

    private static Task SignedOutAsync(HttpContext context) => RefusalResponse.WriteAsync(context, new Refusal(StatusCodes.Status200OK, "signed-out", "Signed out", "You are signed out of the console.")
    {
        Link = (ConsolePaths.Start, "Sign in again"),
    });
}
