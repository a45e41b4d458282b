using Gateway.Identity.Operators;

namespace Gateway.Identity;

/// <summary>Who is believed, and who may have a workspace.</summary>
internal sealed class IdentityOptions
{
    public const string Section = "Identity";

    /// <summary>The provider's address, below which <c>.well-known/openid-configuration</c> is found. Required.</summary>
    public string Authority { get; set; } = "";

    /// <summary>The gateway's client id at the provider. Required.</summary>
    public string ClientId { get; set; } = "";

    /// <summary>The gateway's secret at the provider; empty for a public client (PKCE is used either way).</summary>
    public string ClientSecret { get; set; } = "";

    /// <summary>The audience that bearer tokens for the gateway carry. Required.</summary>
    public string Audience { get; set; } = "";

    /// <summary>Lets <see cref="Authority"/> be http, for a provider on this machine. Defaults to false.</summary>
    public bool AllowHttpAuthority { get; set; }

    /// <summary>
    /// The origin that browsers see, as <c>https://my-jarvis-desktop.fly.dev</c>. Needed behind a proxy that ends TLS, because requests then arrive
    /// as http. Defaults to empty: scheme and host of each request.
    /// </summary>
    public string PublicUrl { get; set; } = "";

    /// <summary>
    /// An origin of its own, of another host than <see cref="PublicUrl"/>, as <c>https://account.example.com</c>: credentials are shown and made there and
    /// nowhere else, and no workspace is reached through it. Defaults to empty: they are at the workspaces' origin, and each needs a fresh sign-in.
    /// </summary>
    public string Origin { get; set; } = "";

    /// <summary>The claim that is the user's id. Defaults to <c>sub</c>.</summary>
    public string UserClaim { get; set; } = "sub";

    /// <summary>The claim with a user's display name. Defaults to <c>name</c>.</summary>
    public string NameClaim { get; set; } = "name";

    /// <summary>The claim with a user's roles. Defaults to <c>role</c>.</summary>
    public string RoleClaim { get; set; } = "role";

    /// <summary>The claim with a user's groups, for <c>Allow:Groups</c>. Defaults to <c>groups</c>.</summary>
    public string GroupClaim { get; set; } = "groups";

    /// <summary>The role that may use the operations listener. Defaults to <c>operator</c>.</summary>
    public string OperatorRole { get; set; } = "operator";

    /// <summary>The role that may read on the operations listener and change nothing. Defaults to <c>viewer</c>.</summary>
    public string ViewerRole { get; set; } = "viewer";

    /// <summary>
    /// The origin at which browsers see the operations listener, as <c>https://operations.example.com</c>, when a proxy ends TLS before it. Defaults to
    /// empty: scheme and host of each request.
    /// </summary>
    public string ConsoleUrl { get; set; } = "";

    /// <summary>Keys for operators' scripts. Defaults to none.</summary>
    public IList<ApiKeyOptions> ApiKeys { get; set; } = [];

    /// <summary>Scopes asked for at sign-in, separated by spaces. Defaults to <c>openid profile email</c>.</summary>
    public string Scopes { get; set; } = "openid profile email";

    /// <summary>Who may have a workspace. Nobody named: the gateway does not start.</summary>
    public AllowOptions Allow { get; set; } = new();

    /// <summary>A sign-in ends after this long without use. Defaults to 12 hours.</summary>
    public TimeSpan CookieLifetime { get; set; } = TimeSpan.FromHours(12);

    /// <summary>A sign-in ends after this long, used or not. Defaults to 7 days.</summary>
    public TimeSpan AbsoluteLifetime { get; set; } = TimeSpan.FromDays(7);

    /// <summary>
    /// How often the provider is asked whether it still vouches for who is signed in, and what it says of them now, where it gives a refresh token (most do for
    /// the scope <c>offline_access</c>). Defaults to 1 hour; zero: never.
    /// </summary>
    public TimeSpan RefreshEvery { get; set; } = TimeSpan.FromHours(1);

    /// <summary>How long a verified sign-in is believed before Redis is asked again. Defaults to 1 minute.</summary>
    public TimeSpan BelieveFor { get; set; } = TimeSpan.FromMinutes(1);

    /// <summary>How long a verified sign-in is believed while Redis does not answer. Defaults to 10 minutes.</summary>
    public TimeSpan TrustWithoutRedis { get; set; } = TimeSpan.FromMinutes(10);

    /// <summary>How many verified sign-ins are kept in memory. Defaults to 100,000, as many as there are routes.</summary>
    public int MaximumBelieved { get; set; } = 100_000;

    /// <summary>How long a socket outlives the credential it was opened with, when that ends by itself. Defaults to 5 minutes.</summary>
    public TimeSpan SocketGrace { get; set; } = TimeSpan.FromMinutes(5);

    /// <summary>The longest life of a personal access token. Defaults to 365 days.</summary>
    public TimeSpan MaximumTokenLifetime { get; set; } = TimeSpan.FromDays(365);

    /// <summary>How long a device that was signed in by a code stays so. Defaults to 30 days.</summary>
    public TimeSpan DeviceTokenLifetime { get; set; } = TimeSpan.FromDays(30);

    /// <summary>How long the provider may take to answer the gateway. Defaults to 10 seconds.</summary>
    public TimeSpan ProviderTimeout { get; set; } = TimeSpan.FromSeconds(10);
}

/// <summary>Each entry lets somebody in; none set lets nobody in and is a configuration fault.</summary>
internal sealed class AllowOptions
{
    /// <summary>Everybody the provider signs in. Must be written out. Defaults to false.</summary>
    public bool Everyone { get; set; }

    /// <summary>User ids, exactly as in the user claim.</summary>
    public IList<string> Users { get; set; } = [];

    /// <summary>E-mail addresses, whatever their case. One the provider calls unverified does not count.</summary>
    public IList<string> Emails { get; set; } = [];

    /// <summary>The part of an e-mail address after the @, whole and whatever its case.</summary>
    public IList<string> Domains { get; set; } = [];

    /// <summary>Groups, exactly as in the group claim.</summary>
    public IList<string> Groups { get; set; } = [];
}
