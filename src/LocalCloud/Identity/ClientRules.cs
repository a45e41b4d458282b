using System.Security.Cryptography;
using System.Text;
using OpenIddict.Abstractions;
using static OpenIddict.Abstractions.OpenIddictConstants;
using static OpenIddict.Server.OpenIddictServerEvents;

namespace LocalCloud.Identity;

/// <summary>Which client may ask for what.</summary>
internal sealed class ClientRules(IReadOnlyList<IdentityClient> clients)
{
    public ValueTask CheckAuthorization(ValidateAuthorizationRequestContext context)
    {
        if (Find(context.ClientId) is not { } client)
        {
            context.Reject(Errors.InvalidClient, "There is no client of this id.");
        }
        else if (!MayRedirect(client, context.RedirectUri))
        {
            context.Reject(Errors.InvalidRequest, "The client may not be redirected to this address.");
        }

        return ValueTask.CompletedTask;
    }

    public ValueTask CheckToken(ValidateTokenRequestContext context)
    {
        if (Find(context.ClientId) is not { } client || !SecretMatches(client, context.ClientSecret))
        {
            context.Reject(Errors.InvalidClient, "Client id and secret do not match.");
        }
        else if (context.Request.IsPasswordGrantType() && !client.AllowPassword)
        {
            context.Reject(Errors.UnauthorizedClient, "This client may not use the password grant.");
        }

        return ValueTask.CompletedTask;
    }

    public ValueTask CheckEndSession(ValidateEndSessionRequestContext context)
    {
        if (context.PostLogoutRedirectUri is { Length: > 0 } address
            && !clients.Any(client => (context.ClientId is null || client.Id == context.ClientId) && MayRedirect(client, address)))
        {
            context.Reject(Errors.InvalidRequest, "No client may be redirected to this address.");
        }

        return ValueTask.CompletedTask;
    }

    private IdentityClient? Find(string? id) => clients.FirstOrDefault(client => client.Id == id);

    private static bool SecretMatches(IdentityClient client, string? given) => client.Secret is null
        || CryptographicOperations.FixedTimeEquals(Encoding.UTF8.GetBytes(client.Secret), Encoding.UTF8.GetBytes(given ?? ""));

    private static bool MayRedirect(IdentityClient client, string? address) =>
        Uri.TryCreate(address, UriKind.Absolute, out var uri)
        && (client.Redirects is { Count: > 0 } redirects
            ? redirects.Any(start => uri.AbsoluteUri.StartsWith(start, StringComparison.Ordinal))
            : uri.IsLoopback && uri.Scheme is "http" or "https");
}
