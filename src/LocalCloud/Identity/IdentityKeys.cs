using System.Security.Cryptography;
using Microsoft.IdentityModel.Tokens;

namespace LocalCloud.Identity;

/// <summary>The provider's keys: one signs tokens, one encrypts codes and refresh tokens.</summary>
internal sealed record IdentityKeys(SecurityKey Signing, SecurityKey Encryption)
{
    public static IdentityKeys LoadOrCreate(string folder)
    {
        var signing = RSA.Create();
        signing.ImportFromPem(KeptSecret.LoadOrCreate(Path.Combine(folder, "signing-key.pem"), () =>
        {
            using var created = RSA.Create(2048);
            return created.ExportPkcs8PrivateKeyPem();
        }));
        var thumbprint = Base64UrlEncoder.Encode(SHA256.HashData(signing.ExportSubjectPublicKeyInfo())[..12]);
        var encryption = Convert.FromHexString(KeptSecret.LoadOrCreate(Path.Combine(folder, "encryption-key")));
        return new IdentityKeys(new RsaSecurityKey(signing) { KeyId = thumbprint }, new SymmetricSecurityKey(encryption));
    }
}
