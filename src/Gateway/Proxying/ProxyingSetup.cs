using System.Text;
using Gateway.Proxying.Sockets;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.AspNetCore.Server.Kestrel.Transport.Sockets;
using Microsoft.Extensions.DependencyInjection.Extensions;
using Microsoft.Extensions.Options;

namespace Gateway.Proxying;

internal static class ProxyingSetup
{
    /// <summary>Needs an <see cref="OwnCookies"/> from the host.</summary>
    public static IServiceCollection AddProxying(this IServiceCollection services)
    {
        services.AddOptions<ProxyingOptions>().BindConfiguration(ProxyingOptions.Section).ValidateOnStart();
        services.AddSingleton<IValidateOptions<ProxyingOptions>, ProxyingOptionsValidation>();
        services.AddHttpForwarder();
        services.TryAddSingleton(new HopMarker($"gateway-{Guid.NewGuid():N}"));
        services.AddSingleton<AllowedDestinations>();
        services.AddSingleton<RequestLimits>();
        services.AddSingleton<WorkspaceConnections>();
        services.AddSingleton<WorkspaceTransforms>();
        services.AddSingleton<WorkspaceForwarder>();
        services.AddSingleton<ProxyingMetrics>();
        services.AddSingleton<OpenSockets>();
        services.AddSingleton<OpenAnswers>();
        services.AddSingleton<OpenWaits>();
        services.AddHostedService(static provider => provider.GetRequiredService<OpenSockets>());
        services.AddSingleton<PublicListener>();
        services.Configure<SocketTransportOptions>(static transport => transport.MaxReadBufferSize = PublicListener.MostUnread);
        services.AddSingleton<IConfigureOptions<KestrelServerOptions>>(static provider => provider.GetRequiredService<PublicListener>());
        return services;
    }
}

/// <summary>The public listeners and what one connection of a stranger may cost.</summary>
internal sealed class PublicListener(IOptions<ProxyingOptions> options) : IConfigureOptions<KestrelServerOptions>
{
    /// <summary>
    /// What the transport reads of a body before anybody asked for it: this is what a held upload costs. The limit that works is the socket transport's own;
    /// the server's, which has the same default of 1 MB, only bounds what stands between it and the transport where there is TLS.
    /// </summary>
    public const int MostUnread = 64 * 1024;

    private ListenOptions? _bound;
    private ListenOptions? _boundHttp2;

    /// <summary>The port bound, also when 0 was asked for. Null until the server has started.</summary>
    public int? Port => _bound?.IPEndPoint?.Port;

    public int? Http2Port => _boundHttp2?.IPEndPoint?.Port;

    public void Configure(KestrelServerOptions kestrel)
    {
        // By default a line may end in a bare LF (RFC 9112, 2.2), and where a head ends is then a matter of opinion. There is no option for it but this.
        AppContext.SetSwitch("Microsoft.AspNetCore.Server.Kestrel.DisableHttp1LineFeedTerminators", true);
        kestrel.AddServerHeader = false;
        // Header values are passed on as the bytes they came as: a file name in UTF-8 is common, and by default not every byte survives.
        kestrel.RequestHeaderEncodingSelector = static _ => Encoding.Latin1;
        kestrel.ResponseHeaderEncodingSelector = static _ => Encoding.Latin1;
        kestrel.Limits.MaxRequestBodySize = null;
        // A slow upload or download is the workspace's affair; a slow head is ours.
        kestrel.Limits.MinRequestBodyDataRate = null;
        kestrel.Limits.MinResponseDataRate = null;
        kestrel.Limits.RequestHeadersTimeout = options.Value.HeadTimeout;
        kestrel.Limits.MaxRequestLineSize = options.Value.MaxUrlBytes;
        kestrel.Limits.MaxRequestHeadersTotalSize = options.Value.MaxHeadBytes;
        kestrel.Limits.MaxRequestHeaderCount = options.Value.MaxHeaders;
        kestrel.Limits.MaxRequestBufferSize = MostUnread;
        kestrel.Limits.Http2.InitialStreamWindowSize = 96 * 1024;
        kestrel.Limits.Http2.InitialConnectionWindowSize = 256 * 1024;
        if (Listener.TryParse(options.Value.Listen, out var listener))
        {
            listener.Bind(kestrel, listen => (_bound = listen).Protocols = HttpProtocols.Http1);
        }

        if (Listener.TryParse(options.Value.ListenHttp2, out var http2))
        {
            http2.Bind(kestrel, listen => (_boundHttp2 = listen).Protocols = HttpProtocols.Http2);
        }
    }
}
