using System.Security.Claims;
using System.Security.Cryptography;
using System.Text;
using Microsoft.Extensions.Options;

namespace Gateway.Identity.Operators;

/// <summary>
/// Keys for operators' scripts: 256 random bits behind a prefix that secret scanners can look for. So much chance needs no slow hash, and a hash tells
/// nothing of the key.
/// </summary>
internal sealed class ApiKeys(IOptions<IdentityOptions> options)
{
    public const string Prefix = "mjdops_";

    /// <summary>64 hexadecimal digits or the like: a key that can be guessed is refused, whatever its hash.</summary>
    private const int LeastLength = 39;
    private const int MostLength = 200;

    private readonly List<(byte[] Hash, ClaimsPrincipal Principal)> _keys = [.. options.Value.ApiKeys.Select(key => (Convert.FromHexString(key.Sha256), PrincipalOf(key, options.Value)))];

    public static bool LooksOurs(string text) => text.StartsWith(Prefix, StringComparison.Ordinal);

    /// <summary>Null: no such key. All are compared, each in constant time, so the time taken tells nothing either.</summary>
    public ClaimsPrincipal? Find(string text)
    {
        if (text.Length is < LeastLength or > MostLength)
        {
            return null;
        }

        var hash = SHA256.HashData(Encoding.UTF8.GetBytes(text));
        ClaimsPrincipal? found = null;
        foreach (var (known, principal) in _keys)
        {
            found = CryptographicOperations.FixedTimeEquals(known, hash) ? principal : found;
        }

        return found;
    }

    private static ClaimsPrincipal PrincipalOf(ApiKeyOptions key, IdentityOptions options) => new(new ClaimsIdentity(
        [
            new Claim(UserClaims.User, "api-key:" + key.Name),
            new Claim(UserClaims.Name, key.Name),
            new Claim(UserClaims.Role, key.Role == "operator" ? options.OperatorRole : options.ViewerRole),
        ],
        IdentitySchemes.ApiKey,
        UserClaims.Name,
        UserClaims.Role));
}
