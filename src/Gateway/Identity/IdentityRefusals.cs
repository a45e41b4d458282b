namespace Gateway.Identity;

/// <summary>Every refusal of this room, in one place.</summary>
internal static class IdentityRefusals
{
    private static readonly TimeSpan Soon = TimeSpan.FromSeconds(5);

    public static readonly Refusal NotSignedIn = new(401, "not-signed-in", "Not signed in", "Sign in, or send a bearer token of the configured issuer.")
    {
        Link = (IdentityPaths.SignIn, "Sign in"),
    };

    public static readonly Refusal BadToken = new(401, "invalid-token", "The token is not valid", "The bearer token is malformed, expired, or not meant for this gateway. Get a new one.");

    public static readonly Refusal NotAllowed = new(403, "not-allowed", "No workspace for this account", "You are signed in, but this account may not have a workspace here. Ask an operator, or sign in as somebody else.")
    {
        Link = (IdentityPaths.SignOut, "Sign out"),
    };

    public static readonly Refusal Denied = new(403, "access-denied", "An operator has closed this account", "You are signed in, but an operator has denied this account access. Ask them, or sign in as somebody else.")
    {
        Link = (IdentityPaths.SignOut, "Sign out"),
    };

    public static readonly Refusal NotOperator = new(403, "not-operator", "Operators only", "The token is valid but does not carry the role that this needs.");

    public static readonly Refusal CookieAlone = new(403, "cookie-alone", "Not by the console's cookie", "A cookie comes along with whatever page asks. Use the console's own pages, or send a bearer token or an API key.");

    public static readonly Refusal ForeignOrigin = new(403, "foreign-origin", "Socket from another site", "A WebSocket that relies on a sign-in must come from this gateway's own pages.");

    public static readonly Refusal StoreUnavailable = new(503, "sign-in-unknown", "Sign-in cannot be checked right now", "The gateway cannot look up sign-ins at the moment. You are not signed out; try again shortly.")
    {
        GatewayState = "unknown",
        RetryAfter = Soon,
    };

    public static readonly Refusal ProviderUnavailable = new(503, "provider-unavailable", "Sign-in is not available right now", "The identity provider does not answer. Try again shortly.")
    {
        GatewayState = "unknown",
        RetryAfter = Soon,
    };

    public static readonly Refusal SignInExpired = new(400, "sign-in-expired", "This sign-in cannot be finished", "It took too long, was used already, or was begun in another browser. Start again.")
    {
        Link = (IdentityPaths.SignIn, "Sign in"),
    };

    public static readonly Refusal SignInRefused = new(403, "sign-in-refused", "Sign-in refused", "The identity provider refused the sign-in, or it was cancelled.")
    {
        Link = (IdentityPaths.SignIn, "Try again"),
    };

    public static readonly Refusal TokenInQuery = new(400, "token-in-query", "No tokens in addresses", "Addresses end up in logs and histories. Send the token in the Authorization header.");

    public static readonly Refusal TwoCredentials = new(400, "two-credentials", "More than one Authorization header", "Send exactly one Authorization header.");

    public static readonly Refusal NoSuchPath = new(404, "not-found", "Not found", "The gateway has nothing at this address.");

    public static readonly Refusal ForeignPage = new(403, "foreign-page", "Not for other pages", "Only pages of this address may ask this of it. Open it in a window of its own.");

    public static readonly Refusal ForeignSignOut = new(403, "foreign-sign-out", "Sign-out from another site", "Another site asked to sign you out. Do it from here if you want to.")
    {
        Link = (IdentityPaths.SignOut, "Sign out"),
    };

    public static readonly Refusal ForeignForm = new(403, "foreign-form", "This form is not from here", "It was made for somebody else, by another site, or too long ago. Open the page again.");

    public static readonly Refusal NeedsBrowser = new(403, "needs-browser", "Sign in with a browser for this", "A token can neither make nor revoke tokens. Open this page in a browser.");

    /// <param name="origin">As it is configured.</param>
    public static Refusal AtCredentialsOrigin(string origin) => new(403, "credentials-origin", "Not at this address", $"Credentials are shown, made and revoked at {origin} alone. Open that in a browser.")
    {
        Link = (origin + IdentityPaths.Tokens, "Go there"),
    };

    public static readonly Refusal NotFresh = new(403, "not-fresh", "The sign-in was not a fresh one", "This needs your password or passkey again, within the last five minutes, as the same user. Nothing was done. Start again.")
    {
        Link = (IdentityPaths.Tokens, "Back to your tokens"),
    };

    public static readonly Refusal NoSuchUserCode = new(404, "no-such-code", "No device waits with this code", "It was mistyped, is more than ten minutes old, or was decided on already. Let the device begin again.")
    {
        Link = (IdentityPaths.Device, "Type another code"),
    };

    public static readonly Refusal TooManyCodes = new(429, "too-many-codes", "Too many codes", "You have typed many codes. Wait a few minutes.")
    {
        RetryAfter = TimeSpan.FromMinutes(10),
    };

    public static readonly Refusal BadTokenForm = new(400, "bad-token-form", "The token was not made", "A token needs a label of at most 60 characters and a number of days within what is allowed here.")
    {
        Link = (IdentityPaths.Tokens, "Back to your tokens"),
    };

    public static readonly Refusal TooManyTokens = new(409, "too-many-tokens", "No more tokens", "You have as many tokens as one user may have. Revoke one that you no longer use.")
    {
        Link = (IdentityPaths.Tokens, "Back to your tokens"),
    };
}
