using System.Globalization;
using System.Net.Sockets;
using System.Net.WebSockets;
using System.Text;
using Gateway.FunctionalTests.Edge;
using Gateway.FunctionalTests.Workspaces;
using StackExchange.Redis;
using Xunit;
using Xunit.Abstractions;

namespace Gateway.FunctionalTests.Chaos;

/// <summary>
/// Connections by the thousand through one gateway, of every end that a client can bring them to: what they took is given back. <c>LEAK_CONNECTIONS</c>
/// makes it long.
/// </summary>
[Collection(nameof(Alone))]
public sealed class LeakTests(ITestOutputHelper output)
{
    private const int AtOnce = 32;
    private const int Users = 8;
    private const int KeysOfAUser = 4;
    private const int LeastMore = 16 * 1024;

    [Fact]
    public async Task ConnectionsByTheThousand_LeaveNoMemoryHandleThreadTimerOrKeyBehind()
    {
        var count = int.TryParse(Environment.GetEnvironmentVariable("LEAK_CONNECTIONS"), NumberStyles.None, CultureInfo.InvariantCulture, out var set) ? set : 4000;
        await using var cloud = await GatewayEnvironment.StartAsync();
        var settings = cloud.GatewaySettings();
        (settings["Proxying:RequestsPerAddress"], settings["Proxying:RequestsPerUser"]) = ("0", "0");
        await using var gateway = await GatewayProcess.StartAsync("leaks", settings, TextWriter.Null);
        await using var redis = await cloud.Redis.ConnectAsync();

        // The first part makes what is made once: code, pools, the caches of these users.
        await OpenAndCloseAsync(cloud, gateway, count / 2, 0);
        var before = await AtRestAsync(gateway, redis, least: null);
        await OpenAndCloseAsync(cloud, gateway, count, count);
        var after = await AtRestAsync(gateway, redis, least: before);

        output.WriteLine($"{count} connections: {before} before and {after} after.");
        Assert.True(after.Handles <= before.Handles + 24, $"{before} before, {after} after");
        Assert.True(after.Threads <= before.Threads + 8, $"{before} before, {after} after");
        Assert.True(after.Timers <= before.Timers + 16, $"{before} before, {after} after");
        // What is written of each user once, up to a minute after they came, may fall between the two looks; what is written of connections may not be.
        Assert.True(after.Keys <= before.Keys + (Users * KeysOfAUser), $"{before} before, {after} after");
        Assert.True(after.MemoryKb <= before.MemoryKb * 1.15 + LeastMore, $"{before} before, {after} after");
    }

    private static async Task OpenAndCloseAsync(GatewayEnvironment cloud, GatewayProcess gateway, int count, int from)
    {
        var tokens = Enumerable.Range(0, Users).Select(user => cloud.TokenOf($"user{user}")).ToList();
        await Parallel.ForEachAsync(Enumerable.Range(from, count), new ParallelOptions { MaxDegreeOfParallelism = AtOnce }, async (number, _) =>
        {
            var token = tokens[number % Users];
            switch (number % 10)
            {
                case 0:
                    await SocketAsync(gateway, token);
                    break;
                case 1:
                    await CutAsync(gateway, $"GET /cut HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer {token}\r\n\r\n");
                    break;
                case 2:
                    await CutAsync(gateway, $"POST /cut HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer {token}\r\nContent-Length: 1000\r\n\r\nsome");
                    break;
                case 3:
                    await CutAsync(gateway, "GET /half HTTP/1.1\r\nHost");
                    break;
                case 4:
                    // A stranger with a token that nobody made, another one each time.
                    await AskAsync(gateway, string.Create(CultureInfo.InvariantCulture, $"fake-token-of-nobody-{number}"));
                    break;
                default:
                    await AskAsync(gateway, token);
                    break;
            }
        });
    }

    private static async Task AskAsync(GatewayProcess gateway, string token) =>
        Assert.StartsWith("HTTP/1.1 ", await RawClient.AskAsync(gateway.Url.Port, $"GET /page HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer {token}\r\nConnection: close\r\n\r\n"), StringComparison.Ordinal);

    private static async Task CutAsync(GatewayProcess gateway, string beginning)
    {
        using var socket = await RawClient.ConnectAsync(gateway.Url.Port);
        await socket.SendAsync(Encoding.ASCII.GetBytes(beginning));
        socket.LingerState = new LingerOption(true, 0);
    }

    private static async Task SocketAsync(GatewayProcess gateway, string token)
    {
        using var bound = new CancellationTokenSource(Eventually.Limit, TimeProvider.System);
        using var socket = new ClientWebSocket();
        socket.Options.SetRequestHeader("Authorization", "Bearer " + token);
        await socket.ConnectAsync(new Uri($"ws://{gateway.Url.Authority}/terminal"), bound.Token);
        await socket.SendAsync("some"u8.ToArray(), WebSocketMessageType.Text, true, bound.Token);
        await socket.ReceiveAsync(new byte[64], bound.Token);
        socket.Abort();
    }

    /// <summary>Once it has come to rest, or when waiting longer brings nothing.</summary>
    private static async Task<Holdings> AtRestAsync(GatewayProcess gateway, ConnectionMultiplexer redis, Holdings? least)
    {
        var last = await LookAsync();
        for (var looks = 0; looks < 30; looks++)
        {
            await Task.Delay(TimeSpan.FromSeconds(1), TimeProvider.System);
            var now = await LookAsync();
            if (now.Handles >= last.Handles && now.Threads >= last.Threads && (least is null || now.Handles <= least.Handles + 8))
            {
                return now;
            }

            last = now;
        }

        return last;

        async Task<Holdings> LookAsync()
        {
            var process = $"/proc/{gateway.Id}";
            var status = (await File.ReadAllLinesAsync(process + "/status")).Select(static line => line.Split(':', 2)).ToDictionary(static line => line[0], static line => line[1]);
            return new Holdings(
                int.Parse(status["RssAnon"].Replace("kB", "", StringComparison.Ordinal), CultureInfo.InvariantCulture),
                Directory.GetFileSystemEntries(process + "/fd").Length,
                int.Parse(status["Threads"], CultureInfo.InvariantCulture),
                await TimersAsync(gateway),
                await redis.GetServers()[0].DatabaseSizeAsync());
        }
    }

    /// <summary>As the runtime counts them, and the gateway shows.</summary>
    private static async Task<int> TimersAsync(GatewayProcess gateway)
    {
        using var http = new HttpClient { BaseAddress = gateway.OperationsUrl };
        var timers = (await http.GetStringAsync("/metrics")).Split('\n').Single(static line => line.StartsWith("dotnet_timer_count", StringComparison.Ordinal));
        return int.Parse(timers.Split(' ')[1], CultureInfo.InvariantCulture);
    }

    private sealed record Holdings(int MemoryKb, int Handles, int Threads, int Timers, long Keys);
}
