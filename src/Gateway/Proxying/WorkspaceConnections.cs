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

    private readonly ConcurrentDictionary<MachineId, MachineLife> _lives = new();
    private readonly ConcurrentDictionary<string, MachineLife> _lifeOf = new(StringComparer.OrdinalIgnoreCase);
    private readonly HttpMessageInvoker _fresh;
    private readonly ProxyingOptions _options;
    private readonly AllowedDestinations _allowed;
    private readonly TimeProvider _time;
    private readonly ILogger<WorkspaceConnections> _logger;

    public WorkspaceConnections(IOptions<ProxyingOptions> options, AllowedDestinations allowed, TimeProvider time, ILogger<WorkspaceConnections> logger)
    {
        (_allowed, _logger) = (allowed, logger);
        _options = options.Value;
        _time = time;
        var once = new SendOnceHandler(new SocketsHttpHandler
        {
            UseProxy = false,
            AllowAutoRedirect = false,
            UseCookies = false,
            AutomaticDecompression = DecompressionMethods.None,
            // A request that is traced gets its header where headers are made; what else the client says of its trace passes as any header does. A span of the transport's own for each request cost more than the rest of it (measured).
            ActivityHeadersPropagator = null,
            PooledConnectionIdleTimeout = _options.KeepConnections,
            PooledConnectionLifetime = Timeout.InfiniteTimeSpan,
            ConnectTimeout = Timeout.InfiniteTimeSpan,
            // Ours strip them; a connection that a workspace closes mid-answer must not be drained for long.
            ResponseDrainTimeout = TimeSpan.FromSeconds(1),
            ConnectCallback = ConnectAsync,
            RequestHeaderEncodingSelector = SendOnceHandler.EncodingOf,
            ResponseHeaderEncodingSelector = static (_, _) => Encoding.Latin1,
        });
        Invoker = new HttpMessageInvoker(once);
        _fresh = new HttpMessageInvoker(new FreshBootHandler(once), disposeHandler: false);
    }

    /// <summary>Sends one request whose URI has the authority of a <see cref="MachineLife"/>.</summary>
    public HttpMessageInvoker Invoker { get; }

    /// <summary>The same, for a request of a client's to this life.</summary>
    public HttpMessageInvoker InvokerFor(MachineLife life) => _time.GetElapsedTime(life.Since) < Fresh ? _fresh : Invoker;

    /// <summary>One life of one machine, ready to be sent to. Cheap when nothing changed. Null: its address is one that may not be dialled.</summary>
    public MachineLife? Find(in Destination destination)
    {
        if (_lives.TryGetValue(destination.Machine, out var life) && life.Boot == destination.Boot && life.Address == destination.Address)
        {
            return life;
        }

        return Register(destination);
    }

    /// <summary>The address behind an authority; null: that life is over.</summary>
    public IPAddress? AddressOf(string? authority) => authority is null ? null : EndPointOf(authority)?.Address;

    public void Dispose()
    {
        _fresh.Dispose();
        Invoker.Dispose();
    }

    private IPEndPoint? EndPointOf(string authority) => _lifeOf.GetValueOrDefault(authority)?.EndPoint;

    private MachineLife? Register(in Destination destination)
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
        var life = new MachineLife(destination.Boot, destination.Address, string.Create(CultureInfo.InvariantCulture, $"{name}-{destination.Boot}"), endPoint, _time.GetTimestamp());
        _lifeOf[life.Authority] = life;
        _lives.TryGetValue(destination.Machine, out var former);
        _lives[destination.Machine] = life;
        if (former is not null && former.Authority != life.Authority)
        {
            _lifeOf.TryRemove(former.Authority, out _);
        }

        return life;
    }

    private async ValueTask<Stream> ConnectAsync(SocketsHttpConnectionContext context, CancellationToken cancellationToken)
    {
        if (EndPointOf(context.DnsEndPoint.Host) is not { } endPoint)
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

    private static partial class Log
    {
        [LoggerMessage(5001, LogLevel.Error, "Machine {Machine} is said to be at {Address}, which is not an address to dial: it is outside of Proxying:AllowedNetworks, or the gateway's own", EventName = "DestinationRefused")]
        public static partial void Refused(ILogger logger, MachineId machine, string address);
    }
}

/// <summary>One life of one machine: what a connection belongs to.</summary>
/// <param name="Boot">Which of its lives.</param>
/// <param name="Address">An IP literal, as the record has it.</param>
/// <param name="Authority">Names the pool of its connections.</param>
/// <param name="EndPoint">What is dialled.</param>
/// <param name="Since">When this replica first heard of it; a timestamp of the provider of time.</param>
internal sealed record MachineLife(long Boot, string Address, string Authority, IPEndPoint EndPoint, long Since)
{
    /// <summary>What stands before the path in the URI of a request to it.</summary>
    public string Prefix { get; } = "http://" + Authority;
}
