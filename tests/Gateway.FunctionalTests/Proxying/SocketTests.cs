using System.Net;
using System.Net.WebSockets;
using System.Text;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Logging;
using Xunit;

namespace Gateway.FunctionalTests.Proxying;

public sealed class SocketTests
{
    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task WebSocket_PassesStraightThrough(bool overHttp2)
    {
        await using var workspace = await EchoWorkspaceApp.StartAsync();
        await using var host = await ForwarderHost.StartAsync(workspace.EndPoint);
        using var socket = await ConnectAsync(host, overHttp2);

        foreach (var size in new[] { 1, 125, 126, 70_000 })
        {
            var message = new byte[size];
            Random.Shared.NextBytes(message);
            await socket.SendAsync(message, WebSocketMessageType.Binary, true, CancellationToken.None).WaitAsync(Eventually.Limit);
            Assert.Equal(message, await ReceiveAsync(socket));
        }

        Assert.NotNull(host.Traffic.LastPassed);
        await socket.CloseAsync(WebSocketCloseStatus.NormalClosure, "bye", CancellationToken.None).WaitAsync(Eventually.Limit);
        Assert.Equal(WebSocketCloseStatus.NormalClosure, socket.CloseStatus);
        await Eventually.HoldsAsync(() => host.Sockets.Count == 0);
    }

    [Fact]
    public async Task PingsOfTheClient_AreAnsweredByTheWorkspaceAndAreNoUse()
    {
        await using var workspace = await EchoWorkspaceApp.StartAsync();
        await using var host = await ForwarderHost.StartAsync(workspace.EndPoint, ("SocketPingAfter", "00:00:00"));
        using var socket = await ConnectAsync(host, overHttp2: false, ping: TimeSpan.FromMilliseconds(20));
        var receiving = ReceiveAsync(socket);

        await Eventually.HoldsAsync(() => host.Traffic.BytesToWorkspace > 50 && host.Traffic.BytesToClient > 50);

        Assert.Null(host.Traffic.LastPassed);
        await socket.SendAsync(Encoding.UTF8.GetBytes("x"), WebSocketMessageType.Text, true, CancellationToken.None);
        await receiving;
        Assert.NotNull(host.Traffic.LastPassed);
    }

    [Fact]
    public async Task SocketsOfAMachineThatStops_GetACloseWithItsReason_AndSoDoesTheWorkspace()
    {
        await using var workspace = await EchoWorkspaceApp.StartAsync();
        await using var host = await ForwarderHost.StartAsync(workspace.EndPoint);
        using var socket = await ConnectAsync(host, overHttp2: false);
        await EchoAsync(socket);

        var closing = host.Sockets.CloseMachineAsync(ForwarderHost.Machine, 1001, "asleep");
        var closed = await socket.ReceiveAsync(new byte[100], CancellationToken.None).WaitAsync(Eventually.Limit);

        Assert.Equal(WebSocketMessageType.Close, closed.MessageType);
        Assert.Equal((WebSocketCloseStatus)1001, socket.CloseStatus);
        Assert.Equal("asleep", socket.CloseStatusDescription);
        await closing.WaitAsync(Eventually.Limit);
        Assert.Equal((WebSocketCloseStatus)1001, await workspace.Closed.WaitAsync(Eventually.Limit));
        await Eventually.HoldsAsync(() => host.Sockets.Count == 0);
    }

    [Fact]
    public async Task SocketsOfAnotherMachineOrUser_StayOpen()
    {
        await using var workspace = await EchoWorkspaceApp.StartAsync();
        await using var host = await ForwarderHost.StartAsync(workspace.EndPoint);
        using var socket = await ConnectAsync(host, overHttp2: false);

        await host.Sockets.CloseMachineAsync(new MachineId("another"), 1001, "asleep");
        await host.Sockets.CloseUserAsync(new UserId("bob"), null, 1008, "denied");

        await EchoAsync(socket);
    }

    [Fact]
    public async Task SilentClientThatAnswersPings_StaysOpen_AndItsPingsAreNoUse()
    {
        await using var workspace = await EchoWorkspaceApp.StartAsync();
        await using var host = await ForwarderHost.StartAsync(workspace.EndPoint, ("SocketPingAfter", "00:00:01"));
        using var socket = await ConnectAsync(host, overHttp2: false);
        var receiving = ReceiveAsync(socket);

        // The client answers the gateway's pings while it waits for a message, and each answer passes on.
        await Eventually.HoldsAsync(() => host.Traffic.BytesToWorkspace >= 3 * 6);

        Assert.Null(host.Traffic.LastPassed);
        await socket.SendAsync(Encoding.UTF8.GetBytes("still here"), WebSocketMessageType.Text, true, CancellationToken.None);
        Assert.Equal("still here", Encoding.UTF8.GetString(await receiving.WaitAsync(Eventually.Limit)));
    }

    [Fact]
    public async Task HalfOpenClient_IsCutAfterTwoUnansweredPings()
    {
        await using var workspace = await EchoWorkspaceApp.StartAsync();
        await using var host = await ForwarderHost.StartAsync(workspace.EndPoint, ("SocketPingAfter", "00:00:00.2"));

        // A client that never reads answers nothing.
        using var socket = await ConnectAsync(host, overHttp2: false);

        await Eventually.HoldsAsync(() => host.Sockets.Count == 1);
        await Eventually.HoldsAsync(() => host.Sockets.Count == 0);
    }

    private static async Task<ClientWebSocket> ConnectAsync(ForwarderHost host, bool overHttp2, TimeSpan ping = default)
    {
        var socket = new ClientWebSocket();
        socket.Options.KeepAliveInterval = ping;
        if (ping > TimeSpan.Zero)
        {
            // With a timeout the client pings; without, it only sends pongs nobody asked for.
            socket.Options.KeepAliveTimeout = Eventually.Limit;
        }

        var url = overHttp2 ? host.Http2Url : host.Url;
        if (overHttp2)
        {
            socket.Options.HttpVersion = HttpVersion.Version20;
            socket.Options.HttpVersionPolicy = HttpVersionPolicy.RequestVersionExact;
        }

        using var invoker = new HttpMessageInvoker(new SocketsHttpHandler(), disposeHandler: false);
        await socket.ConnectAsync(new Uri($"ws://{url.Authority}/terminal"), invoker, CancellationToken.None).WaitAsync(Eventually.Limit);
        return socket;
    }

    private static async Task EchoAsync(WebSocket socket)
    {
        await socket.SendAsync(Encoding.UTF8.GetBytes("hello"), WebSocketMessageType.Text, true, CancellationToken.None).WaitAsync(Eventually.Limit);
        Assert.Equal("hello", Encoding.UTF8.GetString(await ReceiveAsync(socket)));
    }

    private static async Task<byte[]> ReceiveAsync(WebSocket socket)
    {
        var buffer = new byte[16 * 1024];
        var message = new List<byte>();
        while (true)
        {
            var part = await socket.ReceiveAsync(buffer, CancellationToken.None).WaitAsync(Eventually.Limit);
            message.AddRange(buffer.AsSpan(0, part.Count));
            if (part.EndOfMessage)
            {
                return [.. message];
            }
        }
    }

    /// <summary>A workspace that echoes what its sockets get, and remembers how one was closed.</summary>
    private sealed class EchoWorkspaceApp : IAsyncDisposable
    {
        private readonly WebApplication _app;
        private readonly TaskCompletionSource<WebSocketCloseStatus?> _closed = new(TaskCreationOptions.RunContinuationsAsynchronously);

        private EchoWorkspaceApp()
        {
            var builder = WebApplication.CreateSlimBuilder();
            builder.Logging.ClearProviders();
            builder.WebHost.ConfigureKestrel(static kestrel => kestrel.Listen(IPAddress.Loopback, 0));
            _app = builder.Build();
            _app.UseWebSockets(new WebSocketOptions { KeepAliveInterval = TimeSpan.Zero });
            _app.Run(EchoAsync);
        }

        public IPEndPoint EndPoint => new(IPAddress.Loopback, new Uri(_app.Urls.First()).Port);

        public Task<WebSocketCloseStatus?> Closed => _closed.Task;

        public static async Task<EchoWorkspaceApp> StartAsync()
        {
            var workspace = new EchoWorkspaceApp();
            await workspace._app.StartAsync();
            return workspace;
        }

        public async ValueTask DisposeAsync()
        {
            await _app.StopAsync(new CancellationToken(canceled: true));
            await _app.DisposeAsync();
        }

        private async Task EchoAsync(HttpContext context)
        {
            using var socket = await context.WebSockets.AcceptWebSocketAsync();
            var buffer = new byte[16 * 1024];
            try
            {
                while (true)
                {
                    var part = await socket.ReceiveAsync(buffer, context.RequestAborted);
                    if (part.MessageType is WebSocketMessageType.Close)
                    {
                        _closed.TrySetResult(socket.CloseStatus);
                        await socket.CloseOutputAsync(socket.CloseStatus ?? WebSocketCloseStatus.NormalClosure, "", CancellationToken.None);
                        return;
                    }

                    await socket.SendAsync(buffer.AsMemory(0, part.Count), part.MessageType, part.EndOfMessage, context.RequestAborted);
                }
            }
            catch (Exception exception) when (exception is WebSocketException or OperationCanceledException)
            {
                _closed.TrySetResult(null);
            }
        }
    }
}
