using System.Buffers.Binary;
using System.Globalization;
using System.Net;
using System.Net.Sockets;
using System.Security.Cryptography;
using System.Text;
using Xunit;

namespace Gateway.FunctionalTests.Proxying.Conformance;

/// <summary>What a client sees of a WebSocket is the same through the gateway as from the workspace itself, for whatever it sends.</summary>
public sealed class SocketConformanceTests
{
    public static TheoryData<string> Chapters =>
        ["framing", "pings", "reserved bits", "opcodes", "fragments", "utf-8", "closing", "sizes", "malformed frames", "compression"];

    [Theory]
    [MemberData(nameof(Chapters))]
    public async Task EveryCase_EndsThroughTheGatewayAsItEndsDirectly(string chapter)
    {
        await using var workspace = await EchoingWorkspace.StartAsync();
        await using var gateway = await ForwardingGateway.StartAsync(workspace.Port);

        var cases = SocketCases.Of(chapter).ToList();
        var differences = new List<string>();
        foreach (var one in cases)
        {
            var direct = await VerdictAsync(one, workspace.Port);
            var through = await VerdictAsync(one, gateway.Port);
            if (direct != through)
            {
                differences.Add($"{one.Name}\n  directly: {direct}\n  through:  {through}");
            }
        }

        Assert.True(differences.Count == 0, $"{differences.Count} of {cases.Count} differ:\n{string.Join('\n', differences.Take(10))}");
        await Eventually.HoldsAsync(() => gateway.Sockets.Count == 0);
    }

    /// <summary>The answer to the handshake, every frame that came back, Pongs apart, and that the connection ended.</summary>
    private static async Task<string> VerdictAsync(SocketCase one, int port)
    {
        using var client = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
        await client.ConnectAsync(IPAddress.Loopback, port).WaitAsync(Eventually.Limit);
        var offer = one.Extensions is null ? "" : $"Sec-WebSocket-Extensions: {one.Extensions}\r\n";
        await client.SendAsync(Encoding.ASCII.GetBytes(
            $"GET /terminal HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n{offer}\r\n"));
        await using var stream = new BufferedStream(new NetworkStream(client));
        var verdict = new StringBuilder(await HandshakeAsync(stream).WaitAsync(Eventually.Limit));
        using var answered = new SemaphoreSlim(0);
        var sending = SendAsync(client, one, answered);
        var reading = FramesAsync(client, stream, verdict, answered);
        await sending.WaitAsync(Eventually.Limit);
        await reading.WaitAsync(Eventually.Limit);
        return verdict.ToString();
    }

    private static async Task SendAsync(Socket client, SocketCase one, SemaphoreSlim answered)
    {
        try
        {
            await SendAllAsync(client, one.Writes);
            for (var i = 0; i < one.Answers; i++)
            {
                Assert.True(await answered.WaitAsync(Eventually.Limit), $"{one.Name}: answer {i + 1} of {one.Answers} did not come.");
            }

            await SendAllAsync(client, one.Last);
        }
        catch (SocketException)
        {
            // The other end has seen enough.
        }
    }

    private static async Task SendAllAsync(Socket client, IEnumerable<byte[]> writes)
    {
        foreach (var write in writes)
        {
            await client.SendAsync(write);
        }
    }

    private static async Task<string> HandshakeAsync(Stream stream)
    {
        var head = new StringBuilder();
        while (!head.ToString().EndsWith("\r\n\r\n", StringComparison.Ordinal))
        {
            var next = new byte[1];
            await stream.ReadExactlyAsync(next);
            head.Append((char)next[0]);
        }

        var lines = head.ToString().Split("\r\n");
        return string.Join(", ", lines.Where(line => line.StartsWith("HTTP/", StringComparison.Ordinal) || line.StartsWith("Sec-", StringComparison.OrdinalIgnoreCase)).Order());
    }

    private static async Task FramesAsync(Socket client, Stream stream, StringBuilder verdict, SemaphoreSlim answered)
    {
        var two = new byte[2];
        // When a Ping is answered, between which answers to messages, is the workspace's choice (RFC 6455, 5.5.2): each kind has its own order.
        var pongs = new StringBuilder();
        while (await stream.ReadAtLeastAsync(two, 2, throwOnEndOfStream: false) == 2)
        {
            var length = (ulong)(two[1] & 0x7F);
            if (length >= 126)
            {
                var extended = new byte[length == 126 ? 2 : 8];
                await stream.ReadExactlyAsync(extended);
                length = length == 126 ? BinaryPrimitives.ReadUInt16BigEndian(extended) : BinaryPrimitives.ReadUInt64BigEndian(extended);
            }

            var payload = new byte[length];
            await stream.ReadExactlyAsync(payload);
            ((two[0] & 0x0F) == 0xA ? pongs : verdict).Append(CultureInfo.InvariantCulture, $"; {two[0]:X2} {length} {Convert.ToHexString(length <= 125 ? payload : SHA256.HashData(payload))}");
            answered.Release();
            if ((two[0] & 0x0F) == 0x8)
            {
                answered.Release(1000);
                client.Shutdown(SocketShutdown.Send);
            }
        }

        answered.Release(1000);
        verdict.Append(pongs).Append("; ended");
    }
}
