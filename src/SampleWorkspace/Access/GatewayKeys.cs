using System.Buffers.Text;
using System.Security.Cryptography;
using System.Text.Json;

namespace SampleWorkspace.Access;

/// <summary>The gateway's published keys. Asked for again when an unknown one is named, but not on every whim of a sender.</summary>
internal sealed class GatewayKeys(Uri url, TimeProvider time) : IDisposable
{
    private static readonly TimeSpan BetweenReads = TimeSpan.FromSeconds(2);
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(10);

    private readonly HttpClient _client = new(new SocketsHttpHandler { UseProxy = false });
    private readonly SemaphoreSlim _reading = new(1);
    private volatile Dictionary<string, ECParameters> _keys = [];
    private long? _readAt;

    public async ValueTask<ECParameters?> FindAsync(string id, CancellationToken cancellationToken)
    {
        if (_keys.TryGetValue(id, out var known))
        {
            return known;
        }

        await _reading.WaitAsync(cancellationToken);
        try
        {
            if (!_keys.ContainsKey(id) && (_readAt is not { } readAt || time.GetElapsedTime(readAt) >= BetweenReads))
            {
                _readAt = time.GetTimestamp();
                await ReadAsync(cancellationToken);
            }
        }
        finally
        {
            _reading.Release();
        }

        return _keys.TryGetValue(id, out var found) ? found : null;
    }

    public void Dispose()
    {
        _client.Dispose();
        _reading.Dispose();
    }

    private async Task ReadAsync(CancellationToken cancellationToken)
    {
        try
        {
            using var document = JsonDocument.Parse(await _client.GetByteArrayAsync(url, cancellationToken).WaitAsync(Patience, time, cancellationToken));
            _keys = document.RootElement.GetProperty("keys").EnumerateArray()
                .Where(static key => key.GetProperty("kty").GetString() == "EC" && key.GetProperty("crv").GetString() == "P-256")
                .ToDictionary(static key => key.GetProperty("kid").GetString()!, static key => new ECParameters
                {
                    Curve = ECCurve.NamedCurves.nistP256,
                    Q = new ECPoint { X = Base64Url.DecodeFromChars(key.GetProperty("x").GetString()), Y = Base64Url.DecodeFromChars(key.GetProperty("y").GetString()) },
                });
        }
        catch (Exception fault) when (fault is HttpRequestException or TimeoutException or JsonException or FormatException or KeyNotFoundException or InvalidOperationException or ArgumentException)
        {
            // The keys known so far stay; the next unknown one asks again.
        }
    }
}
