using System.Globalization;
using System.Security.Claims;
using Gateway.Identity.Access;
using Gateway.Identity.Tokens;

namespace Gateway.Identity;

/// <summary>Whether what somebody was let in by would still let them in.</summary>
/// <param name="Known">False: the store does not answer, and nothing is concluded from that.</param>
/// <param name="Stands">It counts, unless <paramref name="Until"/> is past.</param>
/// <param name="Until">When it ends by itself; null: not said.</param>
/// <param name="Reason">Why it does not stand, for the person at the other end of a socket.</param>
/// <param name="Verified">False: the store does not answer, and this is what was believed before.</param>
internal readonly record struct Standing(bool Known, bool Stands, DateTimeOffset? Until = null, string Reason = "", bool Verified = true)
{
    public static readonly Standing Unknown = new(false, true);

    public static Standing Ended(string reason) => new(true, false, null, reason);
}

/// <summary>Asked for what outlives the request it came with: sockets.</summary>
internal sealed class CredentialStanding(SignIns signIns, PersonalTokens tokens, UserAccess access)
{
    private static readonly Standing NotAllowed = Standing.Ended("This account may no longer use a workspace here.");

    public async ValueTask<Standing> OfAsync(ClaimsPrincipal user)
    {
        if (access.HasEnded(user))
        {
            return Standing.Ended("An operator ended your connections.");
        }

        if (!access.Allows(user))
        {
            return NotAllowed;
        }

        return user.FindFirst(UserClaims.Credential)?.Value is { } id
            ? user.Identity!.AuthenticationType == IdentitySchemes.Token ? await OfTokenAsync(id) : await OfSignInAsync(id)
            : new Standing(true, true, long.TryParse(user.FindFirst(UserClaims.Expires)?.Value, NumberStyles.None, CultureInfo.InvariantCulture, out var seconds) ? DateTimeOffset.FromUnixTimeSeconds(seconds) : null);
    }

    private async ValueTask<Standing> OfTokenAsync(string id)
    {
        var (token, known) = await tokens.FindAsync(id);
        return !known ? Standing.Unknown : token is null ? Standing.Ended("The access token was revoked or has expired.") : new Standing(true, true, token.Token.Expires, Verified: tokens.Current(id) is not null);
    }

    /// <summary>Judged by what it says of its user now, which may be another thing than when the socket was opened.</summary>
    private async ValueTask<Standing> OfSignInAsync(string id)
    {
        var (ticket, known) = await signIns.FindAsync(id);
        return !known ? Standing.Unknown
            : ticket is null || signIns.HasEnded(ticket.Properties) ? Standing.Ended("You were signed out.")
            : !access.Allows(ticket.Principal) ? NotAllowed
            : new Standing(true, true, ticket.Properties.ExpiresUtc, Verified: signIns.Current(id) is not null);
    }
}
