using System.Security.Claims;
using Microsoft.AspNetCore;
using Microsoft.AspNetCore.Authentication;
using Microsoft.AspNetCore.Authentication.Cookies;
using OpenIddict.Abstractions;
using OpenIddict.Server.AspNetCore;
using static OpenIddict.Abstractions.OpenIddictConstants;

namespace LocalCloud.Identity;

/// <summary>Answers with a code, by way of the sign-in page where the browser is not signed in well enough.</summary>
internal static class AuthorizeEndpoint
{
    public const string Path = "/connect/authorize";
    private const string Scheme = OpenIddictServerAspNetCoreDefaults.AuthenticationScheme;

    public static async Task AnswerAsync(HttpContext context)
    {
        var request = context.GetOpenIddictServerRequest()!;
        var options = context.RequestServices.GetRequiredService<IdentityProviderOptions>();
        var ticket = await context.AuthenticateAsync(CookieAuthenticationDefaults.AuthenticationScheme);
        var suffices = ticket.Succeeded && !IsTooOld(ticket, request.MaxAge, options.Time);
        if (request.HasPromptValue(PromptValues.None) && !suffices)
        {
            await context.ForbidAsync(Scheme, new AuthenticationProperties(new Dictionary<string, string?>
            {
                [OpenIddictServerAspNetCoreConstants.Properties.Error] = Errors.LoginRequired,
                [OpenIddictServerAspNetCoreConstants.Properties.ErrorDescription] = "Nobody is signed in.",
            }));
        }
        else if (!suffices || request.HasPromptValue(PromptValues.Login) || request.HasPromptValue(PromptValues.SelectAccount))
        {
            context.Response.Redirect(SignInPage.AddressFor(Path + QueryString.Create(OnceSignedIn(request))));
        }
        else
        {
            var name = ticket.Principal!.FindFirstValue(Claims.Subject)!;
            await context.SignInAsync(Scheme, Person.Describe(name, SignedIn(ticket), request.GetScopes(), options));
        }
    }

    // The page comes back here, and must then be let through: by a moment later a sign-in is older than a max_age of 0.
    private static IEnumerable<KeyValuePair<string, string?>> OnceSignedIn(OpenIddictRequest request) => request.GetParameters()
        .Where(parameter => parameter.Key is not (Parameters.Prompt or Parameters.MaxAge))
        .Select(parameter => new KeyValuePair<string, string?>(parameter.Key, (string?)parameter.Value));

    private static bool IsTooOld(AuthenticateResult ticket, long? maximumAge, TimeProvider time) =>
        maximumAge is { } seconds && time.GetUtcNow() - SignedIn(ticket) > TimeSpan.FromSeconds(seconds);

    private static DateTimeOffset SignedIn(AuthenticateResult ticket) =>
        DateTimeOffset.FromUnixTimeSeconds(long.Parse(ticket.Principal!.FindFirstValue(Claims.AuthenticationTime)!, System.Globalization.CultureInfo.InvariantCulture));
}
