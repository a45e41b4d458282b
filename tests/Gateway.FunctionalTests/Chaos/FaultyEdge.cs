using System.Collections.Concurrent;
using System.Net;
using System.Net.Sockets;
using MachinesSimulator;

namespace Gateway.FunctionalTests.Chaos;

/// <summary>
/// What stands before the gateways, as bytes: it gives each connection to a gateway that was healthy when last looked at, cuts those that are quiet for
/// long as the platform's proxy does, and cuts and slows them on demand.
/// </summary>
internal sealed class FaultyEdge : IAsyncDisposable
{
    private static readonly TimeSpan Look = TimeSpan.FromMilliseconds(100);

    private readonly TcpListener _listener = new(IPAddress.Loopback, 0);
    private readonly ConcurrentDictionary<Uri, bool> _healthy = new();
    private readonly ConcurrentDictionary<Relay, byte> _lines = new();
    private readonly CancellationTokenSource _over = new();
    private readonly HttpClient _http = new() { Timeout = TimeSpan.FromSeconds(1) };
    private readonly TimeSpan _quiet;
    private readonly Task _running;
    private int _next;
    private int _cut;

    /// <param name="quiet">How long a connection may say nothing.</param>
    public FaultyEdge(TimeSpan quiet)
    {
        _quiet = quiet;
        _listener.Start(1024);
        _running = Task.WhenAll(AcceptAsync(), LookAsync());
    }

    public Uri Url => new($"http://127.0.0.1:{((IPEndPoint)_listener.LocalEndpoint).Port}");

    /// <summary>How much later each piece of a connection arrives.</summary>
    public TimeSpan Delay { get; set; }

    /// <summary>Connections ended by this edge itself.</summary>
    public int Cut => Volatile.Read(ref _cut);

    public async Task AddAsync(Uri gateway)
    {
        _healthy[gateway] = false;
        await Eventually.HoldsAsync(() => _healthy[gateway]);
    }

    public void Remove(Uri gateway) => _healthy.TryRemove(gateway, out _);

    /// <summary>Resets so many of the connections that are open.</summary>
    public void CutSome(int count, Random random)
    {
        foreach (var line in _lines.Keys.OrderBy(_ => random.Next()).Take(count).ToList())
        {
            Interlocked.Increment(ref _cut);
            line.Reset();
        }
    }

    public async ValueTask DisposeAsync()
    {
        await _over.CancelAsync();
        _listener.Stop();
        foreach (var line in _lines.Keys)
        {
            line.Reset();
        }

        await _running.WaitAsync(Eventually.Limit);
        _listener.Dispose();
        _http.Dispose();
        _over.Dispose();
    }

    private async Task AcceptAsync()
    {
        while (!_over.IsCancellationRequested)
        {
            try
            {
                _ = PassAsync(await _listener.AcceptSocketAsync(_over.Token));
            }
            catch (Exception exception) when (exception is SocketException or OperationCanceledException or ObjectDisposedException)
            {
                // The end, or a client that did not wait.
            }
        }
    }

    private async Task PassAsync(Socket client)
    {
        client.NoDelay = true;
        var gateway = await ConnectAsync();
        if (gateway is null)
        {
            client.Dispose();
            return;
        }

        using var line = new Relay(client, gateway, () => Delay);
        _lines.TryAdd(line, 0);
        await line.RunAsync();
        _lines.TryRemove(line, out _);
    }

    /// <summary>Another gateway where one takes no connection: nothing was sent yet.</summary>
    private async Task<Socket?> ConnectAsync()
    {
        for (var tries = 0; tries < 4; tries++)
        {
            var healthy = _healthy.Where(static gateway => gateway.Value).Select(static gateway => gateway.Key).ToList();
            if (healthy.Count == 0)
            {
                return null;
            }

            var socket = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
            try
            {
                using var bound = new CancellationTokenSource(TimeSpan.FromSeconds(2), TimeProvider.System);
                await socket.ConnectAsync(IPAddress.Loopback, healthy[(Interlocked.Increment(ref _next) & int.MaxValue) % healthy.Count].Port, bound.Token);
                return socket;
            }
            catch (Exception exception) when (exception is SocketException or OperationCanceledException)
            {
                socket.Dispose();
            }
        }

        return null;
    }

    private async Task LookAsync()
    {
        while (!_over.IsCancellationRequested)
        {
            await Task.WhenAll(_healthy.Keys.Select(LookAtAsync));
            foreach (var line in _lines.Keys.Where(line => line.Silence > _quiet))
            {
                Interlocked.Increment(ref _cut);
                line.Reset();
            }

            await Task.Delay(Look, TimeProvider.System);
        }
    }

    private async Task LookAtAsync(Uri gateway)
    {
        var healthy = false;
        try
        {
            using var answer = await _http.GetAsync(new Uri(gateway, "/.gateway/health"));
            healthy = answer.IsSuccessStatusCode;
        }
        catch (Exception exception) when (exception is HttpRequestException or TaskCanceledException)
        {
            // Not for now.
        }

        _healthy.TryUpdate(gateway, healthy, !healthy);
    }
}
