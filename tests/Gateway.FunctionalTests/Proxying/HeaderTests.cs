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
    public async Task AnswerThatSteersThePlatform_LosesThat()
    {
        var answer = await AnswerAsync(
            "HTTP/1.1 200 OK\r\nfly-replay: app=other\r\nFly-Replay-Cache: /x\r\nFly-Anything: 1\r\nGateway-State: forged\r\nAlt-Svc: h3=\":1\"\r\nNEL: {}\r\nReport-To: {}\r\nX-Own: 1\r\nContent-Length: 2\r\n\r\nok");

        Assert.Contains("X-Own: 1\r\n", answer, StringComparison.Ordinal);
        Assert.EndsWith("ok", answer, StringComparison.Ordinal);
        Assert.All(new[] { "fly-", "gateway-", "alt-svc", "nel:", "report-to" }, name => Assert.DoesNotContain(name, answer, StringComparison.OrdinalIgnoreCase));
    }

    [Theory]
    [InlineData("Content-Type: Application/vnd.fly.replay+json; charset=utf-8\r\n")]
    [InlineData("Content-Type: text/plain\r\nContent-Type: application/vnd.fly.replay+json\r\n")]
    [InlineData("Content-Type: text/plain, application/vnd.fly.replay+json\r\n")]
    public async Task AnswerThatIsAnOrderToThePlatform_IsReplacedWhole(string type)
    {
        var answer = await AnswerAsync($"HTTP/1.1 200 OK\r\n{type}X-Own: 1\r\nContent-Length: 15\r\n\r\n{{\"app\":\"other\"}}");

        Assert.StartsWith("HTTP/1.1 502 ", answer, StringComparison.Ordinal);
        Assert.Contains("X-Outcome: Steering\r\n", answer, StringComparison.Ordinal);
        Assert.DoesNotContain("replay", answer, StringComparison.OrdinalIgnoreCase);
        Assert.DoesNotContain("other", answer, StringComparison.Ordinal);
        Assert.DoesNotContain("X-Own", answer, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("http://127.0.0.1:{port}/a?b=c#d", "/a?b=c#d")]
    [InlineData("http://127.0.0.1/a", "/a")]
    [InlineData("https://127.0.0.1", "/")]
    [InlineData("//127.0.0.1:{port}/a", "/a")]
    [InlineData("http://localhost:{port}/a", "/a")]
    [InlineData("http://0.0.0.0:{port}/a", "/a")]
    [InlineData("http://[::]:{port}/a", "/a")]
    [InlineData("http://d8d0.vm.my-jarvis-workspaces.internal:10000/a", "/a")]
    [InlineData("http://127.0.0.1:{port}//evil.example/a", "/.//evil.example/a")]
    [InlineData("/a//b", "/a//b")]
    [InlineData("http://localhost:1/a", "http://localhost:1/a")]
    [InlineData("https://example.com/127.0.0.1", "https://example.com/127.0.0.1")]
    [InlineData("https://internal.example.com/", "https://internal.example.com/")]
    [InlineData("mailto:a@127.0.0.1", "mailto:a@127.0.0.1")]
    public async Task RedirectToThePrivateAddress_BecomesLocal_AndOthersStay(string location, string expected)
    {
        await using var workspace = new ByteWorkspace(async connection =>
        {
            var port = connection.LocalPort.ToString(System.Globalization.CultureInfo.InvariantCulture);
            while (await connection.ReadRequestAsync() is not null)
            {
                await connection.WriteAsync($"HTTP/1.1 302 Found\r\nLocation: {location.Replace("{port}", port, StringComparison.Ordinal)}\r\nContent-Length: 0\r\n\r\n");
            }
        });
        await using var gateway = await ForwardingGateway.StartAsync(workspace.Port);

        var answer = await gateway.ExchangeAsync("GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");

        Assert.Contains($"Location: {expected}\r\n", answer, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("/", false)]
    [InlineData("/.gateway/", false)]
    [InlineData("/.gateway/sign-in", false)]
    [InlineData("/.", false)]
    [InlineData("../", false)]
    [InlineData("/app/../", false)]
    [InlineData("/%2egateway/", false)]
    [InlineData("http://[", false)]
    [InlineData("/app/", true)]
    [InlineData("./", true)]
    [InlineData("/.well-known/", true)]
    public async Task ScopeOfAServiceWorker_PassesOnlyBesideTheGatewaysPaths(string scope, bool passes)
    {
        var answer = await AnswerAsync($"HTTP/1.1 200 OK\r\nService-Worker-Allowed: {scope}\r\nContent-Length: 2\r\n\r\nok", "/app/worker.js");

        Assert.Equal(passes, answer.Contains("Service-Worker-Allowed", StringComparison.Ordinal));
    }

    [Theory]
    [InlineData("=__Host-gateway=evil")]
    [InlineData(" __Host-gateway=evil")]
    [InlineData("__Host-gateway =evil")]
    [InlineData("__Host-gateway.sign-in.x=evil; Max-Age=1")]
    public async Task CookieThatWouldComeBackUnderOurName_IsDropped(string cookie)
    {
        var answer = await AnswerAsync($"HTTP/1.1 200 OK\r\nSet-Cookie: {cookie}\r\nContent-Length: 2\r\n\r\nok");

        Assert.DoesNotContain("evil", answer, StringComparison.Ordinal);
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

    private static async Task<string> AnswerAsync(string answer, string path = "/")
    {
        await using var workspace = ByteWorkspace.Answering(_ => { }, answer);
        await using var gateway = await ForwardingGateway.StartAsync(workspace.Port);
        return await gateway.ExchangeAsync($"GET {path} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
    }

    private static IEnumerable<string> Lines(string head, params string[] beginnings) => head.Split("\r\n").Skip(1)
        .Select(line => line.ToLowerInvariant())
        .Where(line => beginnings.Any(beginning => line.StartsWith(beginning, StringComparison.Ordinal)))
        .Order(StringComparer.Ordinal);
}
