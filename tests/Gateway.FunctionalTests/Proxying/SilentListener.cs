using System.Net;
using System.Net.Sockets;

namespace Gateway.FunctionalTests.Proxying;

/// <summary>A port that swallows connects as a booting machine does: its queue is full and nobody takes from it.</summary>
internal sealed class SilentListener : IDisposable
{
    private readonly Socket _listener = new(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
    private readonly List<Socket> _filling = [];

    public SilentListener()
    {
        _listener.Bind(new IPEndPoint(IPAddress.Loopback, 0));
        _listener.Listen(0);
        // The kernel keeps one more than asked for; a few are sent so that the queue is full whatever it makes of 0.
        for (var i = 0; i < 8; i++)
        {
            var socket = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp) { Blocking = false };
            _filling.Add(socket);
            try
            {
                socket.Connect(_listener.LocalEndPoint!);
            }
            catch (SocketException exception) when (exception.SocketErrorCode is SocketError.WouldBlock or SocketError.InProgress)
            {
                // Under way, or dropped: either fills the queue.
            }
        }
    }

    public int Port => ((IPEndPoint)_listener.LocalEndPoint!).Port;

    /// <summary>From now on connects are taken, as when the machine has booted.</summary>
    public void Wake()
    {
        foreach (var socket in _filling)
        {
            socket.Dispose();
        }

        _listener.Listen(512);
    }

    public Task<Socket> AcceptAsync() => _listener.AcceptAsync();

    public void Dispose()
    {
        foreach (var socket in _filling)
        {
            socket.Dispose();
        }

        _listener.Dispose();
    }
}
