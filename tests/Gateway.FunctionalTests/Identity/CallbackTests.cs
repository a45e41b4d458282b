using System.Net;
using Xunit;

namespace Gateway.FunctionalTests.Identity;

public sealed class CallbackTests
{
    [Fact]
    public async Task ReplayedCallback_IsRefused()
    {
        await using var host = await GatewayHost.StartAsync();
        using var browser = host.NewBrowser();
        var callback = await BeginAsync(browser);
        using var first = await browser.NavigateAsync(callback, "cross-site");

        using var again = await browser.NavigateAsync(callback, "cross-site");

        Assert.Equal(HttpStatusCode.Redirect, first.StatusCode);
        await AssertExpiredAsync(again);
    }

    [Fact]
    public async Task CallbackInAnotherBrowser_IsRefused()
    {
        await using var host = await GatewayHost.StartAsync();
        using var attacker = host.NewBrowser();
        using var victim = host.NewBrowser();
        var callback = await BeginAsync(attacker);

        using var answer = await victim.NavigateAsync(callback, "cross-site");

        await AssertExpiredAsync(answer);
        Assert.Empty(host.SignedIn);
    }

    [Theory]
    [InlineData("/.gateway/callback")]
    [InlineData("/.gateway/callback?code=x")]
    [InlineData("/.gateway/callback?code=x&state=forged")]
    public async Task CallbackWithoutAGoodState_IsRefused(string path)
    {
        await using var host = await GatewayHost.StartAsync();
        using var browser = host.NewBrowser();

        using var answer = await browser.NavigateAsync(path, "cross-site");

        await AssertExpiredAsync(answer);
    }

    [Fact]
    public async Task AnotherNonce_IsRefused()
    {
        await using var host = await GatewayHost.StartAsync();
        host.Authority.WrongNonce = true;
        using var browser = host.NewBrowser();

        using var answer = await browser.NavigateAsync(await BeginAsync(browser), "cross-site");

        await AssertExpiredAsync(answer);
        Assert.Equal(0, host.Store.Count);
    }

    [Fact]
    public async Task ProviderThatSaysNo_IsRepeatedWithoutItsWords()
    {
        await using var host = await GatewayHost.StartAsync();
        using var browser = host.NewBrowser();
        var callback = await BeginAsync(browser);
        var state = callback.Query[(callback.Query.IndexOf("state=", StringComparison.Ordinal) + 6)..];

        using var answer = await browser.NavigateAsync($"/.gateway/callback?error=access_denied&error_description=%3Cscript%3E&state={state}", "cross-site");

        Assert.Equal(HttpStatusCode.Forbidden, answer.StatusCode);
        Assert.DoesNotContain("script", await answer.Content.ReadAsStringAsync(), StringComparison.OrdinalIgnoreCase);
    }

    [Fact]
    public async Task ProviderDownAtTheTokenEndpoint_Is503_AndTheNextTryWorks()
    {
        await using var host = await GatewayHost.StartAsync();
        using var browser = host.NewBrowser();
        var callback = await BeginAsync(browser);
        host.Authority.TokenEndpointIsDown = true;

        using var refused = await browser.NavigateAsync(callback, "cross-site");
        host.Authority.TokenEndpointIsDown = false;
        var (next, _) = await browser.FollowAsync("/");

        Assert.Equal(HttpStatusCode.ServiceUnavailable, refused.StatusCode);
        Assert.Equal("text/html", refused.Content.Headers.ContentType!.MediaType);
        Assert.Equal(HttpStatusCode.OK, next.StatusCode);
    }

    [Fact]
    public async Task StoreAwayAtTheCallback_Is503()
    {
        await using var host = await GatewayHost.StartAsync();
        using var browser = host.NewBrowser();
        var callback = await BeginAsync(browser);
        host.Store.Reachable = false;

        using var answer = await browser.NavigateAsync(callback, "cross-site");

        Assert.Equal(HttpStatusCode.ServiceUnavailable, answer.StatusCode);
        Assert.Equal("unknown", answer.Headers.GetValues("Gateway-State").Single());
    }

    [Fact]
    public async Task TokenWithoutTheUserClaim_IsRefused()
    {
        await using var host = await GatewayHost.StartAsync(new() { ["Identity:UserClaim"] = "employee" });
        using var browser = host.NewBrowser();

        using var answer = await browser.NavigateAsync(await BeginAsync(browser), "cross-site");

        Assert.Equal(HttpStatusCode.BadRequest, answer.StatusCode);
        Assert.Equal(0, host.Store.Count);
    }

    private static async Task<Uri> BeginAsync(Browser browser)
    {
        using var toProvider = await browser.NavigateAsync("/");
        using var back = await browser.NavigateAsync(toProvider.Headers.Location!);
        return back.Headers.Location!;
    }

    private static async Task AssertExpiredAsync(HttpResponseMessage answer)
    {
        Assert.Equal(HttpStatusCode.BadRequest, answer.StatusCode);
        Assert.Contains("sign-in-expired", await answer.Content.ReadAsStringAsync(), StringComparison.Ordinal);
    }
}
