using System.Net.Http.Headers;
using System.Net.Http.Json;
using System.Text.Json;
using Xunit;

namespace Gateway.FunctionalTests.Cloud;

public sealed class IdentityTokenTests
{
    [Fact]
    public async Task Discovery_NamesTheIssuerWithItsClosingSlash()
    {
        await using var identity = await IdentityFixture.StartAsync();
        var document = await identity.Browser.GetFromJsonAsync<JsonElement>(".well-known/openid-configuration");

        Assert.Equal(identity.Provider.Authority.AbsoluteUri, document.Text("issuer"));
        Assert.EndsWith("/", document.Text("issuer"), StringComparison.Ordinal);
        foreach (var endpoint in new[] { "authorization", "token", "userinfo", "end_session" })
        {
            Assert.StartsWith(document.Text("issuer"), document.Text($"{endpoint}_endpoint"), StringComparison.Ordinal);
        }
    }

    [Fact]
    public async Task AnyName_GetsASignedAccessTokenForTheGateway()
    {
        await using var identity = await IdentityFixture.StartAsync();
        var answer = await identity.PasswordAsync("alice");

        var checkedToken = await identity.ValidateAsync(answer.Text("access_token"), "my-jarvis-desktop");
        Assert.True(checkedToken.IsValid, checkedToken.Exception?.Message);
        Assert.Equal("alice", checkedToken.Claims["sub"]);
        Assert.Equal("alice", checkedToken.Claims["name"]);
        Assert.Equal("alice@example.com", checkedToken.Claims["email"]);
        Assert.False(checkedToken.Claims.ContainsKey("role"));
    }

    [Fact]
    public async Task AccessToken_IsForNoOtherAudience()
    {
        await using var identity = await IdentityFixture.StartAsync();
        var answer = await identity.PasswordAsync("alice");

        Assert.False((await identity.ValidateAsync(answer.Text("access_token"), "another-program")).IsValid);
    }

    [Fact]
    public async Task Ops_IsAnOperator()
    {
        await using var identity = await IdentityFixture.StartAsync();
        var answer = await identity.PasswordAsync("ops");

        Assert.Equal("operator", (await identity.ValidateAsync(answer.Text("access_token"), "my-jarvis-desktop")).Claims["role"]);
        Assert.Equal("operator", (await identity.ValidateAsync(answer.Text("id_token"), "terminal")).Claims["role"]);
    }

    [Fact]
    public async Task Restart_KeepsTheKey()
    {
        await using var identity = await IdentityFixture.StartAsync();
        var (issuer, answer) = (identity.Provider.Authority.AbsoluteUri, await identity.PasswordAsync("alice"));
        await identity.RestartAsync();

        var checkedToken = await identity.ValidateAsync(answer.Text("access_token"), "my-jarvis-desktop", issuer);
        Assert.True(checkedToken.IsValid, checkedToken.Exception?.Message);
    }

    [Fact]
    public async Task RefreshToken_GivesANewAccessTokenForTheSameUser()
    {
        await using var identity = await IdentityFixture.StartAsync();
        var first = await identity.PasswordAsync("alice", "openid offline_access");
        var second = await identity.TokenAsync(
            ("grant_type", "refresh_token"), ("client_id", "terminal"), ("refresh_token", first.Text("refresh_token")));

        var checkedToken = await identity.ValidateAsync(second.Text("access_token"), "my-jarvis-desktop");
        Assert.True(checkedToken.IsValid, checkedToken.Exception?.Message);
        Assert.Equal("alice", checkedToken.Claims["sub"]);
    }

    [Fact]
    public async Task Userinfo_TellsWhoTheTokenIsFor()
    {
        await using var identity = await IdentityFixture.StartAsync();
        var answer = await identity.PasswordAsync("alice");
        using var request = new HttpRequestMessage(HttpMethod.Get, "connect/userinfo");
        request.Headers.Authorization = new AuthenticationHeaderValue("Bearer", answer.Text("access_token"));
        using var response = await identity.Browser.SendAsync(request);
        var user = await response.Content.ReadFromJsonAsync<JsonElement>();

        Assert.Equal("alice", user.Text("sub"));
        Assert.Equal("alice@example.com", user.Text("email"));
    }

    [Fact]
    public async Task ClientWithASecret_MustNotUseTheWrongOne()
    {
        await using var identity = await IdentityFixture.StartAsync();
        var answer = await identity.TokenAsync(
            ("grant_type", "password"), ("client_id", "gateway"), ("client_secret", "wrong"), ("username", "alice"), ("password", "x"));

        Assert.Equal("invalid_client", answer.Text("error"));
    }

    [Fact]
    public async Task PasswordGrant_IsForTheTerminalOnly()
    {
        await using var identity = await IdentityFixture.StartAsync();
        var answer = await identity.TokenAsync(
            ("grant_type", "password"), ("client_id", "gateway"), ("client_secret", IdentityFixture.Secret), ("username", "alice"), ("password", "x"));

        Assert.Equal("unauthorized_client", answer.Text("error"));
    }

    [Fact]
    public async Task TwoProviders_DoNotKnowEachOthersTokens()
    {
        await using var one = await IdentityFixture.StartAsync();
        await using var other = await IdentityFixture.StartAsync();
        var answer = await one.PasswordAsync("alice");

        Assert.False((await other.ValidateAsync(answer.Text("access_token"), "my-jarvis-desktop")).IsValid);
    }
}
