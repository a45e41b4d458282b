using System.Net;
using Xunit;

namespace Gateway.FunctionalTests.Identity;

/// <summary>What a workspace leaves in the browser does not outlive a sign-in or sign-out, and nor does an earlier sign-in.</summary>
public sealed class OneOriginTests
{
    [Fact]
    public async Task SignInAndSignOut_ForgetTheOriginsStorage()
    {
        await using var host = await GatewayHost.StartAsync();
        using var browser = host.NewBrowser();
        using var toProvider = await browser.NavigateAsync("/");
        using var back = await browser.NavigateAsync(toProvider.Headers.Location!);

        using var signedIn = await browser.NavigateAsync(back.Headers.Location!, "cross-site");
        using var signedOut = await browser.NavigateAsync("/.gateway/sign-out", "same-origin");

        Assert.Equal("\"storage\"", signedIn.Headers.GetValues("Clear-Site-Data").Single());
        Assert.Equal("\"storage\"", signedOut.Headers.GetValues("Clear-Site-Data").Single());
    }

    [Fact]
    public async Task SignInAgain_EndsTheEarlierOneOfTheSameBrowser()
    {
        await using var host = await GatewayHost.StartAsync();
        using var browser = host.NewBrowser();
        await browser.FollowAsync("/");
        using var stolen = host.NewProgram();
        stolen.DefaultRequestHeaders.Add("Cookie", browser.Cookies.GetCookieHeader(host.PublicUrl));
        Assert.Equal(HttpStatusCode.OK, (await stolen.GetAsync("/")).StatusCode);

        await browser.FollowAsync("/.gateway/sign-in");

        Assert.Equal(HttpStatusCode.Unauthorized, (await stolen.GetAsync("/")).StatusCode);
        Assert.Equal(HttpStatusCode.OK, (await browser.NavigateAsync("/")).StatusCode);
        Assert.Equal(1, host.Store.Count);
    }

    [Fact]
    public async Task FreshSignInForAnAction_LeavesTheSignInAsItWas()
    {
        await using var host = await GatewayHost.StartAsync();
        using var browser = host.NewBrowser();
        await browser.FollowAsync("/");
        var before = browser.Cookies.GetCookies(host.PublicUrl)["gateway"]!.Value;

        await TokenTests.MakeAsync(browser, "laptop");

        Assert.Equal(before, browser.Cookies.GetCookies(host.PublicUrl)["gateway"]!.Value);
        Assert.Equal(1, host.Store.Count);
    }
}
