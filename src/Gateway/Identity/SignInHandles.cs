using Microsoft.AspNetCore.Authentication.Cookies;
using Microsoft.Extensions.Options;

namespace Gateway.Identity;

/// <summary>Reads the sign-in that a browser came with where the cookie handler must not: on the way back from the provider it would reuse the handle.</summary>
internal sealed class SignInHandles(IOptionsMonitor<CookieAuthenticationOptions> options)
{
    // The cookie handler's own name for the handle inside the cookie.
    private const string HandleClaim = "Microsoft.AspNetCore.Authentication.Cookies-SessionId";

    /// <summary>The sign-in's <see cref="CredentialId"/>; null: no cookie, or none of ours.</summary>
    /// <param name="context">Whose cookie.</param>
    /// <param name="scheme">Which of the sign-ins that a browser may have.</param>
    public string? Find(HttpContext context, string scheme)
    {
        var name = scheme == IdentitySchemes.Credentials ? IdentityCookies.CredentialsName(context.Request) : IdentityCookies.SignInName(context.Request);
        var cookie = IdentityCookies.Read(context.Request, name, out _);
        var handle = cookie is null ? null : options.Get(scheme).TicketDataFormat.Unprotect(cookie)?.Principal.FindFirst(HandleClaim)?.Value;
        return handle is null ? null : CredentialId.Of(handle);
    }
}
