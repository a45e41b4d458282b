using System.Collections.Concurrent;
using Gateway.Proxying;
using Xunit;

namespace Gateway.FunctionalTests.Proxying;

/// <summary>An unsafe request reaches the workspace at most once, also when a kept connection closes before the answer.</summary>
public sealed class SendOnceTests
{
    private const int Tries = 125;

    public static TheoryData<string, string> Unsafe
    {
        get
        {
            var data = new TheoryData<string, string>();
            foreach (var method in new[] { "POST", "PUT", "PATCH", "DELETE" })
            {
                data.Add(method, "");
                data.Add(method, "Content-Length: 0\r\n\r\n");
                data.Add(method, "Content-Length: 4\r\n\r\nbody");
                data.Add(method, "Transfer-Encoding: chunked\r\n\r\n4\r\nbody\r\n0\r\n\r\n");
            }

            data.Add("PURGE", "");
            return data;
        }
    }

    [Theory]
    [MemberData(nameof(Unsafe))]
    public async Task KeptConnectionClosesBeforeTheAnswer_UnsafeRequestArrivesOnceAndFails(string method, string body)
    {
        var closing = new ClosingWorkspace();
        await using var workspace = new ByteWorkspace(closing.ServeAsync);
        await using var gateway = await ForwardingGateway.StartAsync(workspace.Port);

        for (var i = 0; i < Tries; i++)
        {
            // The first request leaves a kept connection behind, which the second one then uses.
            Assert.Contains("200 OK", await gateway.ExchangeAsync($"GET /warm/{i} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"), StringComparison.Ordinal);
            var head = $"{method} /do/{i} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n";
            var answer = await gateway.ExchangeAsync(body.Length == 0 ? head + "\r\n" : head + body);
            Assert.StartsWith("HTTP/1.1 502", answer, StringComparison.Ordinal);
            Assert.Equal(1, closing.Arrived[$"{method} /do/{i}"]);
        }

        Assert.NotEqual(0, closing.OnKept);
        Assert.Equal(Tries, gateway.Outcomes.Count(outcome => outcome == ForwardOutcome.Failed));
    }

    [Theory]
    [InlineData("POST")]
    [InlineData("DELETE")]
    public async Task KeptConnectionClosesBeforeContinue_UnsafeRequestArrivesOnce(string method)
    {
        var closing = new ClosingWorkspace(headOnly: true);
        await using var workspace = new ByteWorkspace(closing.ServeAsync);
        await using var gateway = await ForwardingGateway.StartAsync(workspace.Port);
        for (var i = 0; i < Tries; i++)
        {
            await gateway.ExchangeAsync("GET /warm HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
            await gateway.ExchangeAsync($"{method} /do/{i} HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 4\r\nConnection: close\r\n\r\nbody");
            Assert.Equal(1, closing.Arrived[$"{method} /do/{i}"]);
        }

        Assert.NotEqual(0, closing.OnKept);
    }

    [Fact]
    public async Task KeptConnectionClosesBeforeTheAnswer_SafeRequestIsSentAgainAndAnswered()
    {
        var closing = new ClosingWorkspace();
        await using var workspace = new ByteWorkspace(closing.ServeAsync);
        await using var gateway = await ForwardingGateway.StartAsync(workspace.Port);
        for (var i = 0; i < Tries; i++)
        {
            await gateway.ExchangeAsync($"GET /warm HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
            var kept = closing.OnKept;
            var answer = await gateway.ExchangeAsync($"GET /read/{i} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
            if (closing.OnKept > kept)
            {
                Assert.StartsWith("HTTP/1.1 200", answer, StringComparison.Ordinal);
            }
        }

        Assert.NotEqual(0, closing.OnKept);
    }

    [Theory]
    [InlineData("DELETE", "", "")]
    [InlineData("DELETE", "Content-Length: 0\r\n", "Content-Length: 0")]
    [InlineData("PURGE", "", "Content-Length: 0")]
    [InlineData("POST", "", "Content-Length: 0")]
    [InlineData("POST", "Content-Length: 0\r\n", "Content-Length: 0")]
    [InlineData("GET", "", "")]
    public async Task RequestWithoutBody_IsFramedAsItCame(string method, string sent, string expected)
    {
        var seen = new ConcurrentQueue<string>();
        await using var workspace = ByteWorkspace.Answering(seen.Enqueue);
        await using var gateway = await ForwardingGateway.StartAsync(workspace.Port);

        await gateway.ExchangeAsync($"{method} /x HTTP/1.1\r\nHost: a\r\n{sent}Connection: close\r\n\r\n");

        var framing = Assert.Single(seen).Split("\r\n").Where(line =>
            line.StartsWith("Content-Length", StringComparison.OrdinalIgnoreCase) || line.StartsWith("Transfer-Encoding", StringComparison.OrdinalIgnoreCase));
        Assert.Equal(expected, string.Join(";", framing));
    }

    /// <summary>Answers what only warms the connection up; everything else is counted and the connection closed without a word.</summary>
    private sealed class ClosingWorkspace(bool headOnly = false)
    {
        private int _onKept;

        public ConcurrentDictionary<string, int> Arrived { get; } = new();

        /// <summary>How many requests were closed upon on a connection that had served another one before.</summary>
        public int OnKept => Volatile.Read(ref _onKept);

        public async Task ServeAsync(ByteConnection connection)
        {
            for (var served = 0; ; served++)
            {
                if (await (headOnly ? connection.ReadHeadAsync() : connection.ReadRequestAsync()) is not { } request)
                {
                    return;
                }

                var line = string.Join(' ', request.Split(' ')[..2]);
                var times = Arrived.AddOrUpdate(line, 1, static (_, count) => count + 1);
                // A safe request is answered the second time.
                if (line.Contains("/warm", StringComparison.Ordinal) || (times > 1 && line.StartsWith("GET", StringComparison.Ordinal)))
                {
                    await connection.WriteAsync(ByteWorkspace.Ok);
                    continue;
                }

                if (served > 0)
                {
                    Interlocked.Increment(ref _onKept);
                }

                return;
            }
        }
    }
}
