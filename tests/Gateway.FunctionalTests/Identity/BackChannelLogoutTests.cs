using System.Net;
using System.Security.Cryptography;
using Microsoft.IdentityModel.Tokens;
using Xunit;

namespace Gateway.FunctionalTests.Identity;

/// <summary>The provider ends its session, and the sign-ins that came of it end here.</summary>
public sealed class BackChannelLogoutTests
{
    public static TheoryData<string> Servers => [MapServer.Redis, MapServer.Garnet];

    [Theory]
    [MemberData(nameof(Servers))]
    public async Task LogoutOfASession_EndsItsSignIn_AndNoOther(string server)
    {
        await using var map = await MapServer.StartAsync(server);
        await using var connection = await map.ConnectAsync();
        await using var host = await GatewayHost.StartAsync(redis: connection);
        using var desk = host.NewBrowser();
        using var phone = host.NewBrowser();
        host.Authority.Person["sid"] = "desk";
        await desk.FollowAsync("/");
        host.Authority.Person["sid"] = "phone";
        await phone.FollowAsync("/");

        using var answer = await LogOutAsync(host, host.Authority.LogoutToken("alice", "desk"));
        using var atDesk = await desk.NavigateAsync("/");
        using var onPhone = await phone.NavigateAsync("/");

        Assert.Equal(HttpStatusCode.OK, answer.StatusCode);
        Assert.True(answer.Headers.CacheControl!.NoStore);
        Assert.Equal(HttpStatusCode.Redirect, atDesk.StatusCode);
        Assert.Equal(HttpStatusCode.OK, onPhone.StatusCode);
    }

    [Fact]
    public async Task LogoutOfASubject_EndsAllOfTheirSignIns()
    {
        await using var host = await GatewayHost.StartAsync(new() { ["Identity:Allow:Users:1"] = "bob" });
        using var desk = host.NewBrowser();
        using var phone = host.NewBrowser();
        using var bob = host.NewBrowser();
        await desk.FollowAsync("/");
        await phone.FollowAsync("/");
        host.Authority.Person["sub"] = "bob";
        await bob.FollowAsync("/");

        using var answer = await LogOutAsync(host, host.Authority.LogoutToken("alice", null));

        Assert.Equal(HttpStatusCode.OK, answer.StatusCode);
        Assert.Equal(HttpStatusCode.Redirect, (await desk.NavigateAsync("/")).StatusCode);
        Assert.Equal(HttpStatusCode.Redirect, (await phone.NavigateAsync("/")).StatusCode);
        Assert.Equal(HttpStatusCode.OK, (await bob.NavigateAsync("/")).StatusCode);
    }

    [Theory]
    [InlineData("forged")]
    [InlineData("wrong audience")]
    [InlineData("wrong issuer")]
    [InlineData("old")]
    [InlineData("with a nonce")]
    [InlineData("without the event")]
    [InlineData("of nobody")]
    [InlineData("an access token")]
    [InlineData("nothing")]
    [InlineData("alg none")]
    public async Task BadLogoutToken_Is400_AndEndsNothing(string fault)
    {
        await using var host = await GatewayHost.StartAsync();
        using var browser = host.NewBrowser();
        await browser.FollowAsync("/");

        using var answer = await LogOutAsync(host, BadToken(host.Authority, fault));

        Assert.Equal(HttpStatusCode.BadRequest, answer.StatusCode);
        Assert.Equal(HttpStatusCode.OK, (await browser.NavigateAsync("/")).StatusCode);
    }

    private static async Task<HttpResponseMessage> LogOutAsync(GatewayHost host, string token)
    {
        using var provider = host.NewProgram();
        return await provider.PostAsync("/.gateway/backchannel-logout", new FormUrlEncodedContent(new Dictionary<string, string> { ["logout_token"] = token }));
    }

    private static string BadToken(TestAuthority authority, string fault)
    {
        switch (fault)
        {
            case "forged":
                using (var other = RSA.Create(2048))
                {
                    return authority.LogoutToken("alice", null, signing: new SigningCredentials(new RsaSecurityKey(other.ExportParameters(true)) { KeyId = "key-1" }, SecurityAlgorithms.RsaSha256));
                }

            case "wrong audience":
                return authority.LogoutToken("alice", null, audience: TestAuthority.Audience);
            case "wrong issuer":
                return authority.LogoutToken("alice", null, issuer: "https://another.example");
            case "old":
                return authority.LogoutToken("alice", null, age: TimeSpan.FromMinutes(30));
            case "with a nonce":
                return authority.LogoutToken("alice", null, claims: new() { ["nonce"] = "x" });
            case "without the event":
                return authority.LogoutToken("alice", null, claims: new() { ["events"] = new Dictionary<string, object>() });
            case "of nobody":
                return authority.LogoutToken(null, null);
            case "an access token":
                return authority.AccessToken();
            case "alg none":
                return Base64UrlEncoder.Encode("""{"alg":"none","typ":"JWT"}""") + "." + authority.LogoutToken("alice", null).Split('.')[1] + ".";
            default:
                return "";
        }
    }
}
