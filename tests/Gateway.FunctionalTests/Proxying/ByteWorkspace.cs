using System.Collections.Concurrent;
using System.Net;
using System.Net.Sockets;
using System.Text;

namespace Gateway.FunctionalTests.Proxying;

/// <summary>A workspace that sees bytes: every connection is handed to a function that reads heads and writes answers.</summary>
internal sealed class ByteWorkspace : IAsyncDisposable
{
    public const string Ok = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";

    private readonly TcpListener _listener;
    private readonly ConcurrentBag<Socket> _sockets = [];
    private readonly ConcurrentBag<Task> _serving = [];
    private readonly Task _accepting;

    public ByteWorkspace(Func<ByteConnection, Task> serve, int port = 0)
    {
        _listener = new TcpListener(IPAddress.Loopback, port);
        _listener.Start(512);
        _accepting = AcceptAsync(serve);
    }

    public int Port => ((IPEndPoint)_listener.LocalEndpoint).Port;

    public int Connections => _sockets.Count;

    /// <summary>Answers every request 200 and keeps the connection.</summary>
    public static ByteWorkspace Answering(Action<string> sees, string answer = Ok) => new(async connection =>
    {
        while (await connection.ReadRequestAsync() is { } request)
        {
            sees(request);
            await connection.WriteAsync(answer);
        }
    });

    /// <summary>Takes no connection any more.</summary>
    public void Refuse() => _listener.Stop();

    private async Task AcceptAsync(Func<ByteConnection, Task> serve)
    {
        while (true)
        {
            Socket socket;
            try
            {
                socket = await _listener.AcceptSocketAsync();
            }
            catch (Exception exception) when (exception is SocketException or ObjectDisposedException or InvalidOperationException)
            {
                // Stopped, in the middle of an accept or between two.
                return;
            }

            socket.NoDelay = true;
            _sockets.Add(socket);
            _serving.Add(ServeAsync(serve, socket));
        }
    }

    private static async Task ServeAsync(Func<ByteConnection, Task> serve, Socket socket)
    {
        try
        {
            using var connection = new ByteConnection(socket);
            await serve(connection);
            socket.Shutdown(SocketShutdown.Both);
        }
        catch (Exception exception) when (exception is IOException or SocketException or ObjectDisposedException)
        {
            // The other end, or the end of the test, was first.
        }
        finally
        {
            socket.Dispose();
        }
    }

    public async ValueTask DisposeAsync()
    {
        _listener.Stop();
        await _accepting.WaitAsync(ForwardingGateway.Limit);
        foreach (var socket in _sockets)
        {
            socket.Dispose();
        }

        await Task.WhenAll(_serving).WaitAsync(ForwardingGateway.Limit);
    }
}

/// <summary>One connection, read request by request.</summary>
internal sealed class ByteConnection(Socket socket) : IDisposable
{
    private readonly NetworkStream _stream = new(socket);
    private byte[] _rest = [];

    public int LocalPort => ((IPEndPoint)socket.LocalEndPoint!).Port;

    /// <summary>Ends it with a reset, as a host does that knows nothing of the connection.</summary>
    public void Reset()
    {
        socket.LingerState = new LingerOption(true, 0);
        socket.Close();
    }

    /// <summary>The next head with its body, or null at the end. A body is read by its length or to its last chunk.</summary>
    public async Task<string?> ReadRequestAsync()
    {
        var text = new StringBuilder();
        var head = await ReadUntilAsync("\r\n\r\n");
        if (head is null)
        {
            return null;
        }

        text.Append(head);
        if (head.Contains("Transfer-Encoding: chunked", StringComparison.OrdinalIgnoreCase))
        {
            text.Append(await ReadUntilAsync("0\r\n\r\n"));
        }
        else if (head.Split("\r\n").FirstOrDefault(line => line.StartsWith("Content-Length:", StringComparison.OrdinalIgnoreCase)) is { } length)
        {
            text.Append(await ReadCountAsync(int.Parse(length.Split(':')[1], System.Globalization.CultureInfo.InvariantCulture)));
        }

        return text.ToString();
    }

    public void Dispose() => _stream.Dispose();

    public Task<string?> ReadHeadAsync() => ReadUntilAsync("\r\n\r\n");

    public async Task<byte[]> ReadSomeAsync()
    {
        if (_rest.Length > 0)
        {
            (var rest, _rest) = (_rest, []);
            return rest;
        }

        var buffer = new byte[16 * 1024];
        return buffer[..await _stream.ReadAsync(buffer)];
    }

    public Task WriteAsync(string text) => WriteAsync(Encoding.Latin1.GetBytes(text));

    public async Task WriteAsync(byte[] bytes) => await _stream.WriteAsync(bytes);

    private async Task<string?> ReadUntilAsync(string end)
    {
        var seen = new List<byte>();
        while (true)
        {
            var some = await ReadSomeAsync();
            if (some.Length == 0)
            {
                return null;
            }

            seen.AddRange(some);
            var text = Encoding.Latin1.GetString(seen.ToArray());
            var at = text.IndexOf(end, StringComparison.Ordinal);
            if (at >= 0)
            {
                _rest = seen.ToArray()[(at + end.Length)..];
                return text[..(at + end.Length)];
            }
        }
    }

    private async Task<string> ReadCountAsync(int count)
    {
        var seen = new List<byte>();
        while (seen.Count < count)
        {
            var some = await ReadSomeAsync();
            if (some.Length == 0)
            {
                throw new IOException("The body ended early.");
            }

            seen.AddRange(some);
        }

        _rest = seen.ToArray()[count..];
        return Encoding.Latin1.GetString(seen.ToArray()[..count]);
    }
}
