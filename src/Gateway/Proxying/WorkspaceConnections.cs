using System.Collections.Concurrent;
using System.Globalization;
using System.Net;
using System.Net.Sockets;
using System.Text;
using Microsoft.Extensions.Options;

namespace Gateway.Proxying;

/// <summary>
/// The connections to machines: one invoker for the whole process, with one pool for each life of each machine. The authority of a request is
/// <c>machine-boot</c>, so a connection of an earlier life can never carry it; the address behind it is looked up when a connection is made.
/// </summary>
internal sealed partial class WorkspaceConnections : IDisposable
{
    /// <summary>For probes of a machine that boots: race connects by this plan instead of trying once.</summary>
    public static readonly HttpRequestOptionsKey<ConnectPlan> Plan = new("gateway.connect-plan");

    /// <summary>How long after a replica first heard of a boot its connections may be reset: a boot, and the first requests after it.</summary>
    private static readonly TimeSpan Fresh = TimeSpan.FromMinutes(2);

    private readonly ConcurrentDictionary<MachineId, Life> _lives = new();
    private readonly ConcurrentDictionary<string, Place> _addresses = new(StringComparer.OrdinalIgnoreCase);
    private readonly ProxyingOptions _options;
    private readonly AllowedDestinations _allowed;
    private readonly TimeProvider _time;
    private readonly ILogger<WorkspaceConnections> _logger;

    public WorkspaceConnections(IOptions<ProxyingOptions> options, AllowedDestinations allowed, TimeProvider time, ILogger<WorkspaceConnections> logger)
    {
        (_allowed, _logger) = (allowed, logger);
        _options = options.Value;
        _time = time;
        Invoker = new HttpMessageInvoker(new FreshBootHandler(new SendOnceHandler(new SocketsHttpHandler
        {
            UseProxy = false,
            AllowAutoRedirect = false,
            UseCookies = false,
            AutomaticDecompression = DecompressionMethods.None,
            ActivityHeadersPropagator = new Yarp.ReverseProxy.Forwarder.ReverseProxyPropagator(System.Diagnostics.DistributedContextPropagator.Current),
            PooledConnectionIdleTimeout = _options.KeepConnections,
            PooledConnectionLifetime = Timeout.InfiniteTimeSpan,
            ConnectTimeout = Timeout.InfiniteTimeSpan,
            // Ours strip them; a connection that a workspace closes mid-answer must not be drained for long.
            ResponseDrainTimeout = TimeSpan.FromSeconds(1),
            ConnectCallback = ConnectAsync,
            RequestHeaderEncodingSelector = SendOnceHandler.EncodingOf,
            ResponseHeaderEncodingSelector = static (_, _) => Encoding.Latin1,
        }), IsFresh));
    }

    /// <summary>Sends one request whose URI has the authority of <see cref="Authority"/>.</summary>
    public HttpMessageInvoker Invoker { get; }

    /// <summary>The authority of one life of one machine, and its address. Cheap when nothing changed. Null: its address is one that may not be dialled.</summary>
    public string? Authority(in Destination destination)
    {
        if (_lives.TryGetValue(destination.Machine, out var life) && life.Boot == destination.Boot && life.Address == destination.Address)
        {
            return life.Authority;
        }

        return Register(destination);
    }

    /// <summary>The address behind an authority; null: that life is over.</summary>
    public IPAddress? AddressOf(string? authority) => authority is null ? null : Find(authority)?.Address;

    public void Dispose() => Invoker.Dispose();

    private IPEndPoint? Find(string authority) => _addresses.GetValueOrDefault(authority)?.EndPoint;

    private bool IsFresh(string authority) => _addresses.GetValueOrDefault(authority) is { } place && _time.GetElapsedTime(place.Since) < Fresh;

    private string? Register(in Destination destination)
    {
        // What is checked here is what is dialled: no name is looked up between the two.
        var endPoint = new IPEndPoint(IPAddress.Parse(destination.Address), _options.WorkspacePort);
        if (!_allowed.Allow(endPoint))
        {
            Log.Refused(_logger, destination.Machine, destination.Address);
            return null;
        }

        // Machine ids are hexadecimal on Fly; anything else is encoded, so that no id can name another authority.
        var name = destination.Machine.Value.All(char.IsAsciiLetterOrDigit) ? destination.Machine.Value : Convert.ToHexStringLower(Encoding.UTF8.GetBytes(destination.Machine.Value));
        var life = new Life(destination.Boot, destination.Address, string.Create(CultureInfo.InvariantCulture, $"{name}-{destination.Boot}"));
        _addresses[life.Authority] = new Place(endPoint, _time.GetTimestamp());
        _lives.TryGetValue(destination.Machine, out var former);
        _lives[destination.Machine] = life;
        if (former is not null && former.Authority != life.Authority)
        {
            _addresses.TryRemove(former.Authority, out _);
        }

        return life.Authority;
    }

    private async ValueTask<Stream> ConnectAsync(SocketsHttpConnectionContext context, CancellationToken cancellationToken)
    {
        if (Find(context.DnsEndPoint.Host) is not { } endPoint)
        {
            throw new HttpRequestException(HttpRequestError.ConnectionError, "The machine's life is over.");
        }

        try
        {
            var socket = context.InitialRequestMessage.Options.TryGetValue(Plan, out var plan)
                ? await ConnectRace.RunAsync(endPoint, plan, _time, cancellationToken)
                : await ConnectOnceAsync(endPoint, cancellationToken);
            return new NetworkStream(socket, ownsSocket: true);
        }
        catch (SocketException exception)
        {
            throw new HttpRequestException(HttpRequestError.ConnectionError, "The machine did not take a connection.", exception);
        }
    }

    /// <summary>A machine believed awake gets one attempt: a refusal is news, and only the waker can do something about it.</summary>
    private async Task<Socket> ConnectOnceAsync(IPEndPoint endPoint, CancellationToken cancellationToken)
    {
        var socket = ConnectRace.NewSocket(endPoint.AddressFamily);
        using var limit = new CancellationTokenSource(_options.ConnectTimeout, _time);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(limit.Token, cancellationToken);
        try
        {
            await socket.ConnectAsync(endPoint, either.Token);
            return socket;
        }
        catch (OperationCanceledException) when (!cancellationToken.IsCancellationRequested)
        {
            socket.Dispose();
            throw new SocketException((int)SocketError.TimedOut);
        }
        catch
        {
            socket.Dispose();
            throw;
        }
    }

    private sealed record Place(IPEndPoint EndPoint, long Since);

    private sealed record Life(long Boot, string Address, string Authority);

    private static partial class Log
    {
        [LoggerMessage(5001, LogLevel.Error, "Machine {Machine} is said to be at {Address}, which is not an address to dial: it is outside of Proxying:AllowedNetworks, or the gateway's own", EventName = "DestinationRefused")]
        public static partial void Refused(ILogger logger, MachineId machine, string address);
    }
}
