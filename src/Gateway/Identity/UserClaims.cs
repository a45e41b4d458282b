using System.Globalization;
using System.Security.Claims;

namespace Gateway.Identity;

/// <summary>
/// The few claims the gateway keeps, under names of its own. The principal is made anew from a validated token, so a token cannot bring one of
/// these names with it, and what is stored per sign-in stays small.
/// </summary>
internal static class UserClaims
{
    public const string User = "gateway.user";
    public const string Name = "gateway.name";
    public const string Email = "gateway.email";
    public const string Group = "gateway.group";
    public const string Role = "gateway.role";
    public const string Expires = "gateway.expires";

    /// <summary>When the credential was issued, in milliseconds, so that all of a user's up to a moment can be ended.</summary>
    public const string Issued = "gateway.issued";

    /// <summary>The <see cref="CredentialId"/> that the user came with; a provider's token has none.</summary>
    public const string Credential = "gateway.credential";

    /// <summary>What the gateway noted of the credential, whatever the provider says of its user.</summary>
    private static readonly string[] Noted = [Expires, Issued, Credential];

    private const int MaximumUserLength = 255;
    private const int MaximumPerKind = 200;

    /// <summary>The user whom a validated token speaks of, or null when it names none we could use.</summary>
    public static ClaimsPrincipal? From(ClaimsPrincipal token, IdentityOptions options, string scheme)
    {
        var ids = token.FindAll(options.UserClaim).Select(claim => claim.Value).Distinct(StringComparer.Ordinal).ToList();
        if (ids.Count != 1 || !IsUsable(ids[0]))
        {
            return null;
        }

        var claims = new List<Claim> { new(User, ids[0]) };
        Copy(token, options.NameClaim, Name, 1, claims);
        Copy(token, options.GroupClaim, Group, MaximumPerKind, claims);
        Copy(token, options.RoleClaim, Role, MaximumPerKind, claims);
        Copy(token, "exp", Expires, 1, claims);
        if (long.TryParse(token.FindFirst("iat")?.Value, NumberStyles.None, CultureInfo.InvariantCulture, out var issued))
        {
            claims.Add(IssuedAt(DateTimeOffset.FromUnixTimeSeconds(Math.Min(issued, DateTimeOffset.MaxValue.ToUnixTimeSeconds()))));
        }

        // Absent is believed, because several providers never say; what the provider itself calls unverified is not.
        if (!string.Equals(token.FindFirst("email_verified")?.Value, "false", StringComparison.OrdinalIgnoreCase))
        {
            Copy(token, "email", Email, 1, claims);
        }

        return new ClaimsPrincipal(new ClaimsIdentity(claims, scheme, Name, Role));
    }

    /// <summary>The same user as known by another scheme.</summary>
    public static ClaimsPrincipal As(ClaimsPrincipal user, string scheme) => new(new ClaimsIdentity(user.Claims, scheme, Name, Role));

    /// <summary>
    /// The user as the provider describes them now, still signed in by the same; null: nothing differs. A token that is given later may leave out what the
    /// first one said (OpenID Connect Core section 12.2): names and addresses stay then. Groups and roles do not, because whoever has none has no such claim.
    /// </summary>
    /// <param name="kept">As known until now.</param>
    /// <param name="now">What <see cref="From"/> makes of the new token.</param>
    /// <param name="token">The new token itself.</param>
    public static ClaimsPrincipal? Updated(ClaimsPrincipal kept, ClaimsPrincipal now, ClaimsPrincipal token)
    {
        var described = now.Claims.Where(static claim => !Noted.Contains(claim.Type)).ToList();
        described.AddRange(kept.FindAll(Name).Where(_ => !now.HasClaim(static claim => claim.Type == Name)));
        // One that the token calls unverified is not left out.
        described.AddRange(kept.FindAll(Email).Where(_ => !token.HasClaim(static claim => claim.Type is "email" or "email_verified")));
        if (Texts(described).SetEquals(Texts(kept.Claims.Where(static claim => !Noted.Contains(claim.Type)))))
        {
            return null;
        }

        described.AddRange(kept.Claims.Where(static claim => Noted.Contains(claim.Type)));
        return new ClaimsPrincipal(new ClaimsIdentity(described, kept.Identity!.AuthenticationType, Name, Role));

        static HashSet<(string, string)> Texts(IEnumerable<Claim> claims) => [.. claims.Select(static claim => (claim.Type, claim.Value))];
    }

    public static Claim IssuedAt(DateTimeOffset at) => new(Issued, at.ToUnixTimeMilliseconds().ToString(CultureInfo.InvariantCulture));

    public static bool TryGetUserId(this ClaimsPrincipal principal, out UserId user)
    {
        var value = principal.FindFirst(User)?.Value;
        user = new UserId(value ?? "");
        return value is not null && principal.Identity?.IsAuthenticated == true;
    }

    /// <summary>The authenticated user. Only where a policy of Identity already held.</summary>
    public static UserId GetUserId(this ClaimsPrincipal principal) =>
        principal.TryGetUserId(out var user) ? user : throw new InvalidOperationException("The request is not authenticated.");

    /// <summary>When the bearer token ends; null for a cookie.</summary>
    public static DateTimeOffset? GetExpiry(this ClaimsPrincipal principal) =>
        principal.Identity?.AuthenticationType == IdentitySchemes.Bearer
        && long.TryParse(principal.FindFirst(Expires)?.Value, NumberStyles.None, CultureInfo.InvariantCulture, out var seconds)
            ? DateTimeOffset.FromUnixTimeSeconds(seconds)
            : null;

    // A control character would travel on into headers, names and logs.
    private static bool IsUsable(string id) => id.Length is > 0 and <= MaximumUserLength && !id.Any(char.IsControl);

    private static void Copy(ClaimsPrincipal token, string from, string to, int most, List<Claim> claims)
    {
        foreach (var claim in token.FindAll(from).Take(most))
        {
            claims.Add(new Claim(to, claim.Value));
        }
    }
}
