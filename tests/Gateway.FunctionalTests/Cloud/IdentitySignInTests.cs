using System.Net;
using Xunit;

namespace Gateway.FunctionalTests.Cloud;

public sealed class IdentitySignInTests
{
    [Fact]
    public async Task NameOnThePage_BecomesTheSubjectOfTheTokens()
    {
        await using var identity = await IdentityFixture.StartAsync();
        var browser = new BrowserSignIn(identity);
        var redirect = await browser.SignInAsync("Zoë Müller");
        var tokens = await browser.RedeemAsync(redirect);
        var idToken = await identity.ValidateAsync(tokens.Text("id_token"), "gateway");

        Assert.StartsWith(BrowserSignIn.Redirect, redirect.AbsoluteUri, StringComparison.Ordinal);
        Assert.Equal("some-state", BrowserSignIn.QueryOf(redirect, "state"));
        Assert.True(idToken.IsValid, idToken.Exception?.Message);
        Assert.Equal("Zoë Müller", idToken.Claims["sub"]);
        Assert.Equal("some-nonce", idToken.Claims["nonce"]);
        Assert.True(idToken.Claims.ContainsKey("auth_time"));
        Assert.True((await identity.ValidateAsync(tokens.Text("access_token"), "my-jarvis-desktop")).IsValid);
    }

    [Fact]
    public async Task SignedInBrowser_IsNotAskedAgain()
    {
        await using var identity = await IdentityFixture.StartAsync();
        var browser = new BrowserSignIn(identity);
        await browser.SignInAsync("alice");

        Assert.NotNull(BrowserSignIn.QueryOf(await browser.AuthorizeAsync(), "code"));
        Assert.NotNull(BrowserSignIn.QueryOf(await browser.AuthorizeAsync(("prompt", "none")), "code"));
    }

    [Fact]
    public async Task PromptNone_WithoutASignIn_IsRefusedToTheClient()
    {
        await using var identity = await IdentityFixture.StartAsync();
        var redirect = await new BrowserSignIn(identity).AuthorizeAsync(("prompt", "none"));

        Assert.StartsWith(BrowserSignIn.Redirect, redirect.AbsoluteUri, StringComparison.Ordinal);
        Assert.Equal("login_required", BrowserSignIn.QueryOf(redirect, "error"));
    }

    [Fact]
    public async Task PromptLogin_AsksASignedInBrowserAgain_AndThenLetsItThrough()
    {
        await using var identity = await IdentityFixture.StartAsync();
        var browser = new BrowserSignIn(identity);
        await browser.SignInAsync("alice");
        var redirect = await browser.SignInAsync("bob", ("prompt", "login"));
        var tokens = await browser.RedeemAsync(redirect);

        Assert.Equal("bob", (await identity.ValidateAsync(tokens.Text("id_token"), "gateway")).Claims["sub"]);
    }

    [Fact]
    public async Task Code_NeedsTheVerifierItWasAskedForWith()
    {
        await using var identity = await IdentityFixture.StartAsync();
        var redirect = await new BrowserSignIn(identity).SignInAsync("alice");
        var answer = await new BrowserSignIn(identity).RedeemAsync(redirect);

        Assert.Equal("invalid_grant", answer.Text("error"));
    }

    [Fact]
    public async Task StrangeRedirect_IsNotFollowed()
    {
        await using var identity = await IdentityFixture.StartAsync();
        using var response = await identity.Browser.GetAsync(
            "connect/authorize?client_id=gateway&response_type=code&scope=openid&redirect_uri=http%3A%2F%2Flocalhost%3A9999%2F&code_challenge=x&code_challenge_method=S256");

        Assert.Equal(HttpStatusCode.BadRequest, response.StatusCode);
        Assert.Null(response.Headers.Location);
    }

    [Fact]
    public async Task EmptyName_ShowsThePageAgain()
    {
        await using var identity = await IdentityFixture.StartAsync();
        using var form = new FormUrlEncodedContent(new Dictionary<string, string> { ["name"] = " ", ["return"] = "/connect/authorize?x=\"><script>" });
        using var response = await identity.Browser.PostAsync("sign-in", form);
        var html = await response.Content.ReadAsStringAsync();

        Assert.Equal(HttpStatusCode.BadRequest, response.StatusCode);
        Assert.Contains("role=\"alert\"", html, StringComparison.Ordinal);
        Assert.DoesNotContain("<script", html, StringComparison.Ordinal);
    }

    [Fact]
    public async Task SignInPage_SendsNobodyElsewhere()
    {
        await using var identity = await IdentityFixture.StartAsync();
        using var form = new FormUrlEncodedContent(new Dictionary<string, string> { ["name"] = "alice", ["return"] = "https://evil.example/" });
        using var response = await identity.Browser.PostAsync("sign-in", form);

        Assert.Equal("/", response.Headers.Location!.OriginalString);
    }

    [Fact]
    public async Task EndSession_ForgetsTheBrowserAndSendsItBack()
    {
        await using var identity = await IdentityFixture.StartAsync();
        var browser = new BrowserSignIn(identity);
        var tokens = await browser.RedeemAsync(await browser.SignInAsync("alice"));
        var back = await browser.GetAsync(
            $"connect/endsession?id_token_hint={tokens.Text("id_token")}&post_logout_redirect_uri={Uri.EscapeDataString("http://localhost:8080/bye")}&state=s");

        Assert.Equal("http://localhost:8080/bye?state=s", back.AbsoluteUri);
        Assert.Equal("/sign-in", (await browser.AuthorizeAsync()).AbsolutePath);
    }
}
