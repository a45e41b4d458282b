using Microsoft.AspNetCore.Http.Features;

namespace Gateway.Proxying.Sockets;

/// <summary>
/// Puts a <see cref="SocketStream"/> where the forwarder takes the client's stream from when the workspace accepts an upgrade: over HTTP/1.1 the upgrade
/// feature, over HTTP/2 the extended CONNECT (RFC 8441).
/// </summary>
internal sealed class SocketFeatures(HttpContext context, Func<Stream, SocketStream> opened) : IHttpUpgradeFeature, IHttpExtendedConnectFeature
{
    private readonly IHttpUpgradeFeature? _upgrade = context.Features.Get<IHttpUpgradeFeature>();
    private readonly IHttpExtendedConnectFeature? _connect = context.Features.Get<IHttpExtendedConnectFeature>();

    public bool IsUpgradableRequest => _upgrade?.IsUpgradableRequest ?? false;

    public bool IsExtendedConnect => _connect?.IsExtendedConnect ?? false;

    public string? Protocol => _connect?.Protocol;

    /// <summary>The workspace may accept an upgrade; any other request keeps the server's own features.</summary>
    public static bool AreAskedFor(HttpContext context) =>
        context.Features.Get<IHttpUpgradeFeature>() is { IsUpgradableRequest: true } || context.Features.Get<IHttpExtendedConnectFeature>() is { IsExtendedConnect: true };

    public void Install()
    {
        if (IsUpgradableRequest)
        {
            context.Features.Set<IHttpUpgradeFeature>(this);
        }

        if (IsExtendedConnect)
        {
            context.Features.Set<IHttpExtendedConnectFeature>(this);
        }
    }

    /// <summary>The forward may be tried again: with the server's features, as it began.</summary>
    public void Remove()
    {
        if (IsUpgradableRequest)
        {
            context.Features.Set(_upgrade);
        }

        if (IsExtendedConnect)
        {
            context.Features.Set(_connect);
        }
    }

    public async Task<Stream> UpgradeAsync() => opened(await _upgrade!.UpgradeAsync());

    public async ValueTask<Stream> AcceptAsync() => opened(await _connect!.AcceptAsync());
}
