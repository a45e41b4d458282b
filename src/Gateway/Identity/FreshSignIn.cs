using System.Globalization;
using System.Security.Claims;
using Gateway.Identity.Pages;
using Microsoft.AspNetCore.Authentication;
using Microsoft.AspNetCore.Authentication.OpenIdConnect;

namespace Gateway.Identity;

/// <summary>Something that only a fresh sign-in confirms, and that the sign-in's own answer shows: no other page or script comes between.</summary>
internal interface IConfirmedAction
{
    string Name { get; }

    /// <summary>Carries it out for the user who has just proved to be there, and answers with a page.</summary>
    Task CarryOutAsync(HttpContext context, ClaimsPrincipal user, string argument);
}

/// <summary>
/// A workspace's page shares our origin and can send whatever its user can, so whatever makes a credential asks the provider for the user anew
/// (<c>prompt=login</c>, <c>max_age=0</c>), which no script can answer, once for each action. At the credentials' origin no script runs and no form but the
/// page's own is taken, so there the person is not asked again.
/// </summary>
internal sealed class FreshSignIn(IEnumerable<IConfirmedAction> actions, CredentialsOrigin credentials, SignIns signIns, SignInHandles handles, Provider provider, ISignInStore store, TimeProvider time)
{
    private const string ActionItem = "gateway.action";
    private const string ArgumentItem = "gateway.action-argument";
    private const string UserItem = "gateway.action-user";

    private static readonly TimeSpan FreshFor = TimeSpan.FromMinutes(5);
    private static readonly TimeSpan ClockSkew = TimeSpan.FromMinutes(1);

    public static bool Asks(AuthenticationProperties? properties) => properties?.Items.ContainsKey(ActionItem) == true;

    /// <summary>Sends the signed-in user to prove that they are there, where that is still to be proved.</summary>
    public async Task AskAsync(HttpContext context, string action, string argument)
    {
        if (credentials.IsAt(context))
        {
            await Of(action).CarryOutAsync(context, context.User, argument);
            return;
        }

        if (await provider.FindAsync() is null || !await store.IsReachableAsync())
        {
            await RefusalResponse.WriteAsync(context, IdentityRefusals.ProviderUnavailable);
            return;
        }

        var properties = new OpenIdConnectChallengeProperties { Prompt = "login", MaxAge = TimeSpan.Zero, RedirectUri = ReturnPath.Start };
        properties.Items[ActionItem] = action;
        properties.Items[ArgumentItem] = argument;
        properties.Items[UserItem] = context.User.GetUserId().Value;
        IdentityCookies.ForgetPending(context);
        await context.ChallengeAsync(IdentitySchemes.Provider, properties);

        // A service worker of the workspace would see the answer that shows the credential.
        OneOrigin.ForgetStorage(context.Response);
        // A page that goes on by itself, and no redirect: "form-action" would apply to wherever a form's answer redirects.
        var target = context.Response.Headers.Location.ToString();
        context.Response.Headers.Location = default;
        context.Response.StatusCode = StatusCodes.Status200OK;
        context.Response.Headers["Refresh"] = "0; url=" + target;
        await IdentityPage.WriteAsync(context, "Please sign in once more", $"""<p>This makes a credential, so it needs you in person.</p><p><a href="{IdentityPage.Encode(target)}">Go on</a></p>""");
    }

    /// <summary>Whether the identity token proves that its user was there just now. Absent <c>auth_time</c> proves nothing.</summary>
    public bool IsFresh(ClaimsPrincipal token) =>
        long.TryParse(token.FindFirst("auth_time")?.Value, NumberStyles.None, CultureInfo.InvariantCulture, out var seconds)
        && (time.GetUtcNow() - DateTimeOffset.FromUnixTimeSeconds(seconds)) is var age && age <= FreshFor && age >= -ClockSkew;

    /// <summary>Back from the provider: the same user, in the browser that is still signed in as them, gets what they asked for. The sign-in stays what it was.</summary>
    public async Task<Refusal?> CarryOutAsync(HttpContext context, ClaimsPrincipal user, AuthenticationProperties properties)
    {
        var asked = properties.Items[UserItem];
        var (ticket, _) = !credentials.IsSet && handles.Find(context, IdentitySchemes.Cookie) is { } id ? await signIns.FindAsync(id) : default;
        if (user.GetUserId().Value != asked || ticket is null || ticket.Principal.GetUserId().Value != asked)
        {
            return IdentityRefusals.NotFresh;
        }

        await Of(properties.Items[ActionItem]!).CarryOutAsync(context, user, properties.Items[ArgumentItem]!);
        return null;
    }

    private IConfirmedAction Of(string name) => actions.Single(action => action.Name == name);
}
