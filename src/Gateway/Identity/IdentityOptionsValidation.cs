using Gateway.Identity.Operators;
using Microsoft.Extensions.Options;

namespace Gateway.Identity;

/// <summary>Lists every fault of the section at once, each by its key.</summary>
internal sealed class IdentityOptionsValidation : IValidateOptions<IdentityOptions>
{
    public ValidateOptionsResult Validate(string? name, IdentityOptions options)
    {
        var faults = new List<string>();
        CheckProvider(options, faults);
        CheckOrigin(options.PublicUrl, "PublicUrl", faults);
        CheckOrigin(options.ConsoleUrl, "ConsoleUrl", faults);
        CheckCredentialsOrigin(options, faults);
        CheckApiKeys(options.ApiKeys, faults);
        CheckClaims(options, faults);
        CheckAllow(options.Allow, faults);
        CheckTimes(options, faults);
        return faults.Count == 0 ? ValidateOptionsResult.Success : ValidateOptionsResult.Fail(faults);
    }

    private static void CheckProvider(IdentityOptions options, List<string> faults)
    {
        if (!Uri.TryCreate(options.Authority, UriKind.Absolute, out var authority) || authority.Scheme is not ("http" or "https"))
        {
            faults.Add("Identity:Authority must be the https address of the identity provider, as https://login.example.com");
        }
        else if (authority.Scheme == "http" && !options.AllowHttpAuthority)
        {
            faults.Add("Identity:Authority is http: use https, or set Identity:AllowHttpAuthority to true for a provider on this machine");
        }

        Require(options.ClientId, "ClientId", "the gateway's client id at the provider", faults);
        Require(options.Audience, "Audience", "the audience that access tokens for the gateway carry", faults);
        if (!options.Scopes.Split(' ', StringSplitOptions.RemoveEmptyEntries).Contains("openid"))
        {
            faults.Add("Identity:Scopes must contain openid");
        }
    }

    private static void CheckOrigin(string origin, string key, List<string> faults)
    {
        if (origin.Length > 0 && OriginOf(origin) is null)
        {
            faults.Add($"Identity:{key} must be an origin without a path, as https://gateway.example.com, or empty");
        }
    }

    private static void CheckCredentialsOrigin(IdentityOptions options, List<string> faults)
    {
        CheckOrigin(options.Origin, "Origin", faults);
        if (OriginOf(options.Origin) is not { } origin)
        {
            return;
        }

        if (OriginOf(options.PublicUrl) is not { } workspaces)
        {
            faults.Add("Identity:Origin needs Identity:PublicUrl: the origin of the workspaces, which must be another one");
            return;
        }

        if (CredentialsOrigin.NameOf(origin).Equals(CredentialsOrigin.NameOf(workspaces), StringComparison.OrdinalIgnoreCase))
        {
            faults.Add("Identity:Origin must have another host name than Identity:PublicUrl, because browsers send a host's cookies to all of its ports, as https://account.example.com");
        }

        if (origin.Scheme != workspaces.Scheme)
        {
            faults.Add("Identity:Origin and Identity:PublicUrl must both be https");
        }
        else if (origin.Scheme == "http" && !IsThisMachine(origin))
        {
            faults.Add("Identity:Origin must be https; http will do for a name of this machine alone, as http://account.localhost");
        }
    }

    /// <summary>Null: it is none, and for the key that is said to be one elsewhere.</summary>
    private static Uri? OriginOf(string text) =>
        Uri.TryCreate(text, UriKind.Absolute, out var url) && url is { Scheme: "http" or "https", PathAndQuery: "/", UserInfo: "", Fragment: "" } ? url : null;

    private static bool IsThisMachine(Uri url) => url.IsLoopback || url.IdnHost.EndsWith(".localhost", StringComparison.OrdinalIgnoreCase);

    private static void CheckApiKeys(IList<ApiKeyOptions> keys, List<string> faults)
    {
        for (var i = 0; i < keys.Count; i++)
        {
            var key = keys[i];
            if (string.IsNullOrWhiteSpace(key.Name) || keys.Take(i).Any(other => other.Name == key.Name))
            {
                faults.Add($"Identity:ApiKeys:{i}:Name must be set, and no other key's");
            }

            if (key.Role is not ("operator" or "viewer"))
            {
                faults.Add($"Identity:ApiKeys:{i}:Role must be operator or viewer");
            }

            if (key.Sha256.Length != 64 || !key.Sha256.All(char.IsAsciiHexDigit))
            {
                faults.Add($"Identity:ApiKeys:{i}:Sha256 must be the SHA-256 of the key in 64 hexadecimal digits");
            }
        }
    }

    private static void CheckClaims(IdentityOptions options, List<string> faults)
    {
        Require(options.UserClaim, "UserClaim", "the claim that is the user's id, usually sub", faults);
        Require(options.NameClaim, "NameClaim", "the claim with a display name, usually name", faults);
        Require(options.RoleClaim, "RoleClaim", "the claim with roles, usually role", faults);
        Require(options.GroupClaim, "GroupClaim", "the claim with groups, usually groups", faults);
        Require(options.ViewerRole, "ViewerRole", "the role of those who may only look, usually viewer", faults);
        Require(options.OperatorRole, "OperatorRole", "the role of operators, usually operator", faults);
    }

    private static void CheckAllow(AllowOptions allow, List<string> faults)
    {
        var named = allow.Users.Concat(allow.Emails).Concat(allow.Domains).Concat(allow.Groups).Any(entry => !string.IsNullOrWhiteSpace(entry));
        if (!allow.Everyone && !named)
        {
            faults.Add("Identity:Allow names nobody: list Users, Emails, Domains or Groups, or set Identity:Allow:Everyone to true");
        }

        if (allow.Everyone && named)
        {
            faults.Add("Identity:Allow:Everyone is true beside a list that it makes meaningless: remove one of them");
        }

        CheckEntries(allow.Users, "Users", _ => true, "", faults);
        CheckEntries(allow.Groups, "Groups", _ => true, "", faults);
        CheckEntries(allow.Emails, "Emails", entry => entry.IndexOf('@') > 0 && !entry.EndsWith('@'), "an e-mail address", faults);
        CheckEntries(allow.Domains, "Domains", entry => !entry.Contains('@') && !entry.Contains('*'), "a domain without @ or *, as example.com", faults);
    }

    private static void CheckEntries(IList<string> entries, string key, Func<string, bool> fits, string what, List<string> faults)
    {
        for (var i = 0; i < entries.Count; i++)
        {
            if (string.IsNullOrWhiteSpace(entries[i]))
            {
                faults.Add($"Identity:Allow:{key}:{i} is empty: remove it");
            }
            else if (!fits(entries[i]))
            {
                faults.Add($"Identity:Allow:{key}:{i} must be {what}");
            }
        }
    }

    private static void CheckTimes(IdentityOptions options, List<string> faults)
    {
        Positive(options.CookieLifetime, "CookieLifetime", faults);
        Positive(options.BelieveFor, "BelieveFor", faults);
        Positive(options.DeviceTokenLifetime, "DeviceTokenLifetime", faults);
        Positive(options.ProviderTimeout, "ProviderTimeout", faults);
        if (options.RefreshEvery != TimeSpan.Zero && options.RefreshEvery < TimeSpan.FromSeconds(1))
        {
            faults.Add("Identity:RefreshEvery must be at least one second, or zero to never ask the provider again");
        }

        if (options.SocketGrace < TimeSpan.Zero)
        {
            faults.Add("Identity:SocketGrace must not be negative");
        }

        if (options.MaximumTokenLifetime < TimeSpan.FromDays(1))
        {
            faults.Add("Identity:MaximumTokenLifetime must be at least one day");
        }

        if (options.DeviceTokenLifetime > options.MaximumTokenLifetime)
        {
            faults.Add("Identity:DeviceTokenLifetime must be at most Identity:MaximumTokenLifetime");
        }

        if (options.AbsoluteLifetime < options.CookieLifetime)
        {
            faults.Add("Identity:AbsoluteLifetime must be at least Identity:CookieLifetime");
        }

        if (options.TrustWithoutRedis < options.BelieveFor)
        {
            faults.Add("Identity:TrustWithoutRedis must be at least Identity:BelieveFor");
        }

        if (options.MaximumBelieved < 1)
        {
            faults.Add("Identity:MaximumBelieved must be at least 1");
        }
    }

    private static void Positive(TimeSpan value, string key, List<string> faults)
    {
        if (value <= TimeSpan.Zero)
        {
            faults.Add($"Identity:{key} must be longer than zero");
        }
    }

    private static void Require(string value, string key, string what, List<string> faults)
    {
        if (string.IsNullOrWhiteSpace(value))
        {
            faults.Add($"Identity:{key} must be set: {what}");
        }
    }
}
