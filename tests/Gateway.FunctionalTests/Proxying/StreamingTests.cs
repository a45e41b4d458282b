using System.Text;
using Xunit;

namespace Gateway.FunctionalTests.Proxying;

/// <summary>Bodies pass as they come, in both directions, whatever their size.</summary>
public sealed class StreamingTests
{
    [Fact]
    public async Task EventStream_IsOpenBeforeItsFirstEventAndPassesEachAtOnce()
    {
        var next = new SemaphoreSlim(0);
        await using var workspace = new ByteWorkspace(async connection =>
        {
            await connection.ReadRequestAsync();
            await connection.WriteAsync("HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n");
            for (var i = 0; i < 3; i++)
            {
                Assert.True(await next.WaitAsync(ForwardingGateway.Limit));
                await connection.WriteAsync($"9\r\ndata: {i}\n\n\r\n");
            }

            await connection.WriteAsync("0\r\n\r\n");
        });
        await using var gateway = await ForwardingGateway.StartAsync(workspace.Port);
        using var client = new HttpClient { BaseAddress = new Uri($"http://127.0.0.1:{gateway.Port}") };

        using var answer = await client.GetAsync("/events", HttpCompletionOption.ResponseHeadersRead).WaitAsync(ForwardingGateway.Limit);
        Assert.Equal("text/event-stream", answer.Content.Headers.ContentType?.MediaType);
        using var reader = new StreamReader(await answer.Content.ReadAsStreamAsync());
        for (var i = 0; i < 3; i++)
        {
            next.Release();
            Assert.Equal($"data: {i}", await reader.ReadLineAsync().WaitAsync(ForwardingGateway.Limit));
            Assert.Equal("", await reader.ReadLineAsync().WaitAsync(ForwardingGateway.Limit));
        }

        Assert.Null(await reader.ReadLineAsync().WaitAsync(ForwardingGateway.Limit));
        Assert.True(gateway.Traffic.BytesToClient >= 27);
        Assert.NotNull(gateway.Traffic.LastPassed);
    }

    [Fact]
    public async Task Upload_ReachesTheWorkspaceWhileItIsStillBeingSent()
    {
        var firstPart = new TaskCompletionSource();
        await using var workspace = new ByteWorkspace(async connection =>
        {
            await connection.ReadHeadAsync();
            var seen = new StringBuilder();
            while (!seen.ToString().Contains("0\r\n\r\n", StringComparison.Ordinal))
            {
                seen.Append(Encoding.ASCII.GetString(await connection.ReadSomeAsync()));
                if (seen.ToString().Contains("first", StringComparison.Ordinal))
                {
                    firstPart.TrySetResult();
                }
            }

            await connection.WriteAsync(ByteWorkspace.Ok);
        });
        await using var gateway = await ForwardingGateway.StartAsync(workspace.Port);
        using var client = await gateway.ConnectAsync();

        await client.SendAsync(Encoding.ASCII.GetBytes("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n5\r\nfirst\r\n"));
        await firstPart.Task.WaitAsync(ForwardingGateway.Limit);
        await client.SendAsync(Encoding.ASCII.GetBytes("0\r\n\r\n"));

        var buffer = new byte[4096];
        var read = await client.ReceiveAsync(buffer).WaitAsync(ForwardingGateway.Limit);
        Assert.StartsWith("HTTP/1.1 200", Encoding.ASCII.GetString(buffer, 0, read), StringComparison.Ordinal);
    }

    [Fact]
    public async Task BodyLargerThanAnyDefaultLimit_Passes()
    {
        const int Length = 40_000_000;
        var received = 0L;
        await using var workspace = new ByteWorkspace(async connection =>
        {
            await connection.ReadHeadAsync();
            while (received < Length)
            {
                received += (await connection.ReadSomeAsync()).Length;
            }

            await connection.WriteAsync(ByteWorkspace.Ok);
        });
        await using var gateway = await ForwardingGateway.StartAsync(workspace.Port);
        using var client = new HttpClient { BaseAddress = new Uri($"http://127.0.0.1:{gateway.Port}") };

        using var answer = await client.PostAsync("/upload", new ByteArrayContent(new byte[Length])).WaitAsync(ForwardingGateway.Limit);

        Assert.True(answer.IsSuccessStatusCode);
        Assert.Equal(Length, received);
    }
}
