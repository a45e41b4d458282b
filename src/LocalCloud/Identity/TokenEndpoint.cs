using Microsoft.AspNetCore;
using Microsoft.AspNetCore.Authentication;
using OpenIddict.Abstractions;
using OpenIddict.Server.AspNetCore;

namespace LocalCloud.Identity;

/// <summary>Exchanges a code, a refresh token, or a name (with any password) for tokens.</summary>
internal static class TokenEndpoint
{
    public const string Path = "/connect/token";
    private const string Scheme = OpenIddictServerAspNetCoreDefaults.AuthenticationScheme;

    public static async Task AnswerAsync(HttpContext context)
    {
        var request = context.GetOpenIddictServerRequest()!;
        if (request.IsPasswordGrantType())
        {
            var options = context.RequestServices.GetRequiredService<IdentityProviderOptions>();
            await (Person.NameFrom(request.Username) is { } name
                ? context.SignInAsync(Scheme, Person.Describe(name, options.Time.GetUtcNow(), request.GetScopes(), options))
                : context.ForbidAsync(Scheme));
            return;
        }

        // OpenIddict has checked code or refresh token; what it carries is who it was given to.
        var given = await context.AuthenticateAsync(Scheme);
        await context.SignInAsync(Scheme, given.Principal!);
    }
}
