using System.Security.Claims;
using OpenIddict.Abstractions;
using static OpenIddict.Abstractions.OpenIddictConstants;

namespace LocalCloud.Identity;

/// <summary>What the provider says about whoever signed in as a name.</summary>
internal static class Person
{
    public const int LongestName = 200;

    /// <summary>The name as it will be known; null for what cannot be one.</summary>
    public static string? NameFrom(string? text) =>
        text?.Trim() is { Length: > 0 and <= LongestName } name && !name.Any(char.IsControl) ? name : null;

    public static ClaimsPrincipal Describe(string name, DateTimeOffset signedIn, IEnumerable<string> scopes, IdentityProviderOptions options)
    {
        var identity = new ClaimsIdentity("local", Claims.Name, Claims.Role);
        identity.SetClaim(Claims.Subject, name)
            .SetClaim(Claims.Name, name)
            .SetClaim(Claims.PreferredUsername, name)
            .SetClaim(Claims.Email, $"{name}@example.com")
            .SetClaim(Claims.EmailVerified, true)
            .SetClaim(Claims.AuthenticationTime, signedIn.ToUnixTimeSeconds());
        if (options.Operators.Contains(name))
        {
            identity.SetClaim(Claims.Role, "operator");
        }

        identity.SetScopes(scopes);
        identity.SetAudiences(options.Audience);
        identity.SetDestinations(_ => [Destinations.AccessToken, Destinations.IdentityToken]);
        return new ClaimsPrincipal(identity);
    }
}
