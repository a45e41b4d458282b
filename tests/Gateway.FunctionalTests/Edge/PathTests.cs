using System.Net;
using System.Text.Json.Nodes;
using Gateway.FunctionalTests.Workspaces;
using Xunit;

namespace Gateway.FunctionalTests.Edge;

/// <summary>
/// Paths that mean the gateway to one server and the workspace to another: whatever comes of one, it is neither an answer of the gateway's own endpoints
/// nor a path of the gateway's at the workspace. And hosts that mean the operators.
/// </summary>
public sealed class PathTests : IAsyncLifetime
{
    private static readonly string[] Tricks =
    [
        "/%2e%2e/.gateway/me", "/a/../.gateway/me", "/a/%2e%2e/.gateway/me", "/a/%2E./.gateway/me", "/a/..%2f.gateway/me", "/a%2f..%2f.gateway/me", "/./.gateway/me", "/%2e/.gateway/me",
        "/%2egateway/me", "/.gatewa%79/me", "/.gateway%2fme", "/.gateway%2Fme", "/%2f.gateway/me", "//.gateway/me", "///.gateway/me", "/a//../.gateway/me", "/a/..//.gateway/me",
        "/\\.gateway/me", "/.gateway\\me", "\\.gateway\\me", "/a\\..\\.gateway/me", "/%5c.gateway/me", "/.gateway%5cme",
        "/.GATEWAY/me", "/.Gateway/me", "/.gateway/../.gateway/me", "/.gateway/./me", "/.gateway/%2e/me", "/.gateway/x/../me", "/.gateway/..", "/.gateway/../", "/.gateway/../x", "/.gateway/%2e%2e/x",
        "/.gateway/..%2fx", "/.gateway/..;/x", "/a/..;/.gateway/me", "/.gateway;x/me", "/.gateway/;/../../x", "/;/.gateway/me", "/.;/.gateway/me",
        "/%252e%252e/.gateway/me", "/a/%252e%252e/.gateway/me", "/%252egateway/me", "/.gateway%252fme", "/%25252egateway/me",
        "/.gateway%00/me", "/.gateway/me%00", "/.gateway%20/me", "/.gateway%09/me", "/.gateway./me", "/.gateway%23/me", "/.gateway%3f/me", "/.gateway%3b/me",
        "/%c0%aegateway/me", "/%c0%af.gateway/me", "/%e0%80%aegateway/me", "/%uff0egateway/me", "/\u00ff.gateway/me",
        "http://a/.gateway/../x", "http://a/%2egateway/me", "http://a//.gateway/me", "http://a/x/../.gateway/me", "http://user@a/.gateway%2fme", "*", "/?/../.gateway/me", "/x?a=/../.gateway/me", "/x#/../.gateway/me",
    ];

    private GatewayEnvironment _cloud = null!;
    private RunningGateway _gateway = null!;

    public async Task InitializeAsync()
    {
        _cloud = await GatewayEnvironment.StartAsync();
        _gateway = await _cloud.StartGatewayAsync();
        using var alice = _gateway.ClientOf("alice");
        (await alice.GetAsync("/first")).EnsureSuccessStatusCode();
    }

    public async Task DisposeAsync() => await _cloud.DisposeAsync();

    [Fact]
    public async Task Trick_ReachesNeitherTheGatewaysEndpoints_NorTheWorkspaceUnderTheGatewaysName()
    {
        foreach (var target in Tricks)
        {
            var answer = await AskAsync(target);
            var status = RawClient.StatusesIn(answer)[0];

            Assert.True(status is 200 or 400 or 404 or 405, $"{target}: {status}");
            if (status == 200)
            {
                AssertHarmless(target, answer[(answer.IndexOf("\r\n\r\n", StringComparison.Ordinal) + 4)..].Trim('\r', '\n', '0', ' ').TrimStart("0123456789abcdef\r\n".ToCharArray()));
            }
        }
    }

    [Fact]
    public async Task TrickByHttp2_ReachesNeitherTheGatewaysEndpoints_NorTheWorkspaceUnderTheGatewaysName()
    {
        foreach (var target in Tricks)
        {
            using var client = await RawHttp2Client.ConnectAsync(_gateway.Http2Url.Port);
            await client.SendAsync(RawHttp2Client.Headers, RawHttp2Client.EndStream | RawHttp2Client.EndHeaders, 1, RawHttp2Client.Fields(
                (":method", "GET"), (":scheme", "http"), (":path", target), (":authority", "a"), ("authorization", "Bearer " + _cloud.TokenOf("alice"))));

            var status = await client.AnswerAsync(1);

            Assert.True(status is "200" or "400" or "404" or "405" || status.StartsWith("reset", StringComparison.Ordinal), $"{target}: {status}");
            if (status == "200")
            {
                AssertHarmless(target, client.Body);
            }
        }
    }

    private static void AssertHarmless(string target, string answer)
    {
        var body = JsonNode.Parse(answer)!;
        // What begins with the gateway's name and ends there in every reading is the gateway's.
        Assert.True(body["machine"] is not null || (target.StartsWith("/.gateway/", StringComparison.Ordinal) && Lenient(target).StartsWith("/.gateway/", StringComparison.Ordinal)), $"{target}: answered by the gateway");
        Assert.False(body["machine"] is not null && IsOwn(Lenient(body["target"]!.GetValue<string>())), $"{target}: went up as {body["target"]}");
    }

    [Fact]
    public async Task GatewaysOwnPath_IsAnsweredByTheGateway_InEveryPlainForm()
    {
        Assert.Contains("\"user\":\"alice\"", await AskAsync("/.gateway/me"), StringComparison.Ordinal);
        Assert.Contains("\"user\":\"alice\"", await AskAsync("/.gateway/me?x=/../y"), StringComparison.Ordinal);
        Assert.Contains("\"user\":\"alice\"", await AskAsync("http://a/.gateway/me"), StringComparison.Ordinal);
        Assert.StartsWith("HTTP/1.1 404", await AskAsync("/.gateway/nothing"), StringComparison.Ordinal);
        Assert.StartsWith("HTTP/1.1 404", await AskAsync("/.gateway"), StringComparison.Ordinal);
    }

    [Fact]
    public async Task OperatorsHost_IsNoWayToTheOperatorsListener()
    {
        var operators = _gateway.OperationsUrl.Authority;
        foreach (var (target, headers) in new[]
        {
            ("/api/routes", $"Host: {operators}\r\n"),
            ("/metrics", $"Host: {operators}\r\n"),
            ($"http://{operators}/api/routes", $"Host: {operators}\r\n"),
            ("/api/routes", $"Host: a\r\nX-Forwarded-Host: {operators}\r\nX-Forwarded-Port: {_gateway.OperationsUrl.Port}\r\n"),
            ("/api/routes", $"Host: a\r\nForwarded: host={operators};for=127.0.0.1\r\nX-Original-Host: {operators}\r\n"),
            ("/api/routes", "Host: localhost:9090\r\n"),
        })
        {
            var answer = await RawClient.AskAsync(_gateway.Url.Port, $"GET {target} HTTP/1.1\r\n{headers}Authorization: Bearer {_cloud.OperatorToken}\r\nConnection: close\r\n\r\n");

            Assert.StartsWith("HTTP/1.1 200", answer, StringComparison.Ordinal);
            Assert.Contains("\"machine\":", answer, StringComparison.Ordinal);
            Assert.Contains("\"bodySha256\":", answer, StringComparison.Ordinal);
        }
    }

    [Theory]
    [InlineData("/sw.js", HttpStatusCode.Forbidden)]
    [InlineData("/", HttpStatusCode.Forbidden)]
    [InlineData("/app/sw.js", HttpStatusCode.OK)]
    public async Task ServiceWorkersScript_IsServedFromAFolderOnly(string path, HttpStatusCode status)
    {
        using var alice = _gateway.ClientOf("alice");
        alice.DefaultRequestHeaders.TryAddWithoutValidation("Service-Worker", "script");

        Assert.Equal(status, (await alice.GetAsync(path)).StatusCode);
        Assert.Equal(HttpStatusCode.NotFound, (await alice.GetAsync("/.gateway/sw.js")).StatusCode);
    }

    private Task<string> AskAsync(string target) => RawClient.AskAsync(
        _gateway.Url.Port, $"GET {target} HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer {_cloud.TokenOf("alice")}\r\nConnection: close\r\n\r\n");

    private static bool IsOwn(string path) => path.Equals("/.gateway", StringComparison.OrdinalIgnoreCase) || path.StartsWith("/.gateway/", StringComparison.OrdinalIgnoreCase);

    /// <summary>As a lenient server behind us might read it.</summary>
    private static string Lenient(string target)
    {
        var path = Uri.UnescapeDataString(Uri.UnescapeDataString(target.Split('?', '#')[0])).Replace('\\', '/');
        var kept = new List<string>();
        foreach (var segment in path.Split('/', StringSplitOptions.RemoveEmptyEntries).Select(static segment => segment.Split(';')[0]))
        {
            if (segment == ".." && kept.Count > 0)
            {
                kept.RemoveAt(kept.Count - 1);
            }
            else if (segment is not (".." or "." or ""))
            {
                kept.Add(segment);
            }
        }

        return "/" + string.Join('/', kept);
    }
}
