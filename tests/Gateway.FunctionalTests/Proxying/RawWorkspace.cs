using System.Collections.Concurrent;
using System.Net;
using System.Net.Sockets;
using System.Text;

namespace Gateway.FunctionalTests.Proxying;

/// <summary>A workspace on bare sockets: it records every request's bytes and answers as the test says.</summary>
internal sealed class RawWorkspace : IDisposable
{
    private readonly Socket _listener;
    private readonly Func<RawRequest, Socket, Task> _answer;

    public RawWorkspace(IPAddress address, Func<RawRequest, Socket, Task> answer)
    {
        _answer = answer;
        _listener = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        _listener.Bind(new IPEndPoint(address, 0));
        _listener.Listen(512);
        EndPoint = (IPEndPoint)_listener.LocalEndPoint!;
        _ = AcceptAsync();
    }

    public IPEndPoint EndPoint { get; }

    public ConcurrentQueue<RawRequest> Requests { get; } = new();

    public static Task OkAsync(Socket socket, string body = "ok") =>
        SendAsync(socket, $"HTTP/1.1 200 OK\r\nContent-Length: {body.Length}\r\n\r\n{body}");

    public static async Task SendAsync(Socket socket, string text) => await socket.SendAsync(Encoding.Latin1.GetBytes(text));

    public void Dispose() => _listener.Dispose();

    private async Task AcceptAsync()
    {
        try
        {
            while (true)
            {
                _ = ServeAsync(await _listener.AcceptAsync());
            }
        }
        catch (Exception exception) when (exception is SocketException or ObjectDisposedException)
        {
            // The test is over.
        }
    }

    private async Task ServeAsync(Socket socket)
    {
        using (socket)
        {
            var onConnection = 0;
            var left = new List<byte>();
            var buffer = new byte[16 * 1024];
            try
            {
                while (true)
                {
                    var request = RawRequest.Take(left);
                    if (request is null)
                    {
                        var read = await socket.ReceiveAsync(buffer);
                        if (read == 0)
                        {
                            return;
                        }

                        left.AddRange(buffer.AsSpan(0, read));
                        continue;
                    }

                    request = request with { OnConnection = ++onConnection };
                    Requests.Enqueue(request);
                    await _answer(request, socket);
                }
            }
            catch (Exception exception) when (exception is SocketException or ObjectDisposedException)
            {
                // The answer closed it, or the other side did.
            }
        }
    }
}

/// <summary>One request as its bytes arrived.</summary>
internal sealed record RawRequest(string Method, string Target, string Head, byte[] Body)
{
    /// <summary>The how-manieth on its connection, from 1.</summary>
    public int OnConnection { get; init; }

    /// <summary>Takes one whole request off the front; null: more bytes are needed.</summary>
    public static RawRequest? Take(List<byte> bytes)
    {
        var text = Encoding.Latin1.GetString(bytes.ToArray());
        var end = text.IndexOf("\r\n\r\n", StringComparison.Ordinal);
        if (end < 0)
        {
            return null;
        }

        var head = text[..end];
        var line = head.Split("\r\n")[0];
        var (length, body) = BodyOf(head, text[(end + 4)..]);
        if (length < 0)
        {
            return null;
        }

        bytes.RemoveRange(0, end + 4 + length);
        var space = line.IndexOf(' ', StringComparison.Ordinal);
        return new RawRequest(line[..space], line[(space + 1)..line.LastIndexOf(' ')], head, Encoding.Latin1.GetBytes(body));
    }

    private static (int Length, string Body) BodyOf(string head, string rest)
    {
        foreach (var header in head.Split("\r\n").Skip(1))
        {
            var colon = header.IndexOf(':', StringComparison.Ordinal);
            if (header[..colon].Equals("Content-Length", StringComparison.OrdinalIgnoreCase))
            {
                var length = int.Parse(header[(colon + 1)..], System.Globalization.CultureInfo.InvariantCulture);
                return rest.Length < length ? (-1, "") : (length, rest[..length]);
            }

            if (header[..colon].Equals("Transfer-Encoding", StringComparison.OrdinalIgnoreCase))
            {
                var end = rest.IndexOf("0\r\n\r\n", StringComparison.Ordinal);
                return end < 0 ? (-1, "") : (end + 5, rest[..end]);
            }
        }

        return (0, "");
    }
}
