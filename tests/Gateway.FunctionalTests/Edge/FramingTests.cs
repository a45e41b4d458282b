using System.Net;
using Gateway.FunctionalTests.Workspaces;
using Xunit;

namespace Gateway.FunctionalTests.Edge;

/// <summary>A workspace's page shares the origin with the gateway's, and cannot show one of them inside of itself.</summary>
public sealed class FramingTests
{
    [Fact]
    public async Task GatewaysAnswers_AreNotFramed_NotSniffedAndTellNoReferrer_AndAWorkspacesAreItsOwn()
    {
        await using var cloud = await GatewayEnvironment.StartAsync();
        var gateway = await cloud.StartGatewayAsync();
        using var alice = gateway.ClientOf("alice");
        using var stranger = RunningGateway.Client(gateway.Url, null);
        stranger.DefaultRequestHeaders.Add("Accept", "text/html");

        foreach (var (client, path) in new[]
        {
            (stranger, "/.gateway/health"), (stranger, "/.gateway/sign-in"), (stranger, "/.gateway/signed-out"), (stranger, "/.gateway/jwks.json"), (stranger, "/.gateway/nothing"), (alice, "/.gateway/me"),
        })
        {
            using var answer = await client.GetAsync(path);

            Assert.Contains("frame-ancestors 'none'", Assert.Single(answer.Headers.GetValues("Content-Security-Policy")), StringComparison.Ordinal);
            Assert.Equal("DENY", Assert.Single(answer.Headers.GetValues("X-Frame-Options")));
            Assert.Equal("nosniff", Assert.Single(answer.Headers.GetValues("X-Content-Type-Options")));
            Assert.Equal("no-referrer", Assert.Single(answer.Headers.GetValues("Referrer-Policy")));
        }

        using var own = await alice.GetAsync("/");
        Assert.Equal(HttpStatusCode.OK, own.StatusCode);
        Assert.False(own.Headers.Contains("Content-Security-Policy"));
        Assert.False(own.Headers.Contains("X-Frame-Options"));
    }
}
