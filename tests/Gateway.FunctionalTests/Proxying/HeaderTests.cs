using System.Collections.Concurrent;
using Xunit;

namespace Gateway.FunctionalTests.Proxying;

/// <summary>What the gateway adds to, and takes from, a request and its answer.</summary>
public sealed class HeaderTests
{
    [Fact]
    public async Task RequestHeadersOfHopsBeforeUs_AreReplacedOrRemoved()
    {
        var head = await HeadSeenAsync(
            "X-Forwarded-For: 9.9.9.9\r\nX-Forwarded-Host: evil\r\nX-Forwarded-Proto: gopher\r\nX-Forwarded-Port: 1\r\nx-forwarded-prefix: /p\r\nForwarded: for=9.9.9.9\r\n"
            + "Fly-Client-IP: 9.9.9.9\r\nfly-replay-src: instance=1\r\nX-Gateway-User: eve\r\nX-Real-IP: 9.9.9.9\r\n");

        Assert.Equal(["host: a.example", "x-forwarded-for: 127.0.0.1", "x-forwarded-host: a.example", "x-forwarded-proto: http"], Lines(head, "host", "x-", "forwarded", "fly"));
    }

    [Fact]
    public async Task HeadersOfTheWorkspacesOwn_PassUntouched()
    {
        var head = await HeadSeenAsync("Authorization: Bearer fake-token-for-tests\r\nCookie: a=1;b=\"2\"; c\r\nUser-Agent:  x/1 (y; z)\r\nX-Custom: 1\r\nX-Custom: 2\r\nAccept: */*\r\n");

        Assert.Contains("Authorization: Bearer fake-token-for-tests\r\n", head, StringComparison.Ordinal);
        Assert.Contains("Cookie: a=1;b=\"2\"; c\r\n", head, StringComparison.Ordinal);
        Assert.Contains("User-Agent: x/1 (y; z)\r\n", head, StringComparison.Ordinal);
        Assert.Contains("X-Custom: 1, 2\r\n", head, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("Cookie: a=1; __Host-gateway=fake; b=2\r\n", "Cookie: a=1; b=2\r\n")]
    [InlineData("Cookie: __Host-gatewayC1=fake; a=x=y==\r\n", "Cookie: a=x=y==\r\n")]
    [InlineData("Cookie: __Host-gateway=fake\r\n", "")]
    public async Task OwnCookie_IsTakenOutAndTheOthersStay(string sent, string expected)
    {
        var head = await HeadSeenAsync(sent);

        Assert.DoesNotContain("fake", head, StringComparison.Ordinal);
        Assert.Equal(expected, string.Concat(head.Split("\r\n").Where(line => line.StartsWith("Cookie", StringComparison.OrdinalIgnoreCase)).Select(line => line + "\r\n")));
    }

    [Fact]
    public async Task AnswerThatSteersThePlatform_IsDisarmed()
    {
        var answer = await AnswerAsync(
            "HTTP/1.1 200 OK\r\nfly-replay: app=other\r\nFly-Replay-Cache: /x\r\nAlt-Svc: h3=\":1\"\r\nContent-Type: Application/vnd.fly.replay+json; charset=utf-8\r\nX-Own: 1\r\nContent-Length: 2\r\n\r\n{}");

        Assert.Contains("X-Own: 1\r\n", answer, StringComparison.Ordinal);
        Assert.Contains("Content-Type: application/octet-stream\r\n", answer, StringComparison.Ordinal);
        Assert.DoesNotContain("replay", answer, StringComparison.OrdinalIgnoreCase);
        Assert.DoesNotContain("Alt-Svc", answer, StringComparison.OrdinalIgnoreCase);
    }

    [Fact]
    public async Task SecondContentTypeThatSteers_IsDisarmedToo()
    {
        var answer = await AnswerAsync("HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Type: application/vnd.fly.replay+json\r\nContent-Length: 2\r\n\r\n{}");

        Assert.DoesNotContain("replay", answer, StringComparison.OrdinalIgnoreCase);
    }

    [Fact]
    public async Task CookieOfOursSetByAWorkspace_IsDroppedAndItsOwnStays()
    {
        var answer = await AnswerAsync("HTTP/1.1 200 OK\r\nSet-Cookie: __Host-gateway=evil; Path=/; Secure\r\nSet-Cookie: own=1; Expires=Wed, 21 Oct 2030 07:28:00 GMT\r\nContent-Length: 2\r\n\r\nok");

        Assert.DoesNotContain("evil", answer, StringComparison.Ordinal);
        Assert.Contains("Set-Cookie: own=1; Expires=Wed, 21 Oct 2030 07:28:00 GMT\r\n", answer, StringComparison.Ordinal);
    }

    private static async Task<string> HeadSeenAsync(string headers)
    {
        var seen = new ConcurrentQueue<string>();
        await using var workspace = ByteWorkspace.Answering(seen.Enqueue);
        await using var gateway = await ForwardingGateway.StartAsync(workspace.Port);
        await gateway.ExchangeAsync($"GET / HTTP/1.1\r\nHost: a.example\r\n{headers}Connection: close\r\n\r\n");
        return Assert.Single(seen);
    }

    private static async Task<string> AnswerAsync(string answer)
    {
        await using var workspace = ByteWorkspace.Answering(_ => { }, answer);
        await using var gateway = await ForwardingGateway.StartAsync(workspace.Port);
        return await gateway.ExchangeAsync("GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
    }

    private static IEnumerable<string> Lines(string head, params string[] beginnings) => head.Split("\r\n").Skip(1)
        .Select(line => line.ToLowerInvariant())
        .Where(line => beginnings.Any(beginning => line.StartsWith(beginning, StringComparison.Ordinal)))
        .Order(StringComparer.Ordinal);
}
