using System.Net;
using Gateway.FunctionalTests.Workspaces;
using Gateway.Identity;
using Microsoft.AspNetCore.WebUtilities;
using Xunit;

namespace Gateway.FunctionalTests.Edge;

/// <summary>What blocks runs on no thread that polls sockets.</summary>
[Collection(nameof(Alone))]
public sealed class SocketThreadsTests
{
    [Fact]
    public async Task CookiesOfAnUnknownKey_WhileRedisHangs_AreRefusedAndHoldUpNoWarmRequest()
    {
        await using var cloud = await GatewayEnvironment.StartAsync();
        await using var gateway = await cloud.StartProcessAsync("one");
        using var alice = RunningGateway.Client(gateway.Url, cloud.TokenOf("alice"));
        using var stranger = new HttpClient(new SocketsHttpHandler { UseCookies = false, AllowAutoRedirect = false }) { BaseAddress = gateway.Url };
        Assert.Equal(HttpStatusCode.OK, (await alice.GetAsync("/page").WaitAsync(Eventually.Limit)).StatusCode);

        cloud.Redis.Pause();
        var judged = Enumerable.Range(0, 8).Select(_ => stranger.SendAsync(WithCookieOfUnknownKey())).ToList();
        try
        {
            for (var request = 0; request < 50; request++)
            {
                using var answer = await alice.GetAsync("/page").WaitAsync(TimeSpan.FromSeconds(1));
                Assert.Equal(HttpStatusCode.OK, answer.StatusCode);
            }

            // They do wait for Redis: otherwise nothing was shown.
            Assert.All(judged, static one => Assert.False(one.IsCompleted));
            foreach (var one in await Task.WhenAll(judged).WaitAsync(Eventually.Limit))
            {
                using (one)
                {
                    Assert.NotEqual(HttpStatusCode.OK, one.StatusCode);
                }
            }
        }
        finally
        {
            cloud.Redis.Resume();
        }
    }

    /// <summary>Looks like one of ours: the mark of data protection, the id of a key, and then what nobody can read.</summary>
    private static HttpRequestMessage WithCookieOfUnknownKey()
    {
        byte[] cookie = [0x09, 0xF0, 0xC9, 0xF0, .. Guid.NewGuid().ToByteArray(), .. new byte[96]];
        return new HttpRequestMessage(HttpMethod.Get, "/page") { Headers = { { "Cookie", $"{IdentityCookies.Plain}={WebEncoders.Base64UrlEncode(cookie)}" }, { "Accept", "application/json" } } };
    }
}
