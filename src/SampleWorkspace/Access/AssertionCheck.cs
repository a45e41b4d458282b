using System.Buffers.Text;
using System.Collections.Concurrent;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;

namespace SampleWorkspace.Access;

/// <summary>Reads the gateway's word about a request's user (docs/workspace-contract.md) and believes it only as long as it holds for this machine.</summary>
internal sealed class AssertionCheck(GatewayKeys keys, string machine, TimeProvider time)
{
    // A machine that was suspended wakes with a clock that is behind for some seconds.
    private static readonly TimeSpan Skew = TimeSpan.FromMinutes(1);
    private static readonly TimeSpan Longest = TimeSpan.FromMinutes(5);

    // One assertion comes with each request for minutes: a signature is checked once. Cleared when somebody sends ever new ones.
    private readonly ConcurrentDictionary<string, Claims> _verified = new(StringComparer.Ordinal);

    /// <summary>The user, or null: not the gateway's word, not for this machine, or no longer.</summary>
    public async ValueTask<string?> UserOfAsync(string? assertion, CancellationToken cancellationToken)
    {
        if (string.IsNullOrEmpty(assertion) || assertion.Length > 4096)
        {
            return null;
        }

        if (!_verified.TryGetValue(assertion, out var claims))
        {
            claims = await VerifyAsync(assertion, cancellationToken);
            if (claims is null)
            {
                return null;
            }

            if (_verified.Count > 1000)
            {
                _verified.Clear();
            }

            _verified[assertion] = claims;
        }

        return claims.Expires + Skew > time.GetUtcNow() ? claims.User : null;
    }

    private async Task<Claims?> VerifyAsync(string assertion, CancellationToken cancellationToken)
    {
        var parts = assertion.Split('.');
        if (parts.Length != 3)
        {
            return null;
        }

        try
        {
            using var header = JsonDocument.Parse(Base64Url.DecodeFromChars(parts[0]));
            // The algorithm is ours to say, not the sender's.
            if (header.RootElement.GetProperty("alg").GetString() != "ES256"
                || await keys.FindAsync(header.RootElement.GetProperty("kid").GetString() ?? "", cancellationToken) is not { } key
                || !IsSigned(key, parts))
            {
                return null;
            }

            using var payload = JsonDocument.Parse(Base64Url.DecodeFromChars(parts[1]));
            return ClaimsOf(payload.RootElement);
        }
        catch (Exception fault) when (fault is JsonException or FormatException or KeyNotFoundException or InvalidOperationException or CryptographicException)
        {
            return null;
        }
    }

    private static bool IsSigned(ECParameters key, string[] parts)
    {
        using var verifier = ECDsa.Create(key);
        return verifier.VerifyData(
            Encoding.ASCII.GetBytes($"{parts[0]}.{parts[1]}"), Base64Url.DecodeFromChars(parts[2]), HashAlgorithmName.SHA256, DSASignatureFormat.IeeeP1363FixedFieldConcatenation);
    }

    private Claims? ClaimsOf(JsonElement payload)
    {
        var issued = DateTimeOffset.FromUnixTimeSeconds(payload.GetProperty("iat").GetInt64());
        var expires = DateTimeOffset.FromUnixTimeSeconds(payload.GetProperty("exp").GetInt64());
        return payload.GetProperty("aud").GetString() == machine
            && payload.GetProperty("sub").GetString() is { Length: > 0 } user
            && expires - issued <= Longest
            && issued - Skew <= time.GetUtcNow()
                ? new Claims(user, expires)
                : null;
    }

    private sealed record Claims(string User, DateTimeOffset Expires);
}
