using System.Buffers.Text;
using System.Security.Cryptography;
using System.Text;

namespace Gateway.Identity;

/// <summary>
/// What a credential is called where it may be read by others: the hash of its secret. Redis, the change feed, claims and open sockets know credentials
/// by this alone, and whoever reads it there can sign nobody in.
/// </summary>
internal static class CredentialId
{
    public const int Length = 43;

    // Longer ones were never ours, and would be hashed for nothing.
    private const int MaximumSecretLength = 256;

    public static string Of(string secret)
    {
        if (secret.Length > MaximumSecretLength)
        {
            return "";
        }

        Span<byte> bytes = stackalloc byte[Encoding.UTF8.GetMaxByteCount(MaximumSecretLength)];
        Span<byte> hash = stackalloc byte[SHA256.HashSizeInBytes];
        SHA256.HashData(bytes[..Encoding.UTF8.GetBytes(secret, bytes)], hash);
        return Base64Url.EncodeToString(hash);
    }
}
