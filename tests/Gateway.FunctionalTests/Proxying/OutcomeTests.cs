using System.Collections.Concurrent;
using System.Net;
using System.Net.Sockets;
using System.Text;
using Gateway.Proxying;
using Xunit;

namespace Gateway.FunctionalTests.Proxying;

/// <summary>How far a forward came, and what is left to do after it.</summary>
public sealed class OutcomeTests
{
    private const string Post = "POST /x HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nConnection: close\r\n\r\nhello";

    [Fact]
    public async Task NobodyListens_NeverReachedAndTheSameRequestCanGoAgainWithItsBody()
    {
        var port = FreePort();
        await using var gateway = await ForwardingGateway.StartAsync(port);
        var bodies = new ConcurrentQueue<string>();
        ByteWorkspace? late = null;
        // The room's user tries again, as the request path does after waking the machine.
        gateway.AfterNeverReached = () => late ??= new ByteWorkspace(async connection =>
        {
            if (await connection.ReadRequestAsync() is { } request)
            {
                bodies.Enqueue(request);
                await connection.WriteAsync(ByteWorkspace.Ok);
            }
        }, port);

        try
        {
            var answer = await gateway.ExchangeAsync(Post);

            Assert.StartsWith("HTTP/1.1 200", answer, StringComparison.Ordinal);
            Assert.Equal([ForwardOutcome.NeverReached, ForwardOutcome.Completed], gateway.Outcomes);
            Assert.EndsWith("\r\n\r\nhello", Assert.Single(bodies), StringComparison.Ordinal);
        }
        finally
        {
            await (late?.DisposeAsync() ?? ValueTask.CompletedTask);
        }
    }

    [Fact]
    public async Task MachineTakesNoConnection_NeverReachedWithinTheConnectLimit()
    {
        // A listener whose queue is full drops further connects without a word, as a booting machine does.
        using var silent = new SilentListener();
        await using var gateway = await ForwardingGateway.StartAsync(silent.Port, ("ConnectTimeout", "00:00:00.300"));

        var answer = await gateway.ExchangeAsync(Post);

        Assert.StartsWith("HTTP/1.1 502", answer, StringComparison.Ordinal);
        Assert.Equal([ForwardOutcome.NeverReached], gateway.Outcomes);
    }

    [Fact]
    public async Task WorkspaceClosesAfterTheRequest_FailedAndTheAnswerIsLeftToTheCaller()
    {
        await using var workspace = new ByteWorkspace(async connection => await connection.ReadRequestAsync());
        await using var gateway = await ForwardingGateway.StartAsync(workspace.Port);

        var answer = await gateway.ExchangeAsync(Post);

        Assert.Contains("X-Outcome: Failed\r\n", answer, StringComparison.Ordinal);
        Assert.Equal([ForwardOutcome.Failed], gateway.Outcomes);
    }

    [Fact]
    public async Task WorkspaceAnswersNonsense_Failed()
    {
        await using var workspace = ByteWorkspace.Answering(_ => { }, "SSH-2.0-OpenSSH\r\n\r\n");
        await using var gateway = await ForwardingGateway.StartAsync(workspace.Port);

        Assert.Contains("X-Outcome: Failed\r\n", await gateway.ExchangeAsync(Post), StringComparison.Ordinal);
    }

    [Fact]
    public async Task WorkspaceIsSilentForTooLong_SilentOnThatPathOnly()
    {
        var slow = new TaskCompletionSource();
        await using var workspace = new ByteWorkspace(async connection =>
        {
            if ((await connection.ReadRequestAsync())?.StartsWith("GET /short", StringComparison.Ordinal) == false)
            {
                await slow.Task;
                await connection.WriteAsync(ByteWorkspace.Ok);
            }
            else
            {
                await connection.ReadSomeAsync();
            }
        });
        await using var gateway = await ForwardingGateway.StartAsync(workspace.Port, ("AnswerSilenceByPath:/short", "00:00:00.300"));

        var patient = gateway.ExchangeAsync("GET /long HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
        var answer = await gateway.ExchangeAsync("GET /short/x HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
        slow.SetResult();

        Assert.Contains("X-Outcome: Silent\r\n", answer, StringComparison.Ordinal);
        Assert.StartsWith("HTTP/1.1 200", await patient, StringComparison.Ordinal);
    }

    [Fact]
    public async Task ClientLeavesWhileWaiting_ClientLeftAndTheWorkspaceNoticesIt()
    {
        var arrived = new TaskCompletionSource();
        var ended = new TaskCompletionSource();
        await using var workspace = new ByteWorkspace(async connection =>
        {
            await connection.ReadRequestAsync();
            arrived.SetResult();
            Assert.Empty(await connection.ReadSomeAsync());
            ended.SetResult();
        });
        await using var gateway = await ForwardingGateway.StartAsync(workspace.Port);
        using (var client = await gateway.ConnectAsync())
        {
            await client.SendAsync(Encoding.ASCII.GetBytes("GET / HTTP/1.1\r\nHost: a\r\n\r\n"));
            await arrived.Task.WaitAsync(ForwardingGateway.Limit);
        }

        await ended.Task.WaitAsync(ForwardingGateway.Limit);
        await gateway.HasOutcomeAsync();
        Assert.Equal([ForwardOutcome.ClientLeft], gateway.Outcomes);
    }

    [Fact]
    public async Task NewBootOfAMachine_NeverGetsAConnectionOfTheEarlierOne()
    {
        await using var workspace = ByteWorkspace.Answering(_ => { });
        await using var gateway = await ForwardingGateway.StartAsync(workspace.Port);

        for (var boot = 1; boot <= 5; boot++)
        {
            gateway.Boot = boot;
            Assert.StartsWith("HTTP/1.1 200", await gateway.ExchangeAsync("GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"), StringComparison.Ordinal);
        }

        Assert.Equal(5, workspace.Connections);
    }

    [Theory]
    [InlineData("GET", 2, "HTTP/1.1 200")]
    [InlineData("POST", 1, "HTTP/1.1 502")]
    public async Task NewConnectionResetShortlyAfterABoot_CostsASafeRequestNothing(string method, int arrivals, string expected)
    {
        var arrived = 0;
        await using var workspace = new ByteWorkspace(async connection =>
        {
            await connection.ReadRequestAsync();
            if (Interlocked.Increment(ref arrived) == 1)
            {
                connection.Reset();
                return;
            }

            await connection.WriteAsync(ByteWorkspace.Ok);
        });
        await using var gateway = await ForwardingGateway.StartAsync(workspace.Port);

        var answer = await gateway.ExchangeAsync($"{method} / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");

        Assert.StartsWith(expected, answer, StringComparison.Ordinal);
        Assert.Equal(arrivals, arrived);
    }

    [Theory]
    [InlineData("DELETE", false)]
    [InlineData("POST", false)]
    [InlineData("GET", true)]
    public async Task WorkspaceThatEndsWithTheRequest_IsNotTakenForOneThatWasNeverReached(string method, bool resets)
    {
        var arrived = 0;
        ByteWorkspace? workspace = null;
        workspace = new ByteWorkspace(async connection =>
        {
            await connection.ReadRequestAsync();
            Interlocked.Increment(ref arrived);
            workspace!.Refuse();
            if (resets)
            {
                connection.Reset();
            }
        });
        await using var ending = workspace;
        await using var gateway = await ForwardingGateway.StartAsync(workspace.Port);

        await gateway.ExchangeAsync($"{method} / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");

        Assert.Equal([ForwardOutcome.Failed], gateway.Outcomes);
        Assert.Equal(1, arrived);
    }

    private static int FreePort()
    {
        var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        var port = ((IPEndPoint)listener.LocalEndpoint).Port;
        listener.Stop();
        return port;
    }
}
