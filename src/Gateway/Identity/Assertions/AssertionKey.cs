using System.Buffers.Text;
using System.Security.Cryptography;
using System.Text;

namespace Gateway.Identity.Assertions;

/// <summary>One key that signs assertions: ES256, for one period. A replica that cannot read the private part still publishes the public one.</summary>
internal sealed class AssertionKey : IDisposable
{
    private readonly Lock _signing = new();
    private readonly ECDsa? _private;

    public AssertionKey(string id, long period, string x, string y, ECDsa? key)
    {
        (Id, Period, X, Y, _private) = (id, period, x, y, key);
        EncodedHeader = Base64Url.EncodeToString(Encoding.UTF8.GetBytes($$"""{"alg":"ES256","typ":"JWT","kid":"{{id}}"}"""));
    }

    public string Id { get; }

    /// <summary>The number of the period in which it signs.</summary>
    public long Period { get; }

    /// <summary>The point's coordinates, base64url (RFC 7518, 6.2.1).</summary>
    public string X { get; }

    public string Y { get; }

    public bool CanSign => _private is not null;

    public string EncodedHeader { get; }

    public static AssertionKey New(long period, out byte[] privatePart)
    {
        var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        privatePart = key.ExportPkcs8PrivateKey();
        var point = key.ExportParameters(includePrivateParameters: false).Q;
        var id = Base64Url.EncodeToString(RandomNumberGenerator.GetBytes(12));
        return new AssertionKey(id, period, Base64Url.EncodeToString(point.X), Base64Url.EncodeToString(point.Y), key);
    }

    public static ECDsa Read(byte[] privatePart)
    {
        var key = ECDsa.Create();
        try
        {
            key.ImportPkcs8PrivateKey(privatePart, out _);
            return key;
        }
        catch
        {
            key.Dispose();
            throw;
        }
    }

    /// <summary>A compact JWS (RFC 7515) of the payload.</summary>
    public string Sign(string encodedPayload)
    {
        var signed = string.Concat(EncodedHeader, ".", encodedPayload);
        byte[] signature;
        // A key is not made for two callers at once. Nobody waits here for a warm request: those sign nothing.
        lock (_signing)
        {
            signature = (_private ?? throw new InvalidOperationException("This replica has no private part of the key."))
                .SignData(Encoding.ASCII.GetBytes(signed), HashAlgorithmName.SHA256, DSASignatureFormat.IeeeP1363FixedFieldConcatenation);
        }

        return string.Concat(signed, ".", Base64Url.EncodeToString(signature));
    }

    public void Dispose() => _private?.Dispose();
}
