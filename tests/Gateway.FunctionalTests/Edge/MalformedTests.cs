using System.Globalization;
using System.Net.Http.Json;
using System.Text;
using System.Text.Json.Nodes;
using Gateway.FunctionalTests.Workspaces;
using Xunit;

namespace Gateway.FunctionalTests.Edge;

/// <summary>
/// Generated requests, each a good one with some of its bytes spoilt, on raw sockets. <c>MALFORMED_REQUESTS=100000</c> runs as many; a failure names its
/// seed, from which the request can be made again.
/// </summary>
public sealed class MalformedTests
{
    private const int AtOnce = 32;

    private static readonly string[] Spoilers =
    [
        "\0", "\r", "\n", "\r\n", "\r\n\r\n", " ", "\t", ":", ";", ",", "/", "\\", "%", "%00", "%2e", "..", "\u007f", "\u0080", "\u00ff", "HTTP/1.1", "0\r\n\r\n",
        "Content-Length: 7\r\n", "Content-Length: -1\r\n", "Transfer-Encoding: chunked\r\n", "Transfer-Encoding: \u000bchunked\r\n", "Host: b\r\n", "Connection: close\r\n", "Upgrade: websocket\r\nConnection: Upgrade\r\n",
        "Expect: 100-continue\r\n", "GET / HTTP/1.1\r\nHost: a\r\n\r\n", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "ffffffffffffffff\r\n", "3;x=\n\r\n",
    ];

    [Fact]
    public async Task SpoiltRequests_NeitherCrashNorHangTheGateway_AndReachNobodyElsesWorkspace()
    {
        var count = int.TryParse(Environment.GetEnvironmentVariable("MALFORMED_REQUESTS"), NumberStyles.None, CultureInfo.InvariantCulture, out var asked) ? asked : 3000;
        await using var cloud = await GatewayEnvironment.StartAsync();
        var gateway = await cloud.StartGatewayAsync();
        using var alice = gateway.ClientOf("alice");
        using var bob = gateway.ClientOf("bob");
        (await alice.GetAsync("/")).EnsureSuccessStatusCode();
        (await bob.GetAsync("/")).EnsureSuccessStatusCode();
        var (hers, his) = (cloud.Simulator.MachineOf("alice").Id, cloud.Simulator.MachineOf("bob").Id);
        var token = cloud.TokenOf("alice");

        await Parallel.ForEachAsync(Enumerable.Range(1, count), new ParallelOptions { MaxDegreeOfParallelism = AtOnce }, async (seed, _) =>
        {
            var answer = await RawClient.ExchangeAsync(gateway.Url.Port, Encoding.Latin1.GetBytes(Spoilt(token, seed)), TimeSpan.FromMilliseconds(50));

            Assert.False(RawClient.StatusesIn(answer).Contains(500), $"Seed {seed} was answered 500.");
            Assert.False(answer.Contains(his, StringComparison.Ordinal), $"Seed {seed} got an answer of another user's machine.");
        });

        Assert.Equal(hers, (await alice.GetFromJsonAsync<JsonNode>("/"))!["machine"]!.GetValue<string>());
        var seen = (await bob.GetFromJsonAsync<JsonNode>("/"))!;
        Assert.Equal(his, seen["machine"]!.GetValue<string>());
        Assert.Equal(2, seen["requests"]!.GetValue<int>());
    }

    private static string Spoilt(string token, int seed)
    {
        // The same requests in each run: a failure can be looked at.
#pragma warning disable CA5394
        var random = new Random(seed);
        var authorization = random.Next(4) == 0 ? "" : $"Authorization: Bearer {token}\r\n";
        var request = new StringBuilder(random.Next(5) switch
        {
            0 => $"GET /a/b?c=d HTTP/1.1\r\nHost: a\r\n{authorization}Accept: */*\r\nCookie: a=1; b=2\r\n\r\n",
            1 => $"POST /a HTTP/1.1\r\nHost: a\r\n{authorization}Content-Length: 11\r\nContent-Type: text/plain\r\n\r\nhello world",
            2 => $"PUT /a HTTP/1.1\r\nHost: a\r\n{authorization}Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n6;x=y\r\n world\r\n0\r\nTrailer: 1\r\n\r\n",
            3 => $"GET /.gateway/me HTTP/1.1\r\nHost: a\r\n{authorization}\r\n",
            _ => $"GET /terminal HTTP/1.1\r\nHost: a\r\n{authorization}Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n",
        });
        for (var spoils = random.Next(1, 5); spoils > 0 && request.Length > 1; spoils--)
        {
            var at = random.Next(request.Length);
            switch (random.Next(5))
            {
                case 0:
                    request.Remove(at, Math.Min(random.Next(1, 8), request.Length - at));
                    break;
                case 1:
                    request[at] = (char)random.Next(256);
                    break;
                case 2:
                    request.Insert(at, request.ToString(at, Math.Min(random.Next(1, 30), request.Length - at)));
                    break;
                default:
                    request.Insert(at, Spoilers[random.Next(Spoilers.Length)]);
                    break;
            }
        }
#pragma warning restore CA5394
        return request.ToString();
    }
}
