using System.Net;
using System.Net.Sockets;
using System.Text;

namespace Benchmarks;

/// <summary>One terminal, as bytes on a socket: thousands of them cost this process little, and no client library's time is measured.</summary>
internal sealed class Terminal : IDisposable
{
    private const int Payload = 32;

    /// <summary>A masked binary message (RFC 6455, 5.2); under a mask of zeros the payload is as it is.</summary>
    private static readonly byte[] Message = [0x82, 0x80 | Payload, 0, 0, 0, 0, .. new byte[Payload]];

    private readonly Socket _socket = new(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
    private readonly byte[] _buffer = new byte[2 + Payload];

    public static async Task<Terminal> OpenAsync(Uri url, string token)
    {
        var terminal = new Terminal();
        await terminal._socket.ConnectAsync(IPAddress.Parse(url.Host), url.Port);
        await terminal._socket.SendAsync(Encoding.ASCII.GetBytes(
            $"GET /terminal HTTP/1.1\r\nHost: {url.Authority}\r\nAuthorization: Bearer {token}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"));
        var head = new List<byte>();
        var next = new byte[1];
        while (head.Count < 4 || !(head[^4] == '\r' && head[^3] == '\n' && head[^2] == '\r' && head[^1] == '\n'))
        {
            if (await terminal._socket.ReceiveAsync(next) == 0)
            {
                break;
            }

            head.Add(next[0]);
        }

        var text = Encoding.ASCII.GetString([.. head]);
        return text.StartsWith("HTTP/1.1 101", StringComparison.Ordinal) ? terminal : throw new InvalidOperationException($"No terminal was opened: {text}");
    }

    /// <summary>Sends a message and waits until it is back.</summary>
    public async Task EchoAsync()
    {
        await _socket.SendAsync(Message);
        for (var read = 0; read < _buffer.Length;)
        {
            read += await _socket.ReceiveAsync(_buffer.AsMemory(read)) is > 0 and var some ? some : throw new InvalidOperationException("The terminal ended.");
        }
    }

    public void Dispose() => _socket.Dispose();
}
