using Gateway.Identity.Operators;
using Gateway.Identity.Tokens;
using Microsoft.IdentityModel.JsonWebTokens;

namespace Gateway.Identity;

/// <summary>
/// Which credential a request is judged by. A bearer decides unless a sign-in cookie stands beside it and the bearer is not from our provider: then
/// the header is between the page and its workspace, and passes.
/// </summary>
internal sealed class RequestCredential(Provider provider, CredentialsOrigin credentials)
{
    private const string Bearer = "Bearer";
    private const int MaximumTokenLength = 16 * 1024;

    public string SchemeOf(HttpContext context)
    {
        // A token can neither make nor revoke tokens, and there is nothing else there.
        if (credentials.IsAt(context))
        {
            return IdentitySchemes.Credentials;
        }

        if (ReadBearer(context.Request) is not { } token)
        {
            return IdentitySchemes.Cookie;
        }

        if (TokenText.LooksOurs(token))
        {
            return IdentitySchemes.Token;
        }

        return !IdentityCookies.HasSignIn(context.Request) || ClaimsToBeOurs(token) ? IdentitySchemes.Bearer : IdentitySchemes.Cookie;
    }

    /// <summary>On the operations listener: what the sender put there decides, and without it the console's cookie.</summary>
    public static string OperatorSchemeOf(HttpContext context) =>
        context.Request.Headers.Authorization.Count == 0 ? IdentitySchemes.Console
        : ReadBearer(context.Request) is { } text && ApiKeys.LooksOurs(text) ? IdentitySchemes.ApiKey
        : IdentitySchemes.Bearer;

    public static string? ReadBearer(HttpRequest request)
    {
        string? header = request.Headers.Authorization;
        if (header is null || !header.StartsWith(Bearer, StringComparison.OrdinalIgnoreCase))
        {
            return null;
        }

        // "Bearer" and nothing after it is a bearer too, and a bad one.
        return header.Length == Bearer.Length || header[Bearer.Length] == ' ' ? header[Bearer.Length..].Trim() : null;
    }

    private bool ClaimsToBeOurs(string token)
    {
        if (token.Length > MaximumTokenLength || token.Count(c => c == '.') != 2)
        {
            return false;
        }

        try
        {
            return provider.IsIssuer(new JsonWebToken(token).Issuer);
        }
        catch (ArgumentException)
        {
            return false;
        }
    }
}
