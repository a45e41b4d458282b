using System.Collections.Concurrent;
using System.Net;
using System.Text;
using Gateway.FunctionalTests.Proxying;
using Gateway.FunctionalTests.Workspaces;
using Xunit;
using static Gateway.FunctionalTests.Edge.RawHttp2Client;

namespace Gateway.FunctionalTests.Edge;

/// <summary>
/// HTTP/2 as Fly's proxy speaks it to the gateway, and as somebody who reached that listener might: what goes on to a workspace as HTTP/1.1 is one
/// well-formed request or none, and a connection that misbehaves costs nobody else theirs.
/// </summary>
public sealed class Http2OddityTests
{
    private const string Smuggled = "GET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n";

    private static readonly (string, string)[] Get = [(":method", "GET"), (":scheme", "http"), (":path", "/first"), (":authority", "a")];
    private static readonly (string, string)[] Post = [(":method", "POST"), (":scheme", "http"), (":path", "/first"), (":authority", "a")];

    /// <summary>Fields, a body or none, and whether a request is to come of it.</summary>
    private static readonly Dictionary<string, ((string, string)[] Fields, string? Body, bool Passes)> Shapes = new()
    {
        ["plain"] = (Get, null, true),
        ["a body without a length"] = (Post, "abc", true),
        ["a body of its length"] = ([.. Post, ("content-length", "3")], "abc", true),
        ["TE: trailers"] = ([.. Get, ("te", "trailers")], null, true),
        ["crumbs of cookies"] = ([.. Get, ("cookie", "a=1"), ("cookie", "b=2")], null, true),
        ["a body shorter than its length"] = ([.. Post, ("content-length", "300")], "abc", false),
        ["two lengths"] = ([.. Post, ("content-length", "3"), ("content-length", "40")], "abc", false),
        ["length with plus"] = ([.. Post, ("content-length", "+3x")], "abc", false),
        ["transfer coding"] = ([.. Post, ("transfer-encoding", "chunked")], "0\r\n\r\n" + Smuggled, false),
        ["transfer coding in capitals"] = ([.. Post, ("Transfer-Encoding", "chunked")], "0\r\n\r\n" + Smuggled, false),
        ["Connection"] = ([.. Get, ("connection", "keep-alive")], null, false),
        ["Upgrade"] = ([.. Get, ("upgrade", "websocket")], null, false),
        ["Proxy-Connection"] = ([.. Get, ("proxy-connection", "keep-alive")], null, false),
        ["Keep-Alive"] = ([.. Get, ("keep-alive", "timeout=5")], null, false),
        ["TE: chunked"] = ([.. Get, ("te", "chunked")], null, false),
        ["name in capitals"] = ([.. Get, ("X-Name", "y")], null, false),
        ["empty name"] = ([.. Get, ("", "y")], null, false),
        // The field goes no further; the request does.
        ["name with a colon"] = ([.. Get, ("x:y", "z")], null, true),
        ["name with a blank"] = ([.. Get, ("x y", "z")], null, true),
        ["name with a line"] = ([.. Get, ("x\r\nhost", "b")], null, true),
        ["value with a line"] = ([.. Get, ("x", "y\r\nHost: b")], null, false),
        ["value with a request"] = ([.. Get, ("x", "y\r\n\r\n" + Smuggled)], null, false),
        ["value with LF"] = ([.. Get, ("x", "y\nz: 1")], null, false),
        ["value with CR"] = ([.. Get, ("x", "y\rz: 1")], null, false),
        ["value with NUL"] = ([.. Get, ("x", "y\0z")], null, false),
        ["path with a line"] = ([(":method", "GET"), (":scheme", "http"), (":path", "/first HTTP/1.1\r\nHost: b\r\n\r\n" + Smuggled), (":authority", "a")], null, false),
        ["path with a blank"] = ([(":method", "GET"), (":scheme", "http"), (":path", "/first HTTP/1.1"), (":authority", "a")], null, false),
        ["path with a character beyond ASCII"] = ([(":method", "GET"), (":scheme", "http"), (":path", "/caf\u00e9" + new string('x', 200)), (":authority", "a")], null, false),
        ["query with a character beyond ASCII"] = ([(":method", "GET"), (":scheme", "http"), (":path", "/first?\u00e9" + new string('x', 200)), (":authority", "a")], null, false),
        ["path without a slash"] = ([(":method", "GET"), (":scheme", "http"), (":path", "first"), (":authority", "a")], null, false),
        ["path empty"] = ([(":method", "GET"), (":scheme", "http"), (":path", ""), (":authority", "a")], null, false),
        ["path with a NUL"] = ([(":method", "GET"), (":scheme", "http"), (":path", "/fir\0st"), (":authority", "a")], null, false),
        ["no path"] = ([(":method", "GET"), (":scheme", "http"), (":authority", "a")], null, false),
        ["two paths"] = ([.. Get, (":path", "/other")], null, false),
        ["no method"] = ([(":scheme", "http"), (":path", "/first"), (":authority", "a")], null, false),
        ["method with a request"] = ([(":method", "GET /smuggled HTTP/1.1\r\nHost: a\r\n\r\nGET"), (":scheme", "http"), (":path", "/first"), (":authority", "a")], null, false),
        ["method with a blank"] = ([(":method", "GET /other"), (":scheme", "http"), (":path", "/first"), (":authority", "a")], null, false),
        ["no scheme"] = ([(":method", "GET"), (":path", "/first"), (":authority", "a")], null, false),
        ["authority with a line"] = ([(":method", "GET"), (":scheme", "http"), (":path", "/first"), (":authority", "a\r\nX: y")], null, false),
        ["authority with a path"] = ([(":method", "GET"), (":scheme", "http"), (":path", "/first"), (":authority", "a/other")], null, false),
        ["pseudo field after others"] = ([.. Get, ("x", "y"), (":authority", "b")], null, false),
        ["unknown pseudo field"] = ([.. Get, (":other", "y")], null, false),
        ["an answer's pseudo field"] = ([.. Get, (":status", "200")], null, false),
        ["CONNECT of no known protocol"] = ([(":method", "CONNECT"), (":authority", "a:80")], null, false),
        ["no authority and two hosts"] = ([(":method", "GET"), (":scheme", "http"), (":path", "/first"), ("host", "a"), ("host", "b")], null, false),
        ["a hundred thousand bytes of one field"] = ([.. Get, ("x", new string('x', 14_000)), ("y", new string('x', 14_000)), ("z", new string('x', 14_000))], null, false),
    };

    public static TheoryData<string> Names => [.. Shapes.Keys];

    [Theory]
    [MemberData(nameof(Names))]
    public async Task WorkspaceSeesOneWellFormedRequestOrNone(string shape)
    {
        var (fields, body, passes) = Shapes[shape];
        var seen = new ConcurrentQueue<string>();
        await using var workspace = ByteWorkspace.Answering(seen.Enqueue);
        await using var gateway = await ForwardingGateway.StartAsync(workspace.Port);
        using var client = await ConnectAsync(gateway.Http2Port);

        await SendBlockAsync(client, 1, Fields(fields), endStream: body is null);
        if (body is not null)
        {
            await client.SendAsync(Data, EndStream, 1, Encoding.ASCII.GetBytes(body));
        }

        var answer = await client.AnswerAsync(1);
        // On whatever connection is left to the workspace, as another user's request.
        var after = await RawClient.AskAsync(gateway.Port, "GET /after HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");

        Assert.EndsWith("ok", after, StringComparison.Ordinal);
        Assert.Equal(passes, answer == "200");
        Assert.NotEqual("500", answer);
        var requests = seen.ToList();
        Assert.StartsWith("GET /after HTTP/1.1\r\n", requests[^1], StringComparison.Ordinal);
        Assert.Equal(passes ? 2 : 1, requests.Count);
        Assert.All(requests, SmugglingTests.AssertWellFormed);
    }

    /// <summary>Its head is a whole request, which may have been sent on before the rest came and broke the stream.</summary>
    [Fact]
    public async Task BodyOfARequestThatSaysItHasNone_IsNoRequestOfItsOwn()
    {
        var seen = new ConcurrentQueue<string>();
        await using var workspace = ByteWorkspace.Answering(seen.Enqueue);
        await using var gateway = await ForwardingGateway.StartAsync(workspace.Port);
        using var client = await ConnectAsync(gateway.Http2Port);

        await SendBlockAsync(client, 1, Fields([.. Post, ("content-length", "0")]), endStream: false);
        await client.SendAsync(Data, EndStream, 1, Encoding.ASCII.GetBytes(Smuggled));
        await client.AnswerAsync(1);
        var after = await RawClient.AskAsync(gateway.Port, "GET /after HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");

        Assert.EndsWith("ok", after, StringComparison.Ordinal);
        var requests = seen.ToList();
        Assert.StartsWith("GET /after HTTP/1.1\r\n", requests[^1], StringComparison.Ordinal);
        Assert.InRange(requests.Count, 1, 2);
        Assert.All(requests.SkipLast(1), static request => Assert.StartsWith("POST /first HTTP/1.1\r\n", request, StringComparison.Ordinal));
        Assert.All(requests, SmugglingTests.AssertWellFormed);
    }

    [Fact]
    public async Task CrumbsOfCookies_GoUpAsOneWithoutTheGatewaysOwn()
    {
        var seen = new ConcurrentQueue<string>();
        await using var workspace = ByteWorkspace.Answering(seen.Enqueue);
        await using var gateway = await ForwardingGateway.StartAsync(workspace.Port);
        using var client = await ConnectAsync(gateway.Http2Port);

        await SendBlockAsync(client, 1, Fields([.. Get, ("cookie", "a=1"), ("cookie", "__Host-gateway-session=fake"), ("cookie", "b=2")]), endStream: true);

        Assert.Equal("200", await client.AnswerAsync(1));
        Assert.Equal("Cookie: a=1; b=2", Assert.Single(Assert.Single(seen).Split("\r\n"), static line => line.StartsWith("Cookie", StringComparison.OrdinalIgnoreCase)));
    }

    public static TheoryData<string> Floods => ["CONTINUATION without an end", "streams that are reset at once", "PING", "SETTINGS", "empty DATA", "a window past its end", "streams in falling order", "an even stream", "DATA of no stream", "a frame longer than allowed", "padding longer than its frame"];

    [Theory]
    [MemberData(nameof(Floods))]
    public async Task ConnectionThatMisbehaves_CostsNobodyElseTheirs(string flood)
    {
        await using var cloud = await GatewayEnvironment.StartAsync();
        var gateway = await cloud.StartGatewayAsync(("Proxying:HeadTimeout", "00:00:02"), ("Proxying:RequestsPerAddress", "0"));
        using var alice = RunningGateway.Client(gateway.Http2Url, cloud.TokenOf("alice"));
        (alice.DefaultRequestVersion, alice.DefaultVersionPolicy) = (HttpVersion.Version20, HttpVersionPolicy.RequestVersionExact);
        (await alice.GetAsync("/")).EnsureSuccessStatusCode();
        using var hostile = await ConnectAsync(gateway.Http2Url.Port);

        await FloodAsync(hostile, flood);

        // Given up with a code, or closed; a flood that is merely answered ends when its sender's bad request does.
        await hostile.SendAsync(Data, EndStream, 0, []);
        var end = await hostile.AnswerAsync(int.MaxValue);
        Assert.True(end == "closed" || end.StartsWith("goaway", StringComparison.Ordinal), end);
        Assert.Equal(HttpStatusCode.OK, (await alice.GetAsync("/").WaitAsync(RawClient.Limit)).StatusCode);
    }

    [Fact]
    public async Task BlockOfFieldsThatNeverEnds_IsGivenUpAfterItsTime()
    {
        await using var cloud = await GatewayEnvironment.StartAsync();
        var gateway = await cloud.StartGatewayAsync(("Proxying:HeadTimeout", "00:00:01"));
        using var client = await ConnectAsync(gateway.Http2Url.Port);

        await client.SendAsync(Headers, EndStream, 1, Fields(Get));

        var end = await client.AnswerAsync(1);
        Assert.True(end == "closed" || end.StartsWith("goaway", StringComparison.Ordinal), end);
    }

    [Fact]
    public async Task OperatorsAuthority_IsNoWayToTheOperatorsListener()
    {
        var seen = new ConcurrentQueue<string>();
        await using var cloud = await GatewayEnvironment.StartAsync(options => options.Answer = context =>
        {
            seen.Enqueue(context.Request.Path);
            return Task.FromResult(false);
        });
        var gateway = await cloud.StartGatewayAsync();
        var operators = gateway.OperationsUrl.Authority;
        using var client = await ConnectAsync(gateway.Http2Url.Port);

        await SendBlockAsync(client, 1, Fields((":method", "GET"), (":scheme", "http"), (":path", "/api/routes"), (":authority", operators), ("authorization", "Bearer " + cloud.OperatorToken)), endStream: true);

        // The operator is a user as well, and that is a path of their own workspace.
        Assert.Equal("200", await client.AnswerAsync(1));
        Assert.Equal("/api/routes", Assert.Single(seen));
    }

    private static Task SendBlockAsync(RawHttp2Client client, int stream, byte[] block, bool endStream)
    {
        // One frame takes 16 KB at most.
        const int most = 16 * 1024;
        var frames = new List<byte>();
        for (var at = 0; at == 0 || at < block.Length; at += most)
        {
            var part = block.AsSpan(at, Math.Min(most, block.Length - at));
            var flags = (byte)((at == 0 && endStream ? EndStream : 0) | (at + most >= block.Length ? EndHeaders : 0));
            frames.AddRange(Frame(at == 0 ? Headers : Continuation, flags, stream, part));
        }

        return client.SendAsync([.. frames]);
    }

    private static async Task FloodAsync(RawHttp2Client client, string flood)
    {
        var get = Fields(Get);
        switch (flood)
        {
            case "CONTINUATION without an end":
                await client.SendAsync(Headers, EndStream, 1, get);
                for (var i = 0; i < 1000; i++)
                {
                    await client.SendAsync(Continuation, 0, 1, Fields(("x", new string('y', 1000))));
                }

                break;
            case "streams that are reset at once":
                for (var i = 1; i < 4000; i += 2)
                {
                    await client.SendAsync([.. Frame(Headers, EndStream | EndHeaders, i, get), .. Frame(Reset, 0, i, [0, 0, 0, 8])]);
                }

                break;
            case "PING":
                await RepeatAsync(Frame(Ping, 0, 0, new byte[8]));
                break;
            case "SETTINGS":
                await RepeatAsync(Frame(Settings, 0, 0, [0, 3, 0, 0, 0, 100]));
                break;
            case "empty DATA":
                await client.SendAsync(Headers, EndHeaders, 1, Fields(Post));
                await RepeatAsync(Frame(Data, 0, 1, []));
                break;
            case "a window past its end":
                await client.SendAsync(WindowUpdate, 0, 0, [0x7F, 0xFF, 0xFF, 0xFF]);
                break;
            case "streams in falling order":
                await client.SendAsync([.. Frame(Headers, EndStream | EndHeaders, 5, get), .. Frame(Headers, EndStream | EndHeaders, 3, get)]);
                break;
            case "an even stream":
                await client.SendAsync(Headers, EndStream | EndHeaders, 2, get);
                break;
            case "DATA of no stream":
                await client.SendAsync(Data, EndStream, 9, [1]);
                break;
            case "a frame longer than allowed":
                await client.SendAsync(Headers, EndStream | EndHeaders, 1, new byte[20_000]);
                break;
            case "padding longer than its frame":
                await client.SendAsync(Headers, 8 | EndHeaders, 1, [200, .. get]);
                break;
            default:
                throw new ArgumentOutOfRangeException(nameof(flood), flood, "There is no such flood.");
        }

        async Task RepeatAsync(byte[] frame)
        {
            var many = Enumerable.Repeat(frame, 1000).SelectMany(static one => one).ToArray();
            for (var i = 0; i < 20; i++)
            {
                await client.SendAsync(many);
            }
        }
    }
}
