using Xunit;
using static Gateway.FunctionalTests.Edge.RawHttp2Client;

namespace Gateway.FunctionalTests.Proxying.Conformance;

/// <summary>One gateway in front of one workspace, for all cases.</summary>
public sealed class Http2ConformanceFixture : IAsyncLifetime
{
    private ByteWorkspace _workspace = null!;
    private ForwardingGateway _gateway = null!;

    internal int Port => _gateway.Http2Port;

    public async Task InitializeAsync()
    {
        _workspace = ByteWorkspace.Answering(static _ => { });
        _gateway = await ForwardingGateway.StartAsync(_workspace.Port);
    }

    public async Task DisposeAsync()
    {
        await _gateway.DisposeAsync();
        await _workspace.DisposeAsync();
    }
}

/// <summary>
/// The cases of the usual conformance suite for HTTP/2, each under its section of RFC 9113 or RFC 7541: what is well-formed is answered through the gateway,
/// and what is not ends the stream or the connection with the code that the RFC names.
/// </summary>
public sealed class Http2ConformanceTests(Http2ConformanceFixture gateway) : IClassFixture<Http2ConformanceFixture>
{
    private const int Protocol = 1;
    private const int Internal = 2;
    private const int FlowControl = 3;
    private const int StreamClosed = 5;
    private const int FrameSize = 6;
    private const int RefusedStream = 7;
    private const int Compression = 9;

    private static readonly byte[] Get = Fields((":method", "GET"), (":scheme", "http"), (":path", "/"), (":authority", "a"));
    private static readonly byte[] Post = Fields((":method", "POST"), (":scheme", "http"), (":path", "/"), (":authority", "a"));
    private static readonly byte[] Ask = Frame(Headers, EndStream | EndHeaders, 1, Get);
    private static readonly byte[] Begin = Frame(Headers, EndHeaders, 1, Post);
    private static readonly byte[] Zeros = new byte[8];

    /// <summary>What is sent, and what is answered to stream 1.</summary>
    private static readonly Dictionary<string, byte[][]> Good = new()
    {
        ["3.4 a request after the preface"] = [Ask],
        ["4.1 a frame of an unknown type"] = [Frame(0x16, 0, 0, Zeros), Ask],
        ["4.1 flags that are not defined"] = [Frame(Ping, 0x16, 0, Zeros), Ask],
        ["4.1 the reserved bit"] = [Frame(Ping, 0, int.MinValue, Zeros), Ask],
        ["4.2 a frame of 16,384 octets"] = [Begin, Frame(Data, EndStream, 1, new byte[16_384])],
        ["4.3 fields in two frames"] = [Frame(Headers, EndStream, 1, Get.AsSpan(0, 10)), Frame(Continuation, EndHeaders, 1, Get.AsSpan(10))],
        ["4.3 fields in many frames"] = [Frame(Headers, EndStream, 1, Get.AsSpan(0, 4)), Frame(Continuation, 0, 1, Get.AsSpan(4, 4)), Frame(Continuation, 0, 1, []), Frame(Continuation, EndHeaders, 1, Get.AsSpan(8))],
        ["5.1 WINDOW_UPDATE of a stream that is half closed"] = [Ask, Frame(WindowUpdate, 0, 1, [0, 0, 0, 1])],
        ["5.3.2 PRIORITY, which means nothing any more"] = [Frame(Priority, 0, 1, [0, 0, 0, 0, 10]), Ask],
        ["5.5 an extension's frame"] = [Frame(0xF0, 0xFF, 0, new byte[100]), Ask],
        ["6.1 DATA with padding"] = [Begin, Frame(Data, EndStream | Padded, 1, [4, 1, 2, 3, 0, 0, 0, 0])],
        ["6.1 DATA of padding alone"] = [Begin, Frame(Data, EndStream | Padded, 1, [3, 0, 0, 0])],
        ["6.2 HEADERS with padding"] = [Frame(Headers, EndStream | EndHeaders | Padded, 1, [2, .. Get, 0, 0])],
        ["6.2 HEADERS with a priority"] = [Frame(Headers, EndStream | EndHeaders | 0x20, 1, [0, 0, 0, 0, 200, .. Get])],
        ["6.5 SETTINGS of several values"] = [Frame(Settings, 0, 0, [0, 3, 0, 0, 0, 100, 0, 4, 0, 1, 0, 0]), Ask],
        ["6.5.2 a setting that is not defined"] = [Frame(Settings, 0, 0, [0, 0xFF, 0, 0, 0, 1]), Ask],
        ["6.7 PING that answers none"] = [Frame(Ping, Ack, 0, Zeros), Ask],
        ["6.9.2 a window of nothing, opened later"] = [Frame(Settings, 0, 0, [0, 4, 0, 0, 0, 0]), Ask, Frame(WindowUpdate, 0, 1, [0, 0, 0, 10])],
        ["6.9.2 a window that becomes larger by a setting"] = [Frame(Settings, 0, 0, [0, 4, 0, 0, 0, 0]), Ask, Frame(Settings, 0, 0, [0, 4, 0, 0, 0, 10])],
        ["8.1 trailers"] = [Begin, Frame(Data, 0, 1, [1]), Frame(Headers, EndStream | EndHeaders, 1, Fields(("x-trailer", "y")))],
        ["8.3.1 a path with a query"] = [Frame(Headers, EndStream | EndHeaders, 1, Fields((":method", "GET"), (":scheme", "http"), (":path", "/a?b=c"), (":authority", "a")))],
        ["8.3.1 OPTIONS of everything"] = [Frame(Headers, EndStream | EndHeaders, 1, Fields((":method", "OPTIONS"), (":scheme", "http"), (":path", "*"), (":authority", "a")))],
        ["HPACK 6.1 fields of the static table"] = [Frame(Headers, EndStream | EndHeaders, 1, [0x82, 0x86, 0x84, 0x41, 1, (byte)'a'])],
        ["HPACK 6.2.1 a field that is kept and used again"] = [Frame(Headers, EndStream | EndHeaders, 1, [0x82, 0x86, 0x84, 0x41, 1, (byte)'a', 0x40, 1, (byte)'x', 1, (byte)'y', 0xBE])],
        ["HPACK 6.2.3 a field that is never kept"] = [Frame(Headers, EndStream | EndHeaders, 1, [0x82, 0x86, 0x84, 0x41, 1, (byte)'a', 0x10, 1, (byte)'x', 1, (byte)'y'])],
        ["HPACK 6.3 a smaller table"] = [Frame(Headers, EndStream | EndHeaders, 1, [0x20, 0x82, 0x86, 0x84, 0x41, 1, (byte)'a'])],
        ["HPACK 5.2 Huffman's code"] = [Frame(Headers, EndStream | EndHeaders, 1, [0x82, 0x86, 0x84, 0x41, 0x8c, 0xf1, 0xe3, 0xc2, 0xe5, 0xf2, 0x3a, 0x6b, 0xa0, 0xab, 0x90, 0xf4, 0xff])],
    };

    /// <summary>What is sent, and the code of the complaint. A stream may be complained about by ending it or the connection.</summary>
    private static readonly Dictionary<string, (int Code, int Stream, byte[][] Frames)> Bad = new()
    {
        ["4.2 DATA longer than allowed"] = (FrameSize, 1, [Begin, Frame(Data, EndStream, 1, new byte[16_385])]),
        ["4.2 HEADERS longer than allowed"] = (FrameSize, 1, [Frame(Headers, EndStream | EndHeaders, 1, new byte[16_385])]),
        ["4.2 SETTINGS longer than allowed"] = (FrameSize, 0, [Frame(Settings, 0, 0, new byte[16_386])]),
        ["4.3 fields that are none"] = (Compression, 1, [Frame(Headers, EndStream | EndHeaders, 1, [0x00, 0x05])]),
        ["4.3 PRIORITY between the frames of fields"] = (Protocol, 1, [Frame(Headers, EndStream, 1, Get.AsSpan(0, 10)), Frame(Priority, 0, 1, [0, 0, 0, 0, 1]), Frame(Continuation, EndHeaders, 1, Get.AsSpan(10))]),
        ["4.3 fields of another stream between them"] = (Protocol, 1, [Frame(Headers, EndStream, 1, Get.AsSpan(0, 10)), Frame(Headers, EndStream | EndHeaders, 3, Get)]),
        ["5.1 DATA of an idle stream"] = (Protocol, 1, [Frame(Data, EndStream, 1, [1])]),
        ["5.1 RST_STREAM of an idle stream"] = (Protocol, 1, [Frame(Reset, 0, 1, [0, 0, 0, 8])]),
        ["5.1 WINDOW_UPDATE of an idle stream"] = (Protocol, 1, [Frame(WindowUpdate, 0, 1, [0, 0, 0, 100])]),
        ["5.1 CONTINUATION of an idle stream"] = (Protocol, 1, [Frame(Continuation, EndHeaders, 1, Get)]),
        ["5.1 DATA after the end of a stream"] = (StreamClosed, 1, [Ask, Frame(Data, EndStream, 1, [1])]),
        ["5.1 HEADERS after the end of a stream"] = (StreamClosed, 1, [Ask, Ask]),
        ["5.1 CONTINUATION after the end of a stream"] = (Protocol, 1, [Ask, Frame(Continuation, EndHeaders, 1, Get)]),
        ["5.1.1 a stream of an even number"] = (Protocol, 2, [Frame(Headers, EndStream | EndHeaders, 2, Get)]),
        // The RFC names PROTOCOL_ERROR. The server takes the stream for one that was closed without being used, and ends the connection all the same.
        ["5.1.1 a stream of a lower number"] = (StreamClosed, 3, [Frame(Headers, EndStream | EndHeaders, 5, Get), Frame(Headers, EndStream | EndHeaders, 3, Get)]),
        ["5.5 an extension's frame between the frames of fields"] = (Protocol, 1, [Frame(Headers, EndStream, 1, Get.AsSpan(0, 10)), Frame(0xF0, 0, 0, Zeros), Frame(Continuation, EndHeaders, 1, Get.AsSpan(10))]),
        ["6.1 DATA of no stream"] = (Protocol, 0, [Frame(Data, EndStream, 0, [1])]),
        ["6.1 padding as long as its frame"] = (Protocol, 1, [Begin, Frame(Data, EndStream | Padded, 1, [5, 1, 2, 3, 4])]),
        ["6.2 HEADERS of no stream"] = (Protocol, 0, [Frame(Headers, EndStream | EndHeaders, 0, Get)]),
        ["6.2 padding longer than its frame"] = (Protocol, 1, [Frame(Headers, EndStream | EndHeaders | Padded, 1, [255, .. Get])]),
        ["6.3 PRIORITY of no stream"] = (Protocol, 0, [Frame(Priority, 0, 0, [0, 0, 0, 0, 1])]),
        ["6.3 PRIORITY of four octets"] = (FrameSize, 1, [Frame(Priority, 0, 1, [0, 0, 0, 1])]),
        ["6.4 RST_STREAM of no stream"] = (Protocol, 0, [Frame(Reset, 0, 0, [0, 0, 0, 8])]),
        ["6.4 RST_STREAM of three octets"] = (FrameSize, 1, [Begin, Frame(Reset, 0, 1, [0, 0, 8])]),
        ["6.5 SETTINGS that acknowledge and set"] = (FrameSize, 0, [Frame(Settings, Ack, 0, [0, 3, 0, 0, 0, 1])]),
        ["6.5 SETTINGS of a stream"] = (Protocol, 1, [Frame(Settings, 0, 1, [0, 3, 0, 0, 0, 1])]),
        ["6.5 SETTINGS of five octets"] = (FrameSize, 0, [Frame(Settings, 0, 0, [0, 3, 0, 0, 1])]),
        ["6.5.2 ENABLE_PUSH of two"] = (Protocol, 0, [Frame(Settings, 0, 0, [0, 2, 0, 0, 0, 2])]),
        ["6.5.2 a window of 2^31"] = (FlowControl, 0, [Frame(Settings, 0, 0, [0, 4, 0x80, 0, 0, 0])]),
        ["6.5.2 frames of less than 16,384"] = (Protocol, 0, [Frame(Settings, 0, 0, [0, 5, 0, 0, 0x3F, 0xFF])]),
        ["6.5.2 frames of more than 2^24 - 1"] = (Protocol, 0, [Frame(Settings, 0, 0, [0, 5, 1, 0, 0, 0])]),
        ["6.6 PUSH_PROMISE of a client"] = (Protocol, 1, [Frame(PushPromise, EndHeaders, 1, [0, 0, 0, 2, .. Get])]),
        ["6.7 PING of a stream"] = (Protocol, 1, [Frame(Ping, 0, 1, Zeros)]),
        ["6.7 PING of six octets"] = (FrameSize, 0, [Frame(Ping, 0, 0, Zeros.AsSpan(0, 6))]),
        ["6.8 GOAWAY of a stream"] = (Protocol, 1, [Frame(GoAway, 0, 1, Zeros)]),
        ["6.9 WINDOW_UPDATE of nothing"] = (Protocol, 0, [Frame(WindowUpdate, 0, 0, [0, 0, 0, 0])]),
        ["6.9 WINDOW_UPDATE of nothing, of a stream"] = (Protocol, 1, [Begin, Frame(WindowUpdate, 0, 1, [0, 0, 0, 0])]),
        ["6.9 WINDOW_UPDATE of three octets"] = (FrameSize, 0, [Frame(WindowUpdate, 0, 0, [0, 0, 1])]),
        ["6.9.1 a connection's window past its end"] = (FlowControl, 0, [Frame(WindowUpdate, 0, 0, [0x7F, 0xFF, 0xFF, 0xFF])]),
        ["6.9.1 a stream's window past its end"] = (FlowControl, 1, [Begin, Frame(WindowUpdate, 0, 1, [0x7F, 0xFF, 0xFF, 0xFF])]),
        ["6.10 CONTINUATION of no stream"] = (Protocol, 0, [Frame(Headers, EndStream, 1, Get.AsSpan(0, 10)), Frame(Continuation, EndHeaders, 0, Get.AsSpan(10))]),
        ["6.10 CONTINUATION after the end of the fields"] = (Protocol, 1, [Begin, Frame(Continuation, EndHeaders, 1, Get)]),
        ["6.10 CONTINUATION after DATA"] = (Protocol, 1, [Begin, Frame(Data, 0, 1, [1]), Frame(Continuation, EndHeaders, 1, Get)]),
        ["8.1 second fields that do not end the stream"] = (Protocol, 1, [Begin, Frame(Headers, EndHeaders, 1, Fields(("x", "y")))]),
        ["8.1 a pseudo field among trailers"] = (Protocol, 1, [Begin, Frame(Headers, EndStream | EndHeaders, 1, Fields((":method", "GET")))]),
        ["HPACK 2.3.3 a field beyond the tables"] = (Compression, 1, [Frame(Headers, EndStream | EndHeaders, 1, [.. Get, 0xFE])]),
        ["HPACK 4.2 a change of the table after fields"] = (Compression, 1, [Frame(Headers, EndStream | EndHeaders, 1, [.. Get, 0x20])]),
        ["HPACK 5.2 more than seven bits of padding"] = (Compression, 1, [Frame(Headers, EndStream | EndHeaders, 1, [.. Get, 0x00, 1, (byte)'x', 0x82, 0xFF, 0xFF])]),
        ["HPACK 5.2 padding of zeros"] = (Compression, 1, [Frame(Headers, EndStream | EndHeaders, 1, [.. Get, 0x00, 1, (byte)'x', 0x81, 0x00])]),
        // The RFC names COMPRESSION_ERROR. The server ends the connection with INTERNAL_ERROR.
        ["HPACK 6.1 a field of number nought"] = (Internal, 1, [Frame(Headers, EndStream | EndHeaders, 1, [.. Get, 0x80])]),
        ["HPACK 6.3 a table larger than allowed"] = (Compression, 1, [Frame(Headers, EndStream | EndHeaders, 1, [0x3F, 0xFF, 0xFF, 0x03, .. Get])]),
    };

    public static TheoryData<string> GoodNames => [.. Good.Keys];

    public static TheoryData<string> BadNames => [.. Bad.Keys];

    [Theory]
    [MemberData(nameof(GoodNames))]
    public async Task WellFormed_IsAnsweredByTheWorkspace(string name)
    {
        using var client = await ConnectAsync(gateway.Port);

        await client.SendAsync([.. Good[name].SelectMany(static frame => frame)]);

        Assert.Equal("200", await client.AnswerAsync(1));
    }

    [Theory]
    [MemberData(nameof(BadNames))]
    public async Task Malformed_EndsTheStreamOrTheConnectionWithItsCode(string name)
    {
        var (code, stream, frames) = Bad[name];
        using var client = await ConnectAsync(gateway.Port);

        await client.SendAsync([.. frames.SelectMany(static frame => frame)]);

        var complaint = await client.ComplaintAsync(stream == 0 ? int.MaxValue : stream);
        Assert.Contains(complaint, new[] { $"goaway {code}", $"reset {code}", "closed" });
    }

    [Fact]
    public async Task Preface_ThatIsNone_EndsTheConnection()
    {
        using var client = await BeginAsync(gateway.Port, "PRI * HTTP/2.0\r\n\r\nXX\r\n\r\n"u8.ToArray());

        Assert.NotEqual("200", await client.ComplaintAsync(int.MaxValue));
    }

    [Fact]
    public async Task Ping_IsAnsweredWithWhatItSaid()
    {
        using var client = await ConnectAsync(gateway.Port);

        await client.SendAsync(Ping, 0, 0, "gateways"u8.ToArray());

        Assert.Equal("gateways"u8.ToArray(), await client.NextAsync(Ping, Ack));
    }

    [Fact]
    public async Task StreamsBeyondTheirNumber_AreRefused_AndTheOthersAnswered()
    {
        using var client = await ConnectAsync(gateway.Port);
        // Each waits for its body, so none ends; the server says that it takes a hundred.
        for (var stream = 1; stream <= 201; stream += 2)
        {
            await client.SendAsync(Headers, EndHeaders, stream, Post);
        }

        Assert.Contains(await client.ComplaintAsync(201), new[] { $"reset {RefusedStream}", $"goaway {Protocol}" });
        await client.SendAsync(Data, EndStream, 1, [1]);
        Assert.Equal("200", await client.AnswerAsync(1));
    }
}
