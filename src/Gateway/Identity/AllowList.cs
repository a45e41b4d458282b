using System.Security.Claims;
using Microsoft.Extensions.Options;

namespace Gateway.Identity;

/// <summary>Who may have a workspace, as configured.</summary>
internal sealed class AllowList
{
    private readonly bool _everyone;
    private readonly HashSet<string> _users;
    private readonly HashSet<string> _groups;
    private readonly HashSet<string> _emails;
    private readonly HashSet<string> _domains;

    public AllowList(IOptions<IdentityOptions> options)
    {
        var allow = options.Value.Allow;
        _everyone = allow.Everyone;
        _users = [.. allow.Users];
        _groups = [.. allow.Groups];
        _emails = new HashSet<string>(allow.Emails, StringComparer.OrdinalIgnoreCase);
        _domains = new HashSet<string>(allow.Domains, StringComparer.OrdinalIgnoreCase);
    }

    public bool Allows(ClaimsPrincipal user)
    {
        if (!user.TryGetUserId(out var id))
        {
            return false;
        }

        return _everyone || _users.Contains(id.Value) || InGroup(user) || ByEmail(user);
    }

    private bool InGroup(ClaimsPrincipal user) => _groups.Count > 0 && user.FindAll(UserClaims.Group).Any(claim => _groups.Contains(claim.Value));

    private bool ByEmail(ClaimsPrincipal user)
    {
        if (user.FindFirst(UserClaims.Email)?.Value is not { } email)
        {
            return false;
        }

        // The last @: what stands before it may contain others, in quotes.
        return _emails.Contains(email) || _domains.Contains(email[(email.LastIndexOf('@') + 1)..]);
    }
}
