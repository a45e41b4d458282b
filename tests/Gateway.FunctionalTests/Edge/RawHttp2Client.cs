using System.Buffers.Binary;
using System.Net.Sockets;
using System.Text;

namespace Gateway.FunctionalTests.Edge;

/// <summary>An HTTP/2 client without manners (RFC 9113): any frame, and header fields that no client library would send.</summary>
internal sealed class RawHttp2Client : IDisposable
{
    public const byte Data = 0;
    public const byte Headers = 1;
    public const byte Priority = 2;
    public const byte Reset = 3;
    public const byte Settings = 4;
    public const byte PushPromise = 5;
    public const byte Ping = 6;
    public const byte GoAway = 7;
    public const byte WindowUpdate = 8;
    public const byte Continuation = 9;

    public const byte EndStream = 1;
    public const byte EndHeaders = 4;
    public const byte Padded = 8;
    public const byte Ack = 1;

    private static readonly byte[] Preface = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"u8.ToArray();

    private readonly NetworkStream _stream;

    private RawHttp2Client(Socket socket) => _stream = new NetworkStream(socket, ownsSocket: true);

    /// <summary>What came of the body of the stream that was asked about last.</summary>
    public string Body { get; private set; } = "";

    /// <summary>A connection that has begun as it should.</summary>
    public static async Task<RawHttp2Client> ConnectAsync(int port)
    {
        var client = await BeginAsync(port, Preface);
        await client.SendAsync(Settings, 0, 0, []);
        return client;
    }

    /// <summary>A connection that begins with these bytes.</summary>
    public static async Task<RawHttp2Client> BeginAsync(int port, byte[] preface)
    {
        var client = new RawHttp2Client(await RawClient.ConnectAsync(port));
        await client.SendAsync(preface);
        return client;
    }

    public static byte[] Frame(byte type, byte flags, int stream, ReadOnlySpan<byte> payload)
    {
        var frame = new byte[9 + payload.Length];
        BinaryPrimitives.WriteInt32BigEndian(frame, payload.Length << 8);
        (frame[3], frame[4]) = (type, flags);
        BinaryPrimitives.WriteInt32BigEndian(frame.AsSpan(5), stream);
        payload.CopyTo(frame.AsSpan(9));
        return frame;
    }

    /// <summary>Each field as a literal of a name of its own (RFC 7541, 6.2.2), whatever is in it.</summary>
    public static byte[] Fields(params (string Name, string Value)[] fields)
    {
        using var block = new MemoryStream();
        foreach (var (name, value) in fields)
        {
            block.WriteByte(0);
            WriteText(block, name);
            WriteText(block, value);
        }

        return block.ToArray();
    }

    public Task SendAsync(byte type, byte flags, int stream, byte[] payload) => SendAsync(Frame(type, flags, stream, payload));

    /// <summary>What the gateway says once it has closed is for <see cref="AnswerAsync"/> to find out.</summary>
    public async Task SendAsync(byte[] bytes)
    {
        try
        {
            await _stream.WriteAsync(bytes).AsTask().WaitAsync(RawClient.Limit);
        }
        catch (IOException)
        {
        }
    }

    /// <summary>What became of the stream: its status, such as <c>200</c>; <c>reset 1</c>, <c>goaway 1</c> with the code (RFC 9113, 7); or <c>closed</c>.</summary>
    /// <exception cref="TimeoutException">The gateway neither answered nor closed.</exception>
    public async Task<string> AnswerAsync(int stream)
    {
        var status = "";
        Body = "";
        try
        {
            while (true)
            {
                var head = await ReadAsync(9);
                var payload = await ReadAsync(BinaryPrimitives.ReadInt32BigEndian(head) >>> 8);
                var (type, flags, about) = (head[3], head[4], BinaryPrimitives.ReadInt32BigEndian(head.AsSpan(5)));
                if (type == GoAway)
                {
                    return "goaway " + BinaryPrimitives.ReadInt32BigEndian(payload.AsSpan(4));
                }

                if (type == Settings && (flags & 1) == 0)
                {
                    await SendAsync(Settings, 1, 0, []);
                }

                if (about != stream)
                {
                    continue;
                }

                if (type == Reset)
                {
                    // After a whole answer: that the rest of the request is not wanted any more.
                    return status.Length > 0 ? status : "reset " + BinaryPrimitives.ReadInt32BigEndian(payload);
                }

                status = type == Headers && status.Length == 0 ? StatusIn(payload) : status;
                Body += type == Data ? Encoding.UTF8.GetString(payload) : "";
                if ((flags & EndStream) != 0 && type is Headers or Data)
                {
                    return status;
                }
            }
        }
        catch (Exception cut) when (cut is IOException or EndOfStreamException)
        {
            return "closed";
        }
    }

    /// <summary>The first complaint about the stream or the connection, whatever was answered before: <c>reset 5</c>, <c>goaway 1</c> or <c>closed</c>.</summary>
    /// <exception cref="TimeoutException">The gateway did not complain.</exception>
    public async Task<string> ComplaintAsync(int stream)
    {
        while (true)
        {
            if (await AnswerAsync(stream) is var end && (end == "closed" || end.Contains(' ', StringComparison.Ordinal)))
            {
                return end;
            }
        }
    }

    /// <summary>The payload of the next frame of the type and flags that is about the whole connection.</summary>
    public async Task<byte[]> NextAsync(byte type, byte flags)
    {
        while (true)
        {
            var head = await ReadAsync(9);
            var payload = await ReadAsync(BinaryPrimitives.ReadInt32BigEndian(head) >>> 8);
            if (head[3] == type && head[4] == flags)
            {
                return payload;
            }
        }
    }

    public void Dispose() => _stream.Dispose();

    private async Task<byte[]> ReadAsync(int count)
    {
        var bytes = new byte[count];
        await _stream.ReadExactlyAsync(bytes).AsTask().WaitAsync(RawClient.Limit);
        return bytes;
    }

    /// <summary>The first field of an answer is its status (RFC 9113, 8.3), of the static table or a literal without Huffman's code.</summary>
    private static string StatusIn(byte[] block)
    {
        var at = 0;
        while ((block[at] & 0xE0) == 0x20)
        {
            // A change of the table's size, in as many bytes as it takes.
            var isLong = (block[at++] & 0x1F) == 0x1F;
            while (isLong && (block[at++] & 0x80) != 0)
            {
            }
        }

        return (block[at] & 0x80) != 0
            ? (block[at] & 0x7F) switch { 8 => "200", 9 => "204", 10 => "206", 11 => "304", 12 => "400", 13 => "404", 14 => "500", var other => throw new InvalidDataException($"Field {other} of the table is no status.") }
            : Encoding.ASCII.GetString(block, at + 2, 3);
    }

    private static void WriteText(MemoryStream block, string text)
    {
        var left = text.Length;
        if (left < 127)
        {
            block.WriteByte((byte)left);
        }
        else
        {
            block.WriteByte(127);
            for (left -= 127; left >= 128; left >>= 7)
            {
                block.WriteByte((byte)((left & 127) | 128));
            }

            block.WriteByte((byte)left);
        }

        block.Write(Encoding.Latin1.GetBytes(text));
    }
}
