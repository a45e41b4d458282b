using System.Globalization;
using System.Net;
using System.Net.Sockets;
using System.Text;
using MachinesSimulator;

namespace Figures;

/// <summary>The answer's status, when its first byte arrived, and when the workspace says it could first be reached; both by the same clock.</summary>
internal readonly record struct Answer(int Status, long FirstByteAt, long ReadyAt, string Head)
{
    public TimeSpan SinceReady => TimeProvider.System.GetElapsedTime(ReadyAt, FirstByteAt);
}

/// <summary>One request on a connection of its own, as bytes: thousands of them cost this process little, and no client library's time is measured.</summary>
internal sealed class Request(Uri gateway, string token, string path = "/") : IDisposable
{
    private readonly Socket _socket = new(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };

    public static async Task<Answer> GetAsync(Uri gateway, string token, string path = "/")
    {
        using var request = new Request(gateway, token, path);
        await request.BeginAsync();
        return await request.AnswerAsync();
    }

    /// <summary>Connects and sends the head; the answer may be long in coming.</summary>
    public Task BeginAsync(CancellationToken cancellationToken = default) => BeginAsync("GET", "", cancellationToken);

    public async Task BeginAsync(string method, string headers, CancellationToken cancellationToken)
    {
        await _socket.ConnectAsync(IPAddress.Parse(gateway.Host), gateway.Port, cancellationToken);
        var head = $"{method} {path} HTTP/1.1\r\nHost: {gateway.Authority}\r\nAuthorization: Bearer {token}\r\nAccept: application/json\r\n{headers}\r\n";
        await SendAsync(Encoding.ASCII.GetBytes(head), cancellationToken);
    }

    public async Task SendAsync(ReadOnlyMemory<byte> bytes, CancellationToken cancellationToken)
    {
        while (bytes.Length > 0)
        {
            bytes = bytes[await _socket.SendAsync(bytes, cancellationToken)..];
        }
    }

    /// <summary>The head of the answer; what follows is not waited for.</summary>
    public async Task<Answer> AnswerAsync(CancellationToken cancellationToken = default)
    {
        var buffer = new byte[4096];
        var (length, firstByteAt) = (0, 0L);
        while (true)
        {
            var read = await _socket.ReceiveAsync(buffer.AsMemory(length), cancellationToken);
            firstByteAt = firstByteAt == 0 ? TimeProvider.System.GetTimestamp() : firstByteAt;
            length += read;
            var end = buffer.AsSpan(0, length).IndexOf("\r\n\r\n"u8);
            if (end >= 0)
            {
                return Read(Encoding.ASCII.GetString(buffer, 0, end), firstByteAt);
            }

            if (read == 0 || length == buffer.Length)
            {
                return new Answer(0, firstByteAt, firstByteAt, "");
            }
        }
    }

    public void Dispose() => _socket.Dispose();

    private static Answer Read(string head, long firstByteAt)
    {
        var status = int.Parse(head.AsSpan("HTTP/1.1 ".Length, 3), CultureInfo.InvariantCulture);
        var name = EchoWorkspace.ReadyHeader + ": ";
        var ready = Array.Find(head.Split("\r\n"), line => line.StartsWith(name, StringComparison.OrdinalIgnoreCase))?[name.Length..];
        return new Answer(status, firstByteAt, ready is null ? firstByteAt : long.Parse(ready, CultureInfo.InvariantCulture), head);
    }
}
