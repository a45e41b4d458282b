using System.Buffers.Binary;
using System.IO.Compression;
using System.Text;

namespace Gateway.FunctionalTests.Proxying.Conformance;

/// <summary>
/// What one client sends after its handshake, write by write, byte for byte: first <paramref name="Writes"/>, and when those have had their
/// <paramref name="Answers"/> frames, or the socket is over, <paramref name="Last"/>. <paramref name="Extensions"/> are what its handshake offers.
/// </summary>
internal sealed record SocketCase(string Name, IReadOnlyList<byte[]> Writes, int Answers, IReadOnlyList<byte[]> Last, string? Extensions = null);

/// <summary>The cases of the public WebSocket conformance suites (RFC 6455 and RFC 7692), by the chapter of the protocol that they try.</summary>
internal static class SocketCases
{
    private const int Continuation = 0, Text = 1, Binary = 2, CloseOp = 8, Ping = 9, Pong = 10;
    private const int Whole = int.MaxValue;

    private static readonly byte[] Bye = Close(1000, "");

    public static IEnumerable<SocketCase> Of(string chapter) => chapter switch
    {
        "framing" => Framing(),
        "pings" => Pings(),
        "reserved bits" => ReservedBits(),
        "opcodes" => Opcodes(),
        "fragments" => Fragments(),
        "utf-8" => Utf8(),
        "closing" => Closing(),
        "sizes" => Sizes(),
        "malformed frames" => MalformedFrames(),
        "compression" => Compression(),
        _ => throw new ArgumentOutOfRangeException(nameof(chapter)),
    };

    private static IEnumerable<SocketCase> Framing()
    {
        foreach (var opcode in new[] { Text, Binary })
        {
            foreach (var length in new[] { 0, 1, 125, 126, 127, 128, 65535, 65536 })
            {
                foreach (var chop in new[] { Whole, 997, 1 }.Where(chop => chop > 1 || length <= 128))
                {
                    yield return Case($"opcode {opcode}, {length} bytes in writes of {chop}", chop, Frame(opcode, Letters(length)), Bye);
                }
            }
        }
    }

    private static IEnumerable<SocketCase> Pings()
    {
        yield return Case("empty ping", Whole, Frame(Ping, []), Bye);
        yield return Case("ping with text", Whole, Frame(Ping, "Hello"u8), Bye);
        yield return Case("ping with bytes", Whole, Frame(Ping, [0x00, 0xFF, 0xFE, 0xFD, 0xFC, 0xFB, 0x00, 0xFF]), Bye);
        yield return Case("longest ping", Whole, Frame(Ping, Letters(125)), Bye);
        yield return Case("longest ping, byte by byte", 1, Frame(Ping, Letters(125)), Bye);
        yield return Case("ping that is too long", Whole, Frame(Ping, Letters(126)));
        yield return Case("pong nobody asked for", Whole, Frame(Pong, []), Bye);
        yield return Case("pong with text and a ping", Whole, Frame(Pong, "unsolicited"u8), Frame(Ping, "asked"u8), Bye);
        yield return Case("ten pings", Whole, [.. Enumerable.Range(0, 10).Select(i => Frame(Ping, Letters(i))), Bye]);
        yield return Case("ten pings, byte by byte", 1, [.. Enumerable.Range(0, 10).Select(i => Frame(Ping, Letters(i))), Bye]);
    }

    private static IEnumerable<SocketCase> ReservedBits()
    {
        for (var bits = 1; bits <= 7; bits++)
        {
            yield return Case($"bits {bits} on text", Whole, Frame(Text, "Hello"u8, reserved: bits));
            yield return Case($"bits {bits} on text after a good one", Whole, Frame(Text, "good"u8), Frame(Text, "Hello"u8, reserved: bits));
            yield return Case($"bits {bits} on a ping, byte by byte", 1, Frame(Ping, "Hello"u8, reserved: bits));
            yield return Case($"bits {bits} on a close", Whole, Frame(CloseOp, [0x03, 0xE8], reserved: bits));
        }
    }

    private static IEnumerable<SocketCase> Opcodes()
    {
        foreach (var opcode in new[] { 3, 4, 5, 6, 7, 11, 12, 13, 14, 15 })
        {
            yield return Case($"opcode {opcode}", Whole, Frame(opcode, []));
            yield return Case($"opcode {opcode} with payload after a good message", Whole, Frame(Text, "good"u8), Frame(opcode, "bad"u8));
            yield return Case($"opcode {opcode}, byte by byte", 1, Frame(opcode, "bad"u8));
        }
    }

    private static IEnumerable<SocketCase> Fragments()
    {
        var first = Frame(Text, "frag"u8, final: false);
        var last = Frame(Continuation, "ment"u8);
        foreach (var chop in new[] { Whole, 1 })
        {
            yield return Case($"two parts, writes of {chop}", chop, first, last, Bye);
            yield return Case($"ping between two parts, writes of {chop}", chop, first, Frame(Ping, "between"u8), last, Bye);
            yield return Case($"many parts and pings, writes of {chop}", chop,
            [
                first, Frame(Continuation, "1"u8, final: false), Frame(Ping, "a"u8), Frame(Continuation, []), Frame(Text, "f2"u8, final: false),
                Frame(Pong, []), Frame(Ping, "b"u8), last, Bye,
            ]);
            yield return Case($"empty parts, writes of {chop}", chop, Frame(Text, [], final: false), Frame(Continuation, [], final: false), Frame(Continuation, []), Bye);
            yield return Case($"message inside a message, writes of {chop}", chop, first, Frame(Text, "other"u8));
            yield return Case($"continuation of nothing, writes of {chop}", chop, last);
            yield return Case($"unfinished continuation of nothing, writes of {chop}", chop, Frame(Continuation, "ment"u8, final: false));
            yield return Case($"continuation after the end, writes of {chop}", chop, first, last, Frame(Continuation, "more"u8));
            yield return Case($"ping in two parts, writes of {chop}", chop, Frame(Ping, "fragment"u8, final: false));
            yield return Case($"pong in two parts, writes of {chop}", chop, Frame(Pong, "fragment"u8, final: false));
            yield return Case($"close in two parts, writes of {chop}", chop, Frame(CloseOp, [0x03, 0xE8], final: false));
            yield return Case($"close between two parts, writes of {chop}", chop, first, Bye);
        }
    }

    private static IEnumerable<SocketCase> Utf8()
    {
        string[] good = ["", "Hello-µ@ßöäüàá-UTF-8!!", "κόσμε", "\u0001", "\u0080", "\u07FF", "\u0800", "\uFFFF", "\U00010000", "\U0010FFFF", "\uD7FF\uE000\uFFFD", "\uFFFE", "\0"];
        foreach (var text in good)
        {
            var bytes = Encoding.UTF8.GetBytes(text);
            yield return Case($"good: {Convert.ToHexString(bytes)}", Whole, Frame(Text, bytes), Bye);
            yield return Case($"good, each byte a fragment: {Convert.ToHexString(bytes)}", Whole, [.. InFragments(bytes), Bye]);
            yield return Case($"good, byte by byte: {Convert.ToHexString(bytes)}", 1, Frame(Text, bytes), Bye);
        }

        string[] bad =
        [
            "CEBAE1BDB9CF83CEBCCEB5EDA080656469746564", "80", "BF", "8080", "C0", "C020", "E0", "E080", "F0", "F08080", "F8", "FC", "FE", "FF", "FEFEFFFF", "C080", "C1BF",
            "E09FBF", "F08FBFBF", "F7BFBFBF", "F4908080", "F888808080", "FC8480808080", "EDA080", "EDAFBF", "EDB080", "EDBFBF", "EDA080EDB080", "48656C6CFF6F", "C3",
        ];
        foreach (var text in bad)
        {
            yield return Case($"bad: {text}", Whole, Frame(Text, Convert.FromHexString(text)));
            yield return Case($"bad, in two writes inside the frame: {text}", 7, Frame(Text, Convert.FromHexString(text)));
            yield return Case($"not text, so good: {text}", Whole, Frame(Binary, Convert.FromHexString(text)), Bye);
        }
    }

    private static IEnumerable<SocketCase> Closing()
    {
        yield return Case("empty close", Whole, Frame(CloseOp, []));
        yield return Case("close of one byte", Whole, Frame(CloseOp, [0x03]));
        yield return Case("close with a reason", Whole, Close(1000, "so long"));
        yield return Case("close with the longest reason", Whole, Close(1000, new string('a', 123)));
        yield return Case("close that is too long", Whole, Close(1000, new string('a', 124)));
        yield return Case("close whose reason is not UTF-8", Whole, Frame(CloseOp, [0x03, 0xE8, 0xCE, 0xBA, 0xED, 0xA0, 0x80]));
        yield return Case("close, byte by byte", 1, Close(1000, "so long"));
        yield return Case("message, then close", Whole, Frame(Text, "last words"u8), Bye);
        yield return Case("close, then a message", Whole, [[.. Bye, .. Frame(Text, "too late"u8)]]);
        yield return Case("close, then a ping", Whole, [[.. Bye, .. Frame(Ping, "too late"u8)]]);
        yield return Case("close twice", Whole, [[.. Bye, .. Bye]]);
        int[] codes = [0, 999, 1000, 1001, 1002, 1003, 1004, 1005, 1006, 1007, 1008, 1009, 1010, 1011, 1012, 1013, 1014, 1015, 1016, 1100, 2000, 2999, 3000, 3999, 4000, 4999, 5000, 65535];
        foreach (var code in codes)
        {
            yield return Case($"close {code}", Whole, Close(code, ""));
            yield return Case($"close {code} with a reason", Whole, Close(code, "reason"));
        }
    }

    private static IEnumerable<SocketCase> Sizes()
    {
        foreach (var opcode in new[] { Text, Binary })
        {
            foreach (var length in new[] { 256 * 1024, 1024 * 1024, 4 * 1024 * 1024 })
            {
                yield return Case($"opcode {opcode}, {length} bytes", Whole, Frame(opcode, Letters(length)), Bye);
                yield return Case($"opcode {opcode}, {length} bytes in parts of 64 KB", Whole, [.. InFragments(Letters(length), 64 * 1024, opcode), Bye]);
            }

            yield return Case($"opcode {opcode}, 256 KB in parts of 64 bytes", Whole, [.. InFragments(Letters(256 * 1024), 64, opcode), Bye]);
            yield return Case($"opcode {opcode}, 256 KB in writes of 1,009 bytes", 1009, Frame(opcode, Letters(256 * 1024)), Bye);
        }

        yield return Case("a thousand messages", Whole, [.. Enumerable.Range(0, 1000).Select(i => Frame(Text, Letters(i % 300))), Bye]);
    }

    private static IEnumerable<SocketCase> MalformedFrames()
    {
        yield return Case("no mask", Whole, [0x81, 0x05, .. "Hello"u8]);
        yield return Case("no mask on a close", Whole, [0x88, 0x02, 0x03, 0xE8]);
        yield return Case("length of more than 63 bits", Whole, [0x82, 0xFF, 0x80, 0, 0, 0, 0, 0, 0, 0, 1, 2, 3, 4]);
        yield return Case("longer form than needed, 16 bits", Whole, [0x81, 0xFE, 0, 5, 0, 0, 0, 0, .. "Hello"u8], Bye);
        yield return Case("longer form than needed, 64 bits", Whole, [0x81, 0xFF, 0, 0, 0, 0, 0, 0, 0, 5, 0, 0, 0, 0, .. "Hello"u8], Bye);
        yield return Case("mask of zeros", Whole, [0x81, 0x85, 0, 0, 0, 0, .. "Hello"u8], Bye);
        yield return Case("a request in place of a frame", Whole, [.. "GET / HTTP/1.1\r\n\r\n"u8]);
    }

    private static IEnumerable<SocketCase> Compression()
    {
        string[] offers =
        [
            "permessage-deflate", "permessage-deflate; client_no_context_takeover", "permessage-deflate; server_no_context_takeover", "permessage-deflate; client_max_window_bits",
            "permessage-deflate; server_max_window_bits=10", "permessage-deflate; client_max_window_bits=9; server_max_window_bits=9", "permessage-deflate; nonsense=1",
            "permessage-deflate; server_max_window_bits=99, permessage-deflate", "x-unknown", "x-unknown, permessage-deflate; client_no_context_takeover; server_no_context_takeover",
        ];
        foreach (var offer in offers)
        {
            yield return Case($"plain message under '{offer}'", Whole, Frame(Text, "plain"u8), Bye) with { Extensions = offer };
            foreach (var length in new[] { 0, 64, 4096, 100_000 })
            {
                yield return Case($"{length} deflated bytes under '{offer}'", Whole, Frame(Text, Deflate(Letters(length)), reserved: 4), Bye) with { Extensions = offer };
            }

            yield return Case($"deflated in fragments under '{offer}'", Whole, [.. InFragments(Deflate(Letters(4096)), 50, Text, 4), Bye]) with { Extensions = offer };
            yield return Case($"not deflated at all under '{offer}'", Whole, Frame(Text, [0xFF, 0xFE, 0xFD, 0xFC], reserved: 4)) with { Extensions = offer };
        }
    }

    /// <summary>The last frame waits for the answers to those before it: a workspace that has read the end may leave them out, and would be right.</summary>
    private static SocketCase Case(string name, int chop, params byte[][] frames)
    {
        var answers = frames[..^1].Count(static frame => (frame[0] & 0x80) != 0 && (frame[0] & 0x0F) is (Continuation or Text or Binary or Ping));
        return new SocketCase(name, Chopped(frames[..^1], chop), answers, Chopped(frames[^1..], chop));
    }

    private static byte[][] Chopped(byte[][] frames, int chop) => chop == Whole ? frames : [.. frames.SelectMany(frame => frame).Chunk(chop)];

    private static byte[] Frame(int opcode, ReadOnlySpan<byte> payload, bool final = true, int reserved = 0)
    {
        byte[] mask = [0x12, 0x34, 0x56, 0x78];
        var head = new List<byte> { (byte)((final ? 0x80 : 0) | (reserved << 4) | opcode) };
        var length = new byte[8];
        BinaryPrimitives.WriteInt64BigEndian(length, payload.Length);
        head.AddRange(payload.Length switch
        {
            < 126 => [(byte)(0x80 | payload.Length)],
            < 65536 => [0x80 | 126, .. length[6..]],
            _ => [0x80 | 127, .. length],
        });
        var masked = payload.ToArray();
        for (var i = 0; i < masked.Length; i++)
        {
            masked[i] ^= mask[i % 4];
        }

        return [.. head, .. mask, .. masked];
    }

    private static byte[] Close(int code, string reason) => Frame(CloseOp, [(byte)(code >> 8), (byte)code, .. Encoding.UTF8.GetBytes(reason)]);

    private static IEnumerable<byte[]> InFragments(byte[] payload, int size = 1, int opcode = Text, int reserved = 0)
    {
        if (payload.Length == 0)
        {
            yield return Frame(opcode, payload, reserved: reserved);
        }

        for (var at = 0; at < payload.Length; at += size)
        {
            var part = payload.AsSpan(at, Math.Min(size, payload.Length - at));
            yield return Frame(at == 0 ? opcode : Continuation, part, final: at + size >= payload.Length, at == 0 ? reserved : 0);
        }
    }

    private static byte[] Letters(int length) => [.. Enumerable.Range(0, length).Select(i => (byte)('a' + ((i * 7) + (i / 26)) % 26))];

    /// <summary>One message of RFC 7692: without the four bytes that every flush ends with (section 7.2.1).</summary>
    private static byte[] Deflate(byte[] message)
    {
        if (message.Length == 0)
        {
            return [0x00];
        }

        using var compressed = new MemoryStream();
        using var deflate = new DeflateStream(compressed, CompressionLevel.Optimal);
        deflate.Write(message);
        deflate.Flush();
        return compressed.ToArray()[..^4];
    }
}
