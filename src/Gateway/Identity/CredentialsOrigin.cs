using Gateway.Identity.Operators;
using Microsoft.Extensions.Options;

namespace Gateway.Identity;

/// <summary>
/// The origin of its own at which credentials are shown and made, where one is configured. Nothing of a workspace is answered there, so none of its scripts
/// runs there.
/// </summary>
internal sealed class CredentialsOrigin
{
    private readonly Uri? _url;
    private readonly string _name = "";

    public CredentialsOrigin(IOptions<IdentityOptions> options)
    {
        if (options.Value.Origin.Length > 0)
        {
            _url = new Uri(options.Value.Origin);
            _name = NameOf(_url);
        }
    }

    public bool IsSet => _url is not null;

    public bool IsHttps => _url?.Scheme == "https";

    /// <summary>As a browser writes it, without a path. Only where one is set.</summary>
    public string Value => _url!.GetLeftPart(UriPartial.Authority);

    /// <summary>
    /// By the host's name alone: a browser sends a host's cookies to each of its ports, and a dot at the name's end leads to the same machine. Never at the
    /// operators' door.
    /// </summary>
    public bool IsAt(HttpContext context) =>
        _url is not null && context.Request.Host.Host.AsSpan().TrimEnd('.').Equals(_name, StringComparison.OrdinalIgnoreCase) && !IOperatorsDoor.IsAt(context);

    /// <summary>The scheme that a browser is signed in by where it asks now.</summary>
    public string SignInSchemeAt(HttpContext context) => IsAt(context) ? IdentitySchemes.Credentials : IdentitySchemes.Cookie;

    /// <summary>Where a browser goes on after a sign-in there: no address is believed, but which of the two pages it names.</summary>
    public static string ReturnPathOf(string? path) =>
        path is not null && (path == IdentityPaths.Device || path.StartsWith(IdentityPaths.Device + "?", StringComparison.Ordinal)) ? IdentityPaths.Device : IdentityPaths.Tokens;

    /// <summary>The host of an origin as requests name it, but for a dot at its end.</summary>
    public static string NameOf(Uri origin) => (origin.HostNameType == UriHostNameType.IPv6 ? origin.Host : origin.IdnHost).TrimEnd('.');
}

/// <summary>Of an endpoint: where it is answered when credentials have an origin of their own. Without this mark: among the workspaces alone.</summary>
internal sealed record ServedAt(bool Workspaces)
{
    public static readonly ServedAt Both = new(true);

    /// <summary>It shows or makes a credential.</summary>
    public static readonly ServedAt CredentialsAlone = new(false);
}
