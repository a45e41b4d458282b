using Gateway.Identity.Access;
using Microsoft.AspNetCore.Authentication;
using Microsoft.Extensions.Options;

namespace Gateway.Identity.Operators;

/// <summary>A sign-in to the console: begun and ended at the operators' door, at the same provider, and only with a role.</summary>
internal sealed class ConsoleSignIn(IOptions<IdentityOptions> options, UserAccess access, Audit audit)
{
    private const string Item = "gateway.console";

    public static AuthenticationProperties NewProperties(string returnPath)
    {
        var properties = new AuthenticationProperties { RedirectUri = ReturnPath.Local(returnPath) };
        properties.Items[Item] = "1";
        return properties;
    }

    public static bool Asks(AuthenticationProperties? properties) => properties?.Items.ContainsKey(Item) == true;

    /// <summary>Null: signed in, and the browser is sent on.</summary>
    public async Task<Refusal?> FinishAsync(TicketReceivedContext context)
    {
        var principal = context.Principal!;
        if (access.IsDenied(principal) || !(principal.IsInRole(options.Value.OperatorRole) || principal.IsInRole(options.Value.ViewerRole)))
        {
            return IdentityRefusals.NotOperator;
        }

        var http = context.HttpContext;
        await http.SignInAsync(IdentitySchemes.Console, UserClaims.As(principal, IdentitySchemes.Console), context.Properties);
        audit.SignedIn(http, principal.GetUserId());
        http.Response.Redirect(ReturnPath.Local(context.ReturnUri));
        return null;
    }
}
