using System.Net;
using System.Text.Json.Nodes;
using Gateway.FunctionalTests.Workspaces;
using Xunit;

namespace Gateway.FunctionalTests.Edge;

/// <summary>The whole gateway with an origin for credentials, asked there on a raw socket for what is a workspace's.</summary>
public sealed class CredentialsOriginPathTests
{
    private static readonly string[] Hosts = ["account.example.test", "ACCOUNT.Example.Test", "account.example.test.", "account.example.test:443", "account.example.test:9090"];

    private static readonly string[] Targets =
    [
        "/", "/x", "/index.html", "/terminal", "/api/health", "/..", "/%2e%2e/x", "//x", "/.gatewa", "/.gateway.x", "/x/.gateway/tokens", "/.GATEWAY/tokens", "/.gateway/../x", "/.gateway/%2e%2e/x", "/.gateway/..;/x", "/;/x",
        "/.gateway/me", "/.gateway/events", "/.gateway/busy", "/.gateway/jwks.json", "/.gateway/health", "/.gateway/callback?code=x&state=y", "/.gateway/nothing", "*",
    ];

    [Fact]
    public async Task WorkspaceIsNeverReachedThere_ByAnyPathHostOrMethod_AndTheOtherOriginIsAsItWas()
    {
        await using var cloud = await GatewayEnvironment.StartAsync();
        var gateway = await cloud.StartGatewayAsync(("Identity:PublicUrl", "https://work.example.test"), ("Identity:Origin", "https://account.example.test"));
        using var alice = gateway.ClientOf("alice");
        (await alice.GetAsync("/first")).EnsureSuccessStatusCode();
        (await alice.GetAsync("/known")).EnsureSuccessStatusCode();

        foreach (var host in Hosts)
        {
            foreach (var target in Targets)
            {
                foreach (var method in new[] { "GET", "POST", "DELETE" })
                {
                    var answer = await RawClient.AskAsync(gateway.Url.Port, $"{method} {target} HTTP/1.1\r\nHost: {host}\r\nAuthorization: Bearer {cloud.TokenOf("alice")}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
                    var status = RawClient.StatusesIn(answer)[0];

                    Assert.True(status is 302 or 400 or 404 or 405, $"{method} {target} at {host}: {status}");
                    Assert.True(status != 302 || (method == "GET" && target is "/" or "/.." && answer.Contains("Location: /.gateway/tokens", StringComparison.Ordinal)), $"{method} {target} at {host}: redirected");
                    Assert.DoesNotContain("\"machine\"", answer, StringComparison.Ordinal);
                }
            }
        }

        var echoed = JsonNode.Parse(await alice.GetStringAsync("/still-there"));
        Assert.Equal("/still-there", echoed!["target"]!.GetValue<string>());
    }

    [Fact]
    public async Task SocketThere_IsOpenedToNobody()
    {
        await using var cloud = await GatewayEnvironment.StartAsync();
        var gateway = await cloud.StartGatewayAsync(("Identity:PublicUrl", "https://work.example.test"), ("Identity:Origin", "https://account.example.test"));
        using var alice = gateway.ClientOf("alice");
        (await alice.GetAsync("/first")).EnsureSuccessStatusCode();

        var answer = await RawClient.SendAsync(
            gateway.Url.Port,
            $"GET /terminal HTTP/1.1\r\nHost: account.example.test\r\nAuthorization: Bearer {cloud.TokenOf("alice")}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: {Convert.ToBase64String(new byte[16])}\r\n\r\n");

        Assert.Equal((int)HttpStatusCode.NotFound, RawClient.StatusesIn(answer)[0]);
    }
}
