namespace Gateway.Proxying;

/// <summary>
/// Request headers in which proxies tell the server behind them who asks, from where, and for what. What a client claims under such a name never
/// passes: a workspace's framework may believe it.
/// </summary>
internal static class HopHeaders
{
    private static readonly string[] Prefixes =
    [
        "Cf-Access-", "Fly-", "Gateway-", "Remote-", "Tailscale-", "X-Amzn-Oidc-", "X-Auth-Request-", "X-Authentik-", "X-Forwarded-", "X-Gateway-", "X-Goog-Authenticated-", "X-Goog-IAP-",
        "X-MS-Client-Principal", "X-MS-Token-", "X-Pomerium-", "X-Remote-", "X-Webauth-",
    ];

    // Two of them rename the path, and so undo the decision whose it is; "Proxy" becomes HTTP_PROXY in CGI-like servers.
    private static readonly string[] Names =
    [
        "CF-Connecting-IP", "Forwarded", "Proxy", "True-Client-IP", "X-Client-IP", "X-Cluster-Client-IP", "X-Original-URL", "X-Real-IP", "X-Rewrite-URL",
    ];

    public static bool IsClaimed(string name)
    {
        // Nearly all names end here.
        if ((name[0] | 0x20) is not ('c' or 'f' or 'g' or 'p' or 'r' or 't' or 'x'))
        {
            return false;
        }

        foreach (var prefix in Prefixes)
        {
            if (StartsWith(name, prefix))
            {
                return true;
            }
        }

        foreach (var other in Names)
        {
            if (name.Length == other.Length && StartsWith(name, other))
            {
                return true;
            }
        }

        return false;
    }

    /// <summary>An underscore is a hyphen to servers that turn names into variables, so it is one here.</summary>
    private static bool StartsWith(string name, string prefix)
    {
        if (name.Length < prefix.Length)
        {
            return false;
        }

        for (var i = 0; i < prefix.Length; i++)
        {
            var (one, other) = (name[i] == '_' ? '-' : name[i], prefix[i]);
            if (one != other && char.ToLowerInvariant(one) != char.ToLowerInvariant(other))
            {
                return false;
            }
        }

        return true;
    }
}
