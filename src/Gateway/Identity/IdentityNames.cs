namespace Gateway.Identity;

/// <summary>The policies that endpoints ask for.</summary>
internal static class IdentityPolicies
{
    /// <summary>A user who may have a workspace, by cookie or bearer; sockets by cookie from our own origin only.</summary>
    public const string Workspace = "gateway.workspace";

    /// <summary>The operator role, by bearer or API key only. Answers are always JSON.</summary>
    public const string Operator = "gateway.operator";

    /// <summary>The operator or the viewer role: reads on the operations listener, no actions.</summary>
    public const string Viewer = "gateway.viewer";

    /// <summary>As <see cref="Viewer"/>, for pages: a person's browser is sent to sign in.</summary>
    public const string ConsolePage = "gateway.console-page";

    /// <summary>The operator role, by the console's cookie: what its forms do.</summary>
    public const string ConsoleAction = "gateway.console-action";
}

internal static class IdentitySchemes
{
    /// <summary>Chooses among the others by the request's own credential.</summary>
    public const string Chosen = "gateway";
    public const string Cookie = "gateway.cookie";
    public const string Bearer = "gateway.bearer";
    public const string Token = "gateway.token";
    public const string Provider = "gateway.provider";

    /// <summary>The sign-in at the credentials' origin, which opens nothing elsewhere, and the way to it.</summary>
    public const string Credentials = "gateway.credentials";
    public const string CredentialsProvider = "gateway.credentials-provider";

    /// <summary>Chooses among the credentials of the operations listener.</summary>
    public const string Operators = "gateway.operators";
    public const string Console = "gateway.console";
    public const string ApiKey = "gateway.api-key";
}

/// <summary>The paths that are Identity's own.</summary>
internal static class IdentityPaths
{
    public const string SignIn = "/.gateway/sign-in";
    public const string Callback = "/.gateway/callback";
    public const string CredentialsCallback = "/.gateway/credentials-callback";
    public const string SignOut = "/.gateway/sign-out";
    public const string SignedOut = "/.gateway/signed-out";
    public const string Me = "/.gateway/me";
    public const string BackChannelLogout = "/.gateway/backchannel-logout";
    public const string Device = "/.gateway/device";
    public const string DeviceCode = "/.gateway/device/code";
    public const string DeviceToken = "/.gateway/device/token";
    public const string Tokens = "/.gateway/tokens";
    public const string RevokeToken = "/.gateway/tokens/revoke";
}

/// <summary>What Identity leaves in <see cref="HttpContext.Items"/> for the request path.</summary>
internal static class IdentityItems
{
    /// <summary>True when the request's <c>Authorization</c> header was ours, so the workspace must not see it.</summary>
    public const string CredentialConsumed = "gateway.credential-consumed";
}
