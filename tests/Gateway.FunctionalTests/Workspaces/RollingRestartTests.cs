using System.Collections.Concurrent;
using System.Globalization;
using System.Net;
using System.Net.WebSockets;
using Xunit;

namespace Gateway.FunctionalTests.Workspaces;

/// <summary>A deploy: each of three gateways is replaced while people work, behind a proxy that goes by their health as the platform's does.</summary>
[Collection(nameof(Alone))]
public sealed class RollingRestartTests
{
    private const int Users = 12;
    private static readonly TimeSpan Grace = TimeSpan.FromSeconds(3);

    [Fact]
    public async Task GatewaysReplacedOneByOne_FailNoSafeRequest_AndCloseEverySocketWithACode()
    {
        await using var cloud = await GatewayEnvironment.StartAsync();
        var settings = cloud.GatewaySettings();
        settings["Proxying:ShutdownGrace"] = Grace.ToString("c", CultureInfo.InvariantCulture);
        var running = new List<GatewayProcess>();
        await using var front = new Front();
        try
        {
            for (var number = 0; number < 3; number++)
            {
                running.Add(await GatewayProcess.StartAsync($"old-{number}", settings, TextWriter.Null));
                await front.AddAsync(running[number].Url);
            }

            var sockets = await Task.WhenAll(running.SelectMany(gateway => Enumerable.Range(0, Users / 3).Select(number => OpenAsync(cloud, gateway, $"user-{number}"))));
            // Read from the beginning, as a terminal does: a Ping that is answered only after the Close finds nobody there.
            var closed = sockets.Select(CloseCodeAsync).ToList();
            using var stop = new CancellationTokenSource();
            var failures = new ConcurrentQueue<string>();
            var answered = 0;
            var load = Enumerable.Range(0, Users).Select(number => AskAsync(cloud.TokenOf($"user-{number}"))).ToList();

            foreach (var old in running.ToList())
            {
                var next = await GatewayProcess.StartAsync(old.Name.Replace("old", "new", StringComparison.Ordinal), settings, TextWriter.Null);
                running.Add(next);
                await front.AddAsync(next.Url);
                old.Terminate();
                await old.Exited.WaitAsync(Eventually.Limit);
            }

            var before = Volatile.Read(ref answered);
            await Eventually.HoldsAsync(() => Volatile.Read(ref answered) > before + Users);
            await stop.CancelAsync();
            await Task.WhenAll(load).WaitAsync(Eventually.Limit);
            var codes = await Task.WhenAll(closed).WaitAsync(Eventually.Limit);

            Assert.Empty(failures);
            Assert.All(codes, static code => Assert.Equal(1012, code));

            async Task AskAsync(string token)
            {
                using var client = RunningGateway.Client(new Uri("http://unused"), token);
                while (!stop.IsCancellationRequested)
                {
                    try
                    {
                        using var answer = await front.GetAsync(client, "/page");
                        _ = answer.StatusCode is HttpStatusCode.OK ? Interlocked.Increment(ref answered) : Fail($"{answer.StatusCode}: {await answer.Content.ReadAsStringAsync()}");
                    }
                    catch (HttpRequestException exception)
                    {
                        Fail(exception.ToString());
                    }
                }
            }

            int Fail(string why)
            {
                failures.Enqueue(why);
                return 0;
            }
        }
        finally
        {
            foreach (var gateway in running)
            {
                await gateway.DisposeAsync();
            }
        }
    }

    private static async Task<ClientWebSocket> OpenAsync(GatewayEnvironment cloud, GatewayProcess gateway, string user)
    {
        var socket = new ClientWebSocket();
        socket.Options.SetRequestHeader("Authorization", "Bearer " + cloud.TokenOf(user));
        await socket.ConnectAsync(new Uri($"ws://{gateway.Url.Authority}/terminal"), CancellationToken.None).WaitAsync(Eventually.Limit);
        return socket;
    }

    private static async Task<int?> CloseCodeAsync(ClientWebSocket socket)
    {
        using (socket)
        {
            var buffer = new byte[4096];
            while ((await socket.ReceiveAsync(buffer, CancellationToken.None)).MessageType is not WebSocketMessageType.Close)
            {
            }

            return (int?)socket.CloseStatus;
        }
    }
}
