using Gateway.Identity;

namespace Gateway;

/// <summary>Takes from a request what proved its user to the gateway: a workspace runs its user's code, and never sees it.</summary>
internal static class OwnCredentials
{
    public static void Remove(HttpContext context)
    {
        // The gateway's cookies are taken out where the workspace's are copied; a bearer of our own issuer goes here.
        if (context.Items.Count > 0 && context.Items.ContainsKey(IdentityItems.CredentialConsumed))
        {
            context.Request.Headers.Authorization = default;
        }
    }
}
