using System.Net;
using System.Net.Sockets;
using System.Text;
using Gateway.Proxying;
using Xunit;

namespace Gateway.FunctionalTests.Proxying;

public sealed class ForwardingTests
{
    [Theory]
    [InlineData("POST", true)]
    [InlineData("POST", false)]
    [InlineData("PUT", true)]
    [InlineData("PUT", false)]
    [InlineData("PATCH", true)]
    [InlineData("DELETE", true)]
    [InlineData("DELETE", false)]
    public async Task UnsafeRequestOnAConnectionThatTheWorkspaceCloses_IsSentOnce(string method, bool withBody)
    {
        const int Tries = 150;
        using var workspace = new RawWorkspace(IPAddress.Loopback, async (request, socket) =>
        {
            if (request.OnConnection == 1)
            {
                await RawWorkspace.OkAsync(socket);
            }
            else
            {
                // Read, counted, and closed without an answer, on a connection that was used before.
                socket.Close();
            }
        });
        await using var host = await ForwarderHost.StartAsync(workspace.EndPoint);
        using var client = host.Client();

        for (var i = 0; i < Tries; i++)
        {
            Assert.Equal(HttpStatusCode.OK, (await client.GetAsync("/warm")).StatusCode);
            using var request = new HttpRequestMessage(new HttpMethod(method), $"/try/{i}") { Content = withBody ? new StringContent("body") : null };
            using var answer = await client.SendAsync(request);
            Assert.Equal(HttpStatusCode.BadGateway, answer.StatusCode);
        }

        var counted = workspace.Requests.Where(request => request.Method == method).GroupBy(static request => request.Target).ToList();
        Assert.Equal(Tries, counted.Count);
        Assert.All(counted, target => Assert.Single(target));
    }

    [Fact]
    public async Task EveryPrintablePathShape_ArrivesByteForByte()
    {
        using var workspace = new RawWorkspace(IPAddress.Loopback, static (_, socket) => RawWorkspace.OkAsync(socket));
        await using var host = await ForwarderHost.StartAsync(workspace.EndPoint);
        List<string> targets = ["/", "//", "/a%2Fb", "/%41", "/a;b", "/a;b=c/d", "/?", "/??", "/?a=b?c", "/?%", "/a?b=%zz", "/a/./b", "/a/../b", "/%2e%2e/x", "/a//b//", "/a?x=/../y", "/%e2%82%ac", "/a+b?c+d", "/a?b&c&&d=", "/~user/:x@y"];
        targets.AddRange(Enumerable.Range(0x21, 0x7E - 0x21 + 1).Where(static c => c is not '#').Select(static c => $"/p{(char)c}q?r{(char)c}s").Where(static target => !target.Contains('%', StringComparison.Ordinal)));
        foreach (var target in targets)
        {
            Assert.StartsWith("HTTP/1.1 200", await RawRequestAsync(host.Url.Port, $"GET {target} HTTP/1.1\r\nHost: workspace\r\nConnection: close\r\n\r\n"), StringComparison.Ordinal);
        }

        Assert.Equal(targets, workspace.Requests.Select(static request => request.Target));
    }

    [Fact]
    public async Task RequestThatNeverReachedTheMachine_GoesAgainWithItsWholeBody()
    {
        // Held by a socket that does not listen, so that a connect is refused and nobody else takes the port.
        using var holder = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        holder.Bind(new IPEndPoint(IPAddress.Loopback, 0));
        await using var host = await ForwarderHost.StartAsync((IPEndPoint)holder.LocalEndPoint!, ("ConnectTimeout", "00:00:00.2"));
        host.Retries = 1;
        var arrived = new TaskCompletionSource<int>();
        host.BeforeRetry = () =>
        {
            holder.Listen(16);
            _ = AnswerOnceAsync(holder, arrived);
            return Task.CompletedTask;
        };
        using var client = host.Client();

        using var answer = await client.PostAsync("/upload", new ByteArrayContent(new byte[300_000]));

        Assert.Equal(HttpStatusCode.OK, answer.StatusCode);
        Assert.Equal(300_000, await arrived.Task.WaitAsync(Eventually.Limit));
    }

    [Fact]
    public async Task WhatTheClientClaimsOfItself_IsReplacedOrRemoved()
    {
        using var workspace = new RawWorkspace(IPAddress.Loopback, static (_, socket) => RawWorkspace.OkAsync(socket));
        await using var host = await ForwarderHost.StartAsync(workspace.EndPoint);
        using var client = host.Client();
        using var request = new HttpRequestMessage(HttpMethod.Get, "/");
        foreach (var (name, value) in new[]
        {
            ("X-Forwarded-For", "6.6.6.6"), ("X-Forwarded-Proto", "gopher"), ("X-Forwarded-Host", "evil"), ("X-Forwarded-Port", "1"), ("X-Forwarded-Prefix", "/evil"),
            ("Forwarded", "for=6.6.6.6"), ("Fly-Client-IP", "6.6.6.6"), ("Fly-Force-Instance-Id", "x"), ("X-Real-IP", "6.6.6.6"), ("X-Gateway-User", "root"),
            ("Cookie", "mine=1; gateway=secret; other=\"a b\""), ("Authorization", "Basic fake"),
        })
        {
            request.Headers.TryAddWithoutValidation(name, value);
        }

        (await client.SendAsync(request)).EnsureSuccessStatusCode();

        var head = Assert.Single(workspace.Requests).Head;
        Assert.DoesNotContain("6.6.6.6", head, StringComparison.Ordinal);
        Assert.DoesNotContain("evil", head, StringComparison.Ordinal);
        Assert.DoesNotContain("gopher", head, StringComparison.Ordinal);
        Assert.DoesNotContain("Fly-", head, StringComparison.OrdinalIgnoreCase);
        Assert.DoesNotContain("X-Gateway", head, StringComparison.OrdinalIgnoreCase);
        Assert.DoesNotContain("secret", head, StringComparison.Ordinal);
        Assert.Contains("X-Forwarded-For: 127.0.0.1", head, StringComparison.Ordinal);
        Assert.Contains("X-Forwarded-Proto: http\r\n", head, StringComparison.Ordinal);
        Assert.Contains("Cookie: mine=1; other=\"a b\"", head, StringComparison.Ordinal);
        Assert.Contains("Authorization: Basic fake", head, StringComparison.Ordinal);
        Assert.Contains($"Host: {host.Url.Authority}", head, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Stream_ArrivesLineByLine()
    {
        var next = new SemaphoreSlim(0);
        using var workspace = new RawWorkspace(IPAddress.Loopback, async (_, socket) =>
        {
            await RawWorkspace.SendAsync(socket, "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n");
            for (var i = 0; i < 5; i++)
            {
                await next.WaitAsync();
                await RawWorkspace.SendAsync(socket, $"7\r\nline {i}\n\r\n");
            }

            await RawWorkspace.SendAsync(socket, "0\r\n\r\n");
        });
        await using var host = await ForwarderHost.StartAsync(workspace.EndPoint);
        using var client = host.Client();

        // The head of an event stream is there before its first line, and each line before the next is sent.
        using var answer = await client.GetAsync("/events", HttpCompletionOption.ResponseHeadersRead);
        using var reader = new StreamReader(await answer.Content.ReadAsStreamAsync());
        for (var i = 0; i < 5; i++)
        {
            next.Release();
            Assert.Equal($"line {i}", await reader.ReadLineAsync().WaitAsync(Eventually.Limit));
        }
    }

    [Fact]
    public async Task SilentAnswer_EndsAfterTheLimitOfItsPath()
    {
        var never = new TaskCompletionSource();
        using var workspace = new RawWorkspace(IPAddress.Loopback, (_, _) => never.Task);
        await using var host = await ForwarderHost.StartAsync(workspace.EndPoint, ("AnswerSilenceByPath:/quick", "00:00:00.3"));
        using var client = host.Client();

        using var answer = await client.GetAsync("/quick/question");

        Assert.Equal(ForwardOutcome.Silent, Assert.Single(host.Outcomes));
        Assert.Equal(HttpStatusCode.BadGateway, answer.StatusCode);
    }

    [Fact]
    public async Task ConnectionOfAnEarlierBoot_IsNeverUsed()
    {
        using var workspace = new RawWorkspace(IPAddress.Loopback, static (_, socket) => RawWorkspace.OkAsync(socket));
        await using var host = await ForwarderHost.StartAsync(workspace.EndPoint);
        using var client = host.Client();
        await client.GetAsync("/one");
        await client.GetAsync("/two");
        host.Boot++;
        await client.GetAsync("/three");

        Assert.Equal([1, 2, 1], workspace.Requests.Select(static request => request.OnConnection));
    }

    [Fact]
    public async Task AnswersAreUse()
    {
        using var workspace = new RawWorkspace(IPAddress.Loopback, static (_, socket) => RawWorkspace.OkAsync(socket));
        await using var host = await ForwarderHost.StartAsync(workspace.EndPoint);
        using var client = host.Client();

        await client.GetAsync("/");

        Assert.NotNull(host.Traffic.LastPassed);
        Assert.Equal(2, host.Traffic.BytesToClient);
    }

    private static async Task AnswerOnceAsync(Socket listener, TaskCompletionSource<int> arrived)
    {
        using var socket = await listener.AcceptAsync();
        var bytes = new List<byte>();
        var buffer = new byte[64 * 1024];
        while (RawRequest.Take(bytes) is var request)
        {
            if (request is not null)
            {
                arrived.SetResult(request.Body.Length);
                await RawWorkspace.OkAsync(socket);
                return;
            }

            bytes.AddRange(buffer.AsSpan(0, await socket.ReceiveAsync(buffer)));
        }
    }

    private static async Task<string> RawRequestAsync(int port, string request)
    {
        using var socket = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        await socket.ConnectAsync(IPAddress.Loopback, port);
        await socket.SendAsync(Encoding.Latin1.GetBytes(request));
        var answer = new StringBuilder();
        var buffer = new byte[4096];
        while (await socket.ReceiveAsync(buffer).WaitAsync(Eventually.Limit) is var read and > 0)
        {
            answer.Append(Encoding.Latin1.GetString(buffer, 0, read));
        }

        return answer.ToString();
    }
}
