using System.Net;
using System.Net.Sockets;

namespace MachinesSimulator;

/// <summary>How a machine's address behaves towards whoever connects.</summary>
internal enum FrontMode
{
    /// <summary>Nothing listens: connections are refused.</summary>
    Refuse,

    /// <summary>Connection attempts vanish, as those to a machine that boots or is suspended.</summary>
    Silent,

    /// <summary>Connections are taken and passed on to the workspace.</summary>
    Open,

    /// <summary>Connections are taken and closed at once.</summary>
    Cut,

    /// <summary>Connections are taken and nothing is ever said.</summary>
    Hang,
}

/// <summary>A machine's own address and port, in front of whatever runs as its workspace.</summary>
/// <param name="address">Where it listens.</param>
/// <param name="delay">How much later each piece arrives now; null: no later.</param>
/// <param name="tracksPort">Told of each port from which a connection goes on to the workspace, and when it ends.</param>
internal sealed class Front(IPEndPoint address, Func<TimeSpan>? delay = null, Action<int, bool>? tracksPort = null) : IDisposable
{
    /// <summary>How long an address may still be taken by a listener that was closed: a process that is being started has a copy of it until it runs.</summary>
    private static readonly TimeSpan Lingers = TimeSpan.FromSeconds(1);

    private readonly Lock _lock = new();
    private readonly HashSet<IDisposable> _open = [];
    private Socket? _listener;
    private List<Socket> _fillers = [];
    private FrontMode _mode = FrontMode.Refuse;
    private IPEndPoint? _target;

    public IPEndPoint Address => address;

    public FrontMode Mode
    {
        get
        {
            lock (_lock)
            {
                return _mode;
            }
        }
    }

    /// <summary>Changes how new connections are treated; those that are open stay, unless the mode is <see cref="FrontMode.Refuse"/>.</summary>
    public void Set(FrontMode mode, IPEndPoint? target = null)
    {
        lock (_lock)
        {
            if (mode == _mode && (target is null || target.Equals(_target)))
            {
                return;
            }

            (_mode, _target) = (mode, target ?? _target);
            CloseListener();
            if (mode is FrontMode.Refuse)
            {
                CloseConnections();
            }
            else
            {
                Listen(mode);
            }
        }
    }

    /// <summary>Breaks the connections that are open; new ones are taken as before.</summary>
    public void Break()
    {
        lock (_lock)
        {
            foreach (var relay in _open.OfType<Relay>())
            {
                relay.Reset();
            }
        }
    }

    public void Dispose() => Set(FrontMode.Refuse);

    private void Listen(FrontMode mode)
    {
        var listener = new Socket(address.AddressFamily, SocketType.Stream, ProtocolType.Tcp);
        SocketException? taken = null;
        if (!SpinWait.SpinUntil(() => (taken = TryBind(listener)) is not { SocketErrorCode: SocketError.AddressAlreadyInUse }, Lingers) || taken is not null)
        {
            listener.Dispose();
            throw new IOException($"The machine's address {address} cannot be listened on ({taken!.Message}): another simulator on this computer has the same network.", taken);
        }

        _listener = listener;
        if (mode is FrontMode.Silent)
        {
            // Linux drops the SYN of a connection that finds the accept queue full, which is just what a silent host looks like.
            listener.Listen(0);
            _fillers = [.. Enumerable.Range(0, 3).Select(_ => Fill())];
            return;
        }

        listener.Listen(1024);
        _ = AcceptAsync(listener, mode);
    }

    private SocketException? TryBind(Socket listener)
    {
        try
        {
            listener.Bind(address);
            return null;
        }
        catch (SocketException taken)
        {
            return taken;
        }
    }

    private Socket Fill()
    {
        var filler = new Socket(address.AddressFamily, SocketType.Stream, ProtocolType.Tcp) { Blocking = false };
        try
        {
            filler.Connect(address);
        }
        catch (SocketException)
        {
            // In progress: not blocking is what makes it return.
        }

        return filler;
    }

    private void CloseListener()
    {
        _listener?.Dispose();
        _listener = null;
        _fillers.ForEach(static filler => filler.Dispose());
        _fillers = [];
    }

    private void CloseConnections()
    {
        foreach (var connection in _open)
        {
            connection.Dispose();
        }

        _open.Clear();
    }

    private async Task AcceptAsync(Socket listener, FrontMode mode)
    {
        try
        {
            while (true)
            {
                var client = await listener.AcceptAsync();
                if (mode is FrontMode.Cut)
                {
                    client.Dispose();
                }
                else if (mode is FrontMode.Hang)
                {
                    Track(client);
                }
                else
                {
                    _ = RelayAsync(client);
                }
            }
        }
        catch (Exception exception) when (exception is SocketException or ObjectDisposedException)
        {
            // The listener was closed.
        }
    }

    private async Task RelayAsync(Socket client)
    {
        var workspace = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
        client.NoDelay = true;
        using var relay = new Relay(client, workspace, delay ?? (static () => TimeSpan.Zero));
        var port = 0;
        try
        {
            Track(relay);
            workspace.Bind(new IPEndPoint(IPAddress.Loopback, 0));
            port = ((IPEndPoint)workspace.LocalEndPoint!).Port;
            tracksPort?.Invoke(port, true);
            await workspace.ConnectAsync(_target!);
            await relay.RunAsync();
        }
        catch (Exception exception) when (exception is SocketException or ObjectDisposedException)
        {
            // The workspace is not there: its client sees a reset, as when a machine dies, not an orderly end.
            relay.Reset();
        }
        finally
        {
            Untrack(relay);
            if (port != 0)
            {
                tracksPort?.Invoke(port, false);
            }
        }
    }

    private void Track(IDisposable connection)
    {
        lock (_lock)
        {
            _open.Add(connection);
        }
    }

    private void Untrack(IDisposable connection)
    {
        lock (_lock)
        {
            _open.Remove(connection);
        }
    }
}
