using System.Collections.Concurrent;
using System.Net.Sockets;
using System.Text;
using Gateway.Proxying;
using Xunit;

namespace Gateway.FunctionalTests.Proxying.Conformance;

/// <summary>The corners of HTTP/1.1 (RFC 9110 and 9112) as both ends see them.</summary>
public sealed class HttpConformanceTests
{
    [Fact]
    public async Task ClientThatWaitsForContinue_IsAskedForItsBodyOnlyWhenTheWorkspaceAsks()
    {
        var headSeen = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        var ask = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        var body = new TaskCompletionSource<string>(TaskCreationOptions.RunContinuationsAsynchronously);
        await using var workspace = new ByteWorkspace(async connection =>
        {
            await connection.ReadHeadAsync();
            headSeen.SetResult();
            await ask.Task.WaitAsync(ForwardingGateway.Limit);
            await connection.WriteAsync("HTTP/1.1 100 Continue\r\n\r\n");
            body.SetResult(Encoding.ASCII.GetString(await connection.ReadSomeAsync()));
            await connection.WriteAsync(ByteWorkspace.Ok);
        });
        await using var gateway = await ForwardingGateway.StartAsync(workspace.Port);
        using var client = await gateway.ConnectAsync();
        await SendAsync(client, "POST / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 4\r\nConnection: close\r\n\r\n");

        await headSeen.Task.WaitAsync(ForwardingGateway.Limit);
        ask.SetResult();
        Assert.StartsWith("HTTP/1.1 100", await ReadHeadAsync(client), StringComparison.Ordinal);
        await SendAsync(client, "body");

        Assert.Equal("body", await body.Task.WaitAsync(ForwardingGateway.Limit));
        Assert.StartsWith("HTTP/1.1 200", await ReadHeadAsync(client), StringComparison.Ordinal);
    }

    [Fact]
    public async Task WorkspaceThatRefusesInPlaceOfContinue_IsHeardBeforeTheBodyIsSent()
    {
        await using var workspace = new ByteWorkspace(async connection =>
        {
            await connection.ReadHeadAsync();
            await connection.WriteAsync("HTTP/1.1 413 Content Too Large\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
        });
        await using var gateway = await ForwardingGateway.StartAsync(workspace.Port);
        using var client = await gateway.ConnectAsync();

        await SendAsync(client, "POST / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 4000000\r\n\r\n");

        Assert.StartsWith("HTTP/1.1 413", await ReadHeadAsync(client), StringComparison.Ordinal);
    }

    [Fact]
    public async Task AnswerBeforeTheWholeBody_ReachesTheClientOnceItHasSentTheRest()
    {
        await using var workspace = new ByteWorkspace(async connection =>
        {
            await connection.ReadHeadAsync();
            await connection.ReadSomeAsync();
            await connection.WriteAsync("HTTP/1.1 403 Forbidden\r\nContent-Length: 2\r\nConnection: close\r\n\r\nno");
            while ((await connection.ReadSomeAsync()).Length > 0)
            {
            }
        });
        await using var gateway = await ForwardingGateway.StartAsync(workspace.Port);
        using var client = await gateway.ConnectAsync();

        await SendAsync(client, "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1000000\r\n\r\n");
        await SendAsync(client, new string('b', 1_000_000));

        Assert.StartsWith("HTTP/1.1 403", await ReadHeadAsync(client), StringComparison.Ordinal);
    }

    [Fact]
    public async Task TrailersOfAnAnswer_ReachTheClient()
    {
        await using var workspace = ByteWorkspace.Answering(static _ => { }, "HTTP/1.1 200 OK\r\nTrailer: X-Sum\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nbody\r\n0\r\nX-Sum: 42\r\n\r\n");
        await using var gateway = await ForwardingGateway.StartAsync(workspace.Port);
        using var client = new HttpClient();
        using var request = new HttpRequestMessage(HttpMethod.Get, $"http://127.0.0.1:{gateway.Http2Port}/") { Version = new Version(2, 0), VersionPolicy = HttpVersionPolicy.RequestVersionExact };

        using var answer = await client.SendAsync(request).WaitAsync(ForwardingGateway.Limit);

        Assert.Equal("body", await answer.Content.ReadAsStringAsync());
        Assert.Equal("42", Assert.Single(answer.TrailingHeaders.GetValues("X-Sum")));
    }

    [Fact]
    public async Task TrailersOfARequest_DoNotBecomeHeadersOfIt()
    {
        var seen = new ConcurrentQueue<string>();
        await using var workspace = ByteWorkspace.Answering(seen.Enqueue);
        await using var gateway = await ForwardingGateway.StartAsync(workspace.Port);

        var answer = await gateway.ExchangeAsync("POST / HTTP/1.1\r\nHost: a\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nbody\r\n0\r\nX-Gateway-User: mallory\r\n\r\n");

        Assert.StartsWith("HTTP/1.1 200", answer, StringComparison.Ordinal);
        Assert.DoesNotContain("mallory", Assert.Single(seen), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("HTTP/1.1 403 Forbidden\r\nContent-Length: 2\r\n\r\nno", "403")]
    [InlineData("HTTP/1.1 426 Upgrade Required\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nContent-Length: 0\r\n\r\n", "426")]
    [InlineData("HTTP/1.1 302 Found\r\nLocation: /elsewhere\r\nContent-Length: 0\r\n\r\n", "302")]
    [InlineData("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n", "200")]
    public async Task UpgradeThatTheWorkspaceRefuses_IsItsAnswerAndTheConnectionGoesOn(string refusal, string status)
    {
        var answers = 0;
        await using var workspace = new ByteWorkspace(async connection =>
        {
            while (await connection.ReadRequestAsync() is not null)
            {
                await connection.WriteAsync(Interlocked.Increment(ref answers) == 1 ? refusal : ByteWorkspace.Ok);
            }
        });
        await using var gateway = await ForwardingGateway.StartAsync(workspace.Port);

        var both = await gateway.ExchangeAsync(Upgrade + "GET /next HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");

        Assert.StartsWith($"HTTP/1.1 {status}", both, StringComparison.Ordinal);
        Assert.Contains("HTTP/1.1 200 OK", both[10..], StringComparison.Ordinal);
        Assert.Equal(0, gateway.Sockets.Count);
    }

    [Fact]
    public async Task UpgradeAnsweredLateAndInPieces_OpensTheSocket()
    {
        var asked = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        var answer = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        await using var workspace = new ByteWorkspace(async connection =>
        {
            await connection.ReadHeadAsync();
            asked.SetResult();
            await answer.Task.WaitAsync(ForwardingGateway.Limit);
            foreach (var piece in "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n".Chunk(5))
            {
                await connection.WriteAsync(new string(piece));
            }

            // At once behind the head: a frame that must not be lost with it.
            await connection.WriteAsync([0x81, 0x02, (byte)'h', (byte)'i']);
            await connection.ReadSomeAsync();
        });
        await using var gateway = await ForwardingGateway.StartAsync(workspace.Port);
        using var client = await gateway.ConnectAsync();
        await SendAsync(client, Upgrade);
        await asked.Task.WaitAsync(ForwardingGateway.Limit);
        answer.SetResult();

        Assert.StartsWith("HTTP/1.1 101", await ReadHeadAsync(client), StringComparison.Ordinal);
        var frame = new byte[4];
        await new NetworkStream(client).ReadExactlyAsync(frame).AsTask().WaitAsync(ForwardingGateway.Limit);
        Assert.Equal<byte[]>([0x81, 0x02, (byte)'h', (byte)'i'], frame);
    }

    [Theory]
    [InlineData("HEAD", "HTTP/1.1 200 OK\r\nContent-Length: 1234\r\n\r\n", "Content-Length: 1234")]
    [InlineData("HEAD", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", "200 OK")]
    [InlineData("GET", "HTTP/1.1 204 No Content\r\n\r\n", "204 No Content")]
    [InlineData("GET", "HTTP/1.1 304 Not Modified\r\nETag: \"a\"\r\nContent-Length: 77\r\n\r\n", "ETag: \"a\"")]
    [InlineData("GET", "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", "Content-Length: 0")]
    public async Task AnswerWithoutABody_EndsWithItsHeadAndTheNextRequestIsAnswered(string method, string sent, string expected)
    {
        await using var workspace = new ByteWorkspace(async connection =>
        {
            while (await connection.ReadRequestAsync() is { } request)
            {
                await connection.WriteAsync(request.Contains("/next", StringComparison.Ordinal) ? ByteWorkspace.Ok : sent);
            }
        });
        await using var gateway = await ForwardingGateway.StartAsync(workspace.Port);

        var both = await gateway.ExchangeAsync($"{method} / HTTP/1.1\r\nHost: a\r\n\r\nGET /next HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");

        var end = both.IndexOf("\r\n\r\n", StringComparison.Ordinal);
        Assert.Contains(expected, both[..end], StringComparison.Ordinal);
        Assert.StartsWith("HTTP/1.1 200 OK", both[(end + 4)..], StringComparison.Ordinal);
        Assert.EndsWith("ok", both, StringComparison.Ordinal);
    }

    [Fact]
    public async Task InterimAnswers_DoNotStandInForTheAnswer()
    {
        await using var workspace = ByteWorkspace.Answering(static _ => { }, "HTTP/1.1 103 Early Hints\r\nLink: </a.css>; rel=preload\r\n\r\nHTTP/1.1 102 Processing\r\n\r\n" + ByteWorkspace.Ok);
        await using var gateway = await ForwardingGateway.StartAsync(workspace.Port);

        var answer = await gateway.ExchangeAsync("GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");

        Assert.Contains("HTTP/1.1 200 OK", answer, StringComparison.Ordinal);
        Assert.EndsWith("ok", answer, StringComparison.Ordinal);
    }

    [Fact]
    public async Task LongHeaders_PassBothWays()
    {
        var value = new string('v', 8000);
        var seen = new ConcurrentQueue<string>();
        await using var workspace = ByteWorkspace.Answering(seen.Enqueue, $"HTTP/1.1 200 OK\r\nX-Long: {value}{value}{value}\r\nContent-Length: 0\r\n\r\n");
        await using var gateway = await ForwardingGateway.StartAsync(workspace.Port);

        var answer = await gateway.ExchangeAsync($"GET / HTTP/1.1\r\nHost: a\r\nX-Long: {value}\r\nX-Longer: {value}{value}\r\nConnection: close\r\n\r\n");

        Assert.Contains($"X-Long: {value}{value}{value}\r\n", answer, StringComparison.Ordinal);
        Assert.Contains($"X-Longer: {value}{value}\r\n", Assert.Single(seen), StringComparison.Ordinal);
    }

    [Fact]
    public async Task PipelinedRequests_AreAnsweredInTheirOrder()
    {
        await using var workspace = new ByteWorkspace(async connection =>
        {
            while (await connection.ReadRequestAsync() is { } request)
            {
                var path = request.Split(' ')[1];
                await connection.WriteAsync($"HTTP/1.1 200 OK\r\nContent-Length: {path.Length}\r\n\r\n{path}");
            }
        });
        await using var gateway = await ForwardingGateway.StartAsync(workspace.Port);
        var requests = new StringBuilder();
        for (var i = 0; i < 50; i++)
        {
            requests.Append(System.Globalization.CultureInfo.InvariantCulture, $"GET /{i:D2} HTTP/1.1\r\nHost: a\r\n{(i == 49 ? "Connection: close\r\n" : "")}\r\n");
        }

        var answers = (await gateway.ExchangeAsync(requests.ToString())).Split("HTTP/1.1 200 OK", StringSplitOptions.RemoveEmptyEntries);

        Assert.Equal(Enumerable.Range(0, 50).Select(static i => $"/{i:D2}"), answers.Select(static answer => answer[^3..]));
    }

    [Fact]
    public async Task WorkspaceThatAnswersAndHangsUpInTheMiddleOfAnUpload_HasFailedTheRequest()
    {
        await using var workspace = new ByteWorkspace(async connection =>
        {
            await connection.ReadHeadAsync();
            await connection.ReadSomeAsync();
            await connection.WriteAsync("HTTP/1.1 413 Content Too Large\r\nContent-Length: 2\r\nConnection: close\r\n\r\nno");
        });
        await using var gateway = await ForwardingGateway.StartAsync(workspace.Port);
        using var client = await gateway.ConnectAsync();

        await SendAsync(client, "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 8000000\r\n\r\n");
        await SendAsync(client, new string('b', 8_000_000));

        Assert.StartsWith("HTTP/1.1 502", await ReadHeadAsync(client), StringComparison.Ordinal);
    }

    [Fact]
    public async Task ClientThatClosesItsSendingHalf_IsTakenAsGone()
    {
        var asked = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        await using var workspace = new ByteWorkspace(async connection =>
        {
            await connection.ReadRequestAsync();
            asked.SetResult();
            await connection.ReadSomeAsync();
        });
        await using var gateway = await ForwardingGateway.StartAsync(workspace.Port);
        using var client = await gateway.ConnectAsync();
        await SendAsync(client, "GET / HTTP/1.1\r\nHost: a\r\n\r\n");
        await asked.Task.WaitAsync(ForwardingGateway.Limit);

        client.Shutdown(SocketShutdown.Send);

        await gateway.HasOutcomeAsync();
        Assert.Equal(ForwardOutcome.ClientLeft, Assert.Single(gateway.Outcomes));
    }

    [Theory]
    [InlineData("GET / HTTP/1.0\r\n\r\n")]
    [InlineData("GET / HTTP/1.0\r\nHost: a\r\n\r\n")]
    public async Task ClientOfHttp10_IsAnsweredAndItsConnectionClosed(string request)
    {
        await using var workspace = ByteWorkspace.Answering(static _ => { }, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n");
        await using var gateway = await ForwardingGateway.StartAsync(workspace.Port);

        var answer = await gateway.ExchangeAsync(request);

        Assert.Contains("200 OK", answer, StringComparison.Ordinal);
        Assert.DoesNotContain("chunked", answer, StringComparison.Ordinal);
        Assert.EndsWith("\r\n\r\nok", answer, StringComparison.Ordinal);
    }

    [Fact]
    public async Task AnswerWithoutLength_EndsWithTheWorkspacesConnection()
    {
        await using var workspace = new ByteWorkspace(async connection =>
        {
            await connection.ReadRequestAsync();
            await connection.WriteAsync("HTTP/1.1 200 OK\r\n\r\nuntil the end");
        });
        await using var gateway = await ForwardingGateway.StartAsync(workspace.Port);

        var answer = await gateway.ExchangeAsync("GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");

        Assert.Contains("until the end", answer, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\ncut")]
    [InlineData("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n64\r\ncut")]
    public async Task AnswerCutShort_IsSeenToBeCutAndNotTakenForWhole(string sent)
    {
        await using var workspace = new ByteWorkspace(async connection =>
        {
            await connection.ReadRequestAsync();
            await connection.WriteAsync(sent);
        });
        await using var gateway = await ForwardingGateway.StartAsync(workspace.Port);
        using var client = new HttpClient();

        await Assert.ThrowsAnyAsync<HttpRequestException>(() => client.GetStringAsync($"http://127.0.0.1:{gateway.Port}/").WaitAsync(ForwardingGateway.Limit));
    }

    private const string Upgrade =
        "GET /terminal HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";

    private static async Task SendAsync(Socket client, string text) => await client.SendAsync(Encoding.Latin1.GetBytes(text)).WaitAsync(ForwardingGateway.Limit);

    private static async Task<string> ReadHeadAsync(Socket client)
    {
        var head = new StringBuilder();
        var next = new byte[1];
        while (!head.ToString().EndsWith("\r\n\r\n", StringComparison.Ordinal) && await client.ReceiveAsync(next).WaitAsync(ForwardingGateway.Limit) == 1)
        {
            head.Append((char)next[0]);
        }

        return head.ToString();
    }
}
