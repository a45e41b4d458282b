using System.Globalization;
using System.Net;
using System.Net.Http.Json;
using System.Net.Sockets;
using System.Text;
using System.Text.Json.Nodes;
using Gateway.FunctionalTests.Workspaces;
using Xunit;
using Xunit.Abstractions;

namespace Gateway.FunctionalTests.Edge;

/// <summary>What one address and one user may ask of a gateway, and how long a head may take.</summary>
public sealed class LimitTests(ITestOutputHelper output)
{
    [Fact]
    public async Task AddressThatAsksTooMuch_IsRefusedBeforeItsCredentialIsLookedAt_AndOthersAreNot()
    {
        await using var cloud = await GatewayEnvironment.StartAsync();
        var gateway = await cloud.StartGatewayAsync(("Proxying:ClientAddressHeader", "Fly-Client-IP"), ("Proxying:RequestsPerAddress", "1"), ("Proxying:BurstPerAddress", "5"));
        using var stranger = RunningGateway.Client(gateway.Url, "fake-token-for-tests");
        stranger.DefaultRequestHeaders.Add("Fly-Client-IP", "2001:db8:0:1::7");
        using var other = RunningGateway.Client(gateway.Url, "fake-token-for-tests");
        other.DefaultRequestHeaders.Add("Fly-Client-IP", "2001:db8:0:2::7");

        var answers = new List<HttpResponseMessage>();
        for (var i = 0; i < 40; i++)
        {
            answers.Add(await stranger.GetAsync("/"));
        }

        var refused = answers.First(static answer => answer.StatusCode is HttpStatusCode.TooManyRequests);
        Assert.NotNull(refused.Headers.RetryAfter);
        Assert.Equal("urn:gateway:problem:too-many-requests", (await refused.Content.ReadFromJsonAsync<JsonNode>())!["type"]!.GetValue<string>());
        Assert.Equal(HttpStatusCode.Unauthorized, answers[0].StatusCode);
        Assert.Equal(HttpStatusCode.Unauthorized, (await other.GetAsync("/")).StatusCode);
    }

    [Fact]
    public async Task UserThatAsksTooMuch_IsRefused_AndOthersAreNot()
    {
        await using var cloud = await GatewayEnvironment.StartAsync();
        var gateway = await cloud.StartGatewayAsync(("Proxying:RequestsPerUser", "1"), ("Proxying:BurstPerUser", "5"));
        using var alice = gateway.ClientOf("alice");
        using var bob = gateway.ClientOf("bob");
        (await alice.GetAsync("/")).EnsureSuccessStatusCode();

        var answers = await Task.WhenAll(Enumerable.Range(0, 60).Select(_ => alice.GetAsync("/")));

        Assert.Contains(answers, static answer => answer.StatusCode is HttpStatusCode.TooManyRequests);
        Assert.Equal(HttpStatusCode.OK, (await bob.GetAsync("/")).StatusCode);
    }

    [Fact]
    public async Task SocketTooMany_IsRefused_UntilOneIsClosed()
    {
        await using var cloud = await GatewayEnvironment.StartAsync();
        var gateway = await cloud.StartGatewayAsync(("Proxying:SocketsPerUser", "2"));
        using var first = await gateway.OpenSocketAsync("alice");
        using var second = await gateway.OpenSocketAsync("alice");

        await Assert.ThrowsAsync<System.Net.WebSockets.WebSocketException>(() => gateway.OpenSocketAsync("alice"));

        first.Abort();
        await Eventually.HoldsAsync(async () =>
        {
            try
            {
                using var again = await gateway.OpenSocketAsync("alice");
                return true;
            }
            catch (System.Net.WebSockets.WebSocketException)
            {
                return false;
            }
        });
    }

    [Theory]
    [InlineData("Content-Length: 5")]
    [InlineData("Transfer-Encoding: chunked")]
    public async Task BodyThatNeverBegins_IsGivenUp_AndEndsItsConnection(string framing)
    {
        await using var cloud = await GatewayEnvironment.StartAsync();
        var gateway = await cloud.StartGatewayAsync(("Proxying:BodyStartTimeout", "00:00:01"));

        var answer = await RawClient.AskAsync(gateway.Url.Port, $"POST /upload HTTP/1.1\r\nHost: gateway\r\nAuthorization: Bearer {cloud.TokenOf("alice")}\r\n{framing}\r\n\r\n");

        Assert.StartsWith("HTTP/1.1 408", answer, StringComparison.Ordinal);
        Assert.Contains("Connection: close", answer, StringComparison.Ordinal);
        Assert.Contains("body-overdue", answer, StringComparison.Ordinal);
    }

    [Fact]
    public async Task BodyThatHasBegun_MayTakeLongerThanItsBeginning()
    {
        await using var cloud = await GatewayEnvironment.StartAsync();
        var gateway = await cloud.StartGatewayAsync(("Proxying:BodyStartTimeout", "00:00:01"));
        using var alice = gateway.ClientOf("alice");
        (await alice.GetAsync("/")).EnsureSuccessStatusCode();
        using var body = new SlowBody(TimeSpan.FromSeconds(2));

        using var answer = await alice.PostAsync("/upload", body).WaitAsync(RawClient.Limit);

        Assert.Equal(HttpStatusCode.OK, answer.StatusCode);
    }

    private sealed class SlowBody(TimeSpan pause) : HttpContent
    {
        protected override async Task SerializeToStreamAsync(Stream stream, TransportContext? context)
        {
            await stream.WriteAsync("first"u8.ToArray());
            await stream.FlushAsync();
            await Task.Delay(pause, TimeProvider.System);
            await stream.WriteAsync("last"u8.ToArray());
        }

        protected override bool TryComputeLength(out long length)
        {
            length = 9;
            return true;
        }
    }

    /// <summary><c>SLOW_CLIENTS=2000</c> opens as many, holds them for a minute, and measures what a user notices of it.</summary>
    [Fact]
    public async Task SlowHeads_KeepNobodyWaiting_AndAreCutAfterTheirTime()
    {
        var measured = int.TryParse(Environment.GetEnvironmentVariable("SLOW_CLIENTS"), NumberStyles.None, CultureInfo.InvariantCulture, out var count);
        count = measured ? count : 200;
        await using var cloud = await GatewayEnvironment.StartAsync();
        var gateway = await cloud.StartGatewayAsync(
            ("Proxying:HeadTimeout", measured ? "00:01:30" : "00:00:05"),
            ("Proxying:RequestsPerAddress", "0"),
            ("Proxying:RequestsPerUser", "0"));
        using var alice = gateway.ClientOf("alice");
        (await alice.GetAsync("/")).EnsureSuccessStatusCode();
        // The first requests of a process are not its usual ones.
        await MedianAsync(alice, measured ? 500 : 1, default);
        var usual = await MedianAsync(alice, measured ? 500 : 1, default);
        using var stop = new CancellationTokenSource();

        var slow = Enumerable.Range(0, count).Select(_ => DribbleAsync(gateway.Url.Port, "GET / HTTP/1.1\r\nHost: a\r\nX-Slow: ", stop.Token)).ToList();
        var beside = await MedianAsync(alice, 50, measured ? TimeSpan.FromMinutes(1) : default);
        var held = slow.Count(static client => !client.IsCompleted);

        var ends = await Task.WhenAll(slow).WaitAsync(RawClient.Limit + (measured ? TimeSpan.FromMinutes(1) : TimeSpan.Zero));
        Assert.All(ends, static answer => Assert.True(answer.Length == 0 || answer.StartsWith("HTTP/1.1 408", StringComparison.Ordinal), answer));
        Assert.Equal(HttpStatusCode.OK, (await alice.GetAsync("/")).StatusCode);
        if (measured)
        {
            output.WriteLine($"{count} slow clients, {held} of them to the end: a request's median time {usual.TotalMilliseconds:F2} ms without and {beside.TotalMilliseconds:F2} ms beside them.");
            Assert.Equal(count, held);
            Assert.True(beside <= usual * 2, $"{beside.TotalMilliseconds} ms beside the slow clients, {usual.TotalMilliseconds} ms without.");
        }
    }

    [Fact]
    public async Task SlowBodiesByTheHundred_KeepNobodyElseWaiting_AndEndWhereNobodyWantsThem()
    {
        const int strangers = 300;
        const int bodies = 300;
        const int allowed = 100;
        await using var cloud = await GatewayEnvironment.StartAsync();
        var gateway = await cloud.StartGatewayAsync(
            ("Proxying:ConcurrentPerUser", allowed.ToString(CultureInfo.InvariantCulture)), ("Proxying:RequestsPerAddress", "0"), ("Proxying:RequestsPerUser", "0"));
        using var alice = gateway.ClientOf("alice");
        (await alice.GetAsync("/")).EnsureSuccessStatusCode();
        using (var mallory = gateway.ClientOf("mallory"))
        {
            (await mallory.GetAsync("/")).EnsureSuccessStatusCode();
        }

        using var stop = new CancellationTokenSource();
        const string head = "POST /upload HTTP/1.1\r\nHost: a\r\nContent-Length: 1000000\r\n";
        var ofNobody = Enumerable.Range(0, strangers).Select(_ => DribbleAsync(gateway.Url.Port, head + "\r\n", stop.Token)).ToList();
        var ofMallory = Enumerable.Range(0, bodies).Select(_ => DribbleAsync(gateway.Url.Port, $"{head}Authorization: Bearer {cloud.TokenOf("mallory")}\r\n\r\n", stop.Token)).ToList();

        var refused = await Task.WhenAll(ofNobody).WaitAsync(RawClient.Limit);
        await Eventually.HoldsAsync(() => ofMallory.Count(static body => body.IsCompleted) == bodies - allowed);
        await MedianAsync(alice, 50, default);

        Assert.All(refused, static answer => Assert.StartsWith("HTTP/1.1 401", answer, StringComparison.Ordinal));
        Assert.Equal(allowed, ofMallory.Count(static body => !body.IsCompleted));
        await stop.CancelAsync();
        var ends = await Task.WhenAll(ofMallory).WaitAsync(RawClient.Limit);
        Assert.Equal(bodies - allowed, ends.Count(static answer => answer.StartsWith("HTTP/1.1 429", StringComparison.Ordinal)));
    }

    /// <summary>How long a request of a user takes, over so many at least and for so long, all of which must be answered.</summary>
    private static async Task<TimeSpan> MedianAsync(HttpClient client, int atLeast, TimeSpan lasting)
    {
        var times = new List<TimeSpan>();
        var begun = TimeProvider.System.GetTimestamp();
        while (times.Count < atLeast || TimeProvider.System.GetElapsedTime(begun) < lasting)
        {
            var started = TimeProvider.System.GetTimestamp();
            using var answer = await client.GetAsync("/");
            times.Add(TimeProvider.System.GetElapsedTime(started));
            Assert.Equal(HttpStatusCode.OK, answer.StatusCode);
        }

        times.Sort();
        return times[times.Count / 2];
    }

    /// <summary>One byte a second of what never ends; answers with what the gateway said when it cut it.</summary>
    private static async Task<string> DribbleAsync(int port, string beginning, CancellationToken stop)
    {
        using var socket = await RawClient.ConnectAsync(port);
        var buffer = new byte[4096];
        var receiving = socket.ReceiveAsync(buffer);
        var sent = await socket.SendAsync(Encoding.ASCII.GetBytes(beginning));
        using var second = new PeriodicTimer(TimeSpan.FromSeconds(1), TimeProvider.System);
        try
        {
            while (!receiving.IsCompleted && !stop.IsCancellationRequested)
            {
                await Task.WhenAny(receiving, second.WaitForNextTickAsync(stop).AsTask());
                sent += await socket.SendAsync("x"u8.ToArray());
            }

            return receiving.IsCompleted ? Encoding.Latin1.GetString(buffer, 0, await receiving) : "";
        }
        catch (SocketException)
        {
            return "";
        }
    }
}
