using System.Text.Encodings.Web;
using Gateway.Identity.Access;
using Microsoft.AspNetCore.Authentication;
using Microsoft.Extensions.Options;

namespace Gateway.Identity.Tokens;

/// <summary>Authenticates by a personal access token in the <c>Authorization</c> header.</summary>
internal sealed class TokenHandler(IOptionsMonitor<AuthenticationSchemeOptions> options, ILoggerFactory logger, UrlEncoder encoder, PersonalTokens tokens, UserAccess access)
    : AuthenticationHandler<AuthenticationSchemeOptions>(options, logger, encoder)
{
    private static readonly Task<AuthenticateResult> Bad = Task.FromResult(AuthenticateResult.Fail("There is no such token."));

    protected override Task<AuthenticateResult> HandleAuthenticateAsync() =>
        RequestCredential.ReadBearer(Request) is { } text && TokenText.IsWellFormed(text) ? FindAsync(CredentialId.Of(text)) : Bad;

    private async Task<AuthenticateResult> FindAsync(string id)
    {
        var (token, known) = await tokens.FindAsync(id);
        if (token is null)
        {
            if (!known)
            {
                Context.Features.Set(CredentialUnknown.SignIn);
            }

            return AuthenticateResult.Fail("There is no such token.");
        }

        if (access.HasEnded(token.Principal))
        {
            return AuthenticateResult.Fail("The token was ended.");
        }

        tokens.Used(token);
        Context.Items[IdentityItems.CredentialConsumed] = true;
        return AuthenticateResult.Success(new AuthenticationTicket(token.Principal, Scheme.Name));
    }
}
