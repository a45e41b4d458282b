using System.Net;
using System.Net.Http.Json;
using System.Text.Json;
using Gateway.Identity;
using Microsoft.AspNetCore.WebUtilities;
using Microsoft.Extensions.Time.Testing;
using Xunit;

namespace Gateway.FunctionalTests.Identity;

public sealed class SignInTests
{
    [Fact]
    public async Task PersonWithoutSignIn_IsSentToTheProvider_AndComesBackToWhereTheyWere()
    {
        await using var host = await GatewayHost.StartAsync();
        using var browser = host.NewBrowser();

        using var first = await browser.NavigateAsync("/files/a%2Fb?x=1&y=%20z");
        Assert.Equal(HttpStatusCode.Redirect, first.StatusCode);
        Assert.StartsWith(host.Authority.Url + "/authorize?", first.Headers.Location!.OriginalString, StringComparison.Ordinal);

        var (answer, at) = await browser.FollowAsync("/files/a%2Fb?x=1&y=%20z");

        Assert.Equal(HttpStatusCode.OK, answer.StatusCode);
        Assert.Equal("/files/a%2Fb?x=1&y=%20z", at.PathAndQuery);
        Assert.Equal("workspace of alice", await answer.Content.ReadAsStringAsync());
    }

    [Fact]
    public async Task ProviderThatWantsPushedRequests_IsSentThem_AndTheBrowserCarriesTheirNameAlone()
    {
        await using var authority = await TestAuthority.StartAsync();
        authority.WantsPushed = true;
        await using var host = await GatewayHost.StartAsync(sharedAuthority: authority);
        using var browser = host.NewBrowser();

        using var first = await browser.NavigateAsync("/files");
        var (answer, at) = await browser.FollowAsync("/files");

        Assert.Equal(["client_id", "request_uri"], QueryHelpers.ParseQuery(first.Headers.Location!.Query).Keys.Order());
        Assert.Equal((HttpStatusCode.OK, "/files"), (answer.StatusCode, at.PathAndQuery));
    }

    [Fact]
    public async Task ProviderThatTakesNoPushedRequestNow_IsAnOutage()
    {
        await using var authority = await TestAuthority.StartAsync();
        authority.WantsPushed = true;
        await using var host = await GatewayHost.StartAsync(sharedAuthority: authority);
        using var browser = host.NewBrowser();
        authority.TokenEndpointIsDown = true;

        using var answer = await browser.NavigateAsync("/");

        Assert.Equal(HttpStatusCode.ServiceUnavailable, answer.StatusCode);
        Assert.Contains("identity provider does not answer", await answer.Content.ReadAsStringAsync(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task SignInBegunByHand_ComesBackToTheReturnPath()
    {
        await using var host = await GatewayHost.StartAsync();
        using var browser = host.NewBrowser();

        var (answer, at) = await browser.FollowAsync("/.gateway/sign-in?return=%2Fterminal%3Ftab%3D2");

        Assert.Equal(HttpStatusCode.OK, answer.StatusCode);
        Assert.Equal("/terminal?tab=2", at.PathAndQuery);
    }

    [Theory]
    [InlineData("https://evil.example/")]
    [InlineData("//evil.example/")]
    [InlineData("/\\evil.example/")]
    [InlineData("/%5Cevil.example/")]
    [InlineData("/\t/evil.example/")]
    [InlineData("/.gateway/sign-out")]
    public async Task ReturnPathThatLeaves_EndsAtTheStartPage(string shape)
    {
        await using var host = await GatewayHost.StartAsync();
        using var browser = host.NewBrowser();

        var (answer, at) = await browser.FollowAsync("/.gateway/sign-in?return=" + Uri.EscapeDataString(shape));

        Assert.Equal(HttpStatusCode.OK, answer.StatusCode);
        Assert.Equal(host.PublicUrl.Authority, at.Authority);
        Assert.Equal("/", at.PathAndQuery);
    }

    [Fact]
    public async Task SignInCookie_IsASmallHandle_HttpOnly_AndLax()
    {
        await using var host = await GatewayHost.StartAsync();
        using var browser = host.NewBrowser();
        host.Authority.Person["groups"] = Enumerable.Range(0, 100).Select(i => $"a-rather-long-group-name-{i}").ToArray();
        var toProvider = await browser.NavigateAsync("/");
        var back = await browser.NavigateAsync(toProvider.Headers.Location!);

        var signedIn = await browser.NavigateAsync(back.Headers.Location!, "cross-site");

        var cookie = signedIn.Headers.GetValues("Set-Cookie").Single(value => value.StartsWith("gateway=", StringComparison.Ordinal));
        Assert.Contains("httponly", cookie, StringComparison.OrdinalIgnoreCase);
        Assert.Contains("samesite=lax", cookie, StringComparison.OrdinalIgnoreCase);
        Assert.InRange(cookie.Length, 1, 700);
        Assert.Equal(1, host.Store.Count);
    }

    [Fact]
    public async Task BehindTls_CookieHasTheHostPrefix_AndTheProviderReturnsToThePublicUrl()
    {
        await using var host = await GatewayHost.StartAsync(new() { ["Identity:PublicUrl"] = "https://gateway.example" });
        using var browser = host.NewBrowser();

        var toProvider = await browser.NavigateAsync("/");

        Assert.Contains("redirect_uri=https%3A%2F%2Fgateway.example%2F.gateway%2Fcallback", toProvider.Headers.Location!.OriginalString, StringComparison.Ordinal);
        var pending = toProvider.Headers.GetValues("Set-Cookie").ToList();
        Assert.All(pending, cookie => Assert.Contains("secure", cookie, StringComparison.OrdinalIgnoreCase));

        var back = await browser.NavigateAsync(toProvider.Headers.Location!);
        var callback = new HttpRequestMessage(HttpMethod.Get, back.Headers.Location!.PathAndQuery);
        callback.Headers.Add("Cookie", string.Join("; ", pending.Select(cookie => cookie.Split(';')[0])));
        var signedIn = await browser.SendAsync(callback);

        Assert.Equal(HttpStatusCode.Redirect, signedIn.StatusCode);
        var mine = signedIn.Headers.GetValues("Set-Cookie").Single(cookie => cookie.StartsWith("__Host-gateway=", StringComparison.Ordinal));
        Assert.Contains("secure", mine, StringComparison.OrdinalIgnoreCase);
        Assert.Contains("path=/;", mine, StringComparison.OrdinalIgnoreCase);
        Assert.DoesNotContain("domain=", mine, StringComparison.OrdinalIgnoreCase);
    }

    [Fact]
    public async Task EveryCookieOfASignIn_IsNamedAsOurs()
    {
        await using var host = await GatewayHost.StartAsync();
        using var browser = host.NewBrowser();

        await browser.NavigateAsync("/other");
        await browser.FollowAsync("/");

        var names = browser.Cookies.GetAllCookies().Select(cookie => cookie.Name).ToList();
        Assert.NotEmpty(names);
        Assert.All(names, name => Assert.True(IdentityCookies.IsOurs(name), name));
    }

    [Fact]
    public async Task HundredAbandonedSignIns_LeaveNoPileOfCookies()
    {
        await using var host = await GatewayHost.StartAsync();
        using var browser = host.NewBrowser();

        for (var i = 0; i < 100; i++)
        {
            using var answer = await browser.NavigateAsync("/");
            Assert.Equal(HttpStatusCode.Redirect, answer.StatusCode);
            Assert.InRange(browser.Cookies.GetAllCookies().Count(cookie => !cookie.Expired), 0, 10);
        }

        var (last, _) = await browser.FollowAsync("/");
        Assert.Equal(HttpStatusCode.OK, last.StatusCode);
    }

    [Fact]
    public async Task WarmRequests_DoNotAskTheStore()
    {
        await using var host = await GatewayHost.StartAsync();
        using var browser = host.NewBrowser();
        await browser.FollowAsync("/");
        var reads = host.Store.Reads;

        for (var i = 0; i < 20; i++)
        {
            using var answer = await browser.NavigateAsync("/");
            Assert.Equal(HttpStatusCode.OK, answer.StatusCode);
        }

        Assert.Equal(reads, host.Store.Reads);
    }

    [Fact]
    public async Task SecondSignInInABrowser_HasAHandleOfItsOwn()
    {
        await using var host = await GatewayHost.StartAsync(new() { ["Identity:Allow:Users:1"] = "bob" });
        using var browser = host.NewBrowser();
        await browser.FollowAsync("/");
        var planted = browser.Cookies.GetCookieHeader(host.PublicUrl);
        host.Authority.Person["sub"] = "bob";

        var (answer, _) = await browser.FollowAsync("/.gateway/sign-in");

        Assert.Equal("workspace of bob", await answer.Content.ReadAsStringAsync());
        using var program = host.NewProgram();
        program.DefaultRequestHeaders.Add("Cookie", planted);
        // Whoever planted it does not come in as bob, and the earlier sign-in has ended with the later one.
        Assert.Equal(HttpStatusCode.Unauthorized, (await program.GetAsync("/")).StatusCode);
    }

    [Fact]
    public async Task SignInInUse_IsRenewed_AndEndsWhenLongUnused()
    {
        var time = new FakeTimeProvider(TimeProvider.System.GetUtcNow());
        await using var host = await GatewayHost.StartAsync(time: time);
        using var browser = host.NewBrowser();
        await browser.FollowAsync("/");

        time.Advance(TimeSpan.FromHours(7));
        using var renewed = await browser.NavigateAsync("/");
        time.Advance(TimeSpan.FromHours(7));
        using var still = await browser.NavigateAsync("/");
        time.Advance(TimeSpan.FromHours(13));
        using var ended = await browser.NavigateAsync("/");

        Assert.Equal(HttpStatusCode.OK, renewed.StatusCode);
        Assert.Contains(renewed.Headers.GetValues("Set-Cookie"), cookie => cookie.StartsWith("gateway=", StringComparison.Ordinal));
        Assert.Equal(HttpStatusCode.OK, still.StatusCode);
        Assert.Equal(HttpStatusCode.Redirect, ended.StatusCode);
    }

    [Fact]
    public async Task SignInInUse_EndsAtItsAbsoluteEnd()
    {
        var time = new FakeTimeProvider(TimeProvider.System.GetUtcNow());
        await using var host = await GatewayHost.StartAsync(time: time);
        using var browser = host.NewBrowser();
        await browser.FollowAsync("/");

        for (var i = 0; i < 21; i++)
        {
            using var inUse = await browser.NavigateAsync("/");
            Assert.Equal(HttpStatusCode.OK, inUse.StatusCode);
            time.Advance(TimeSpan.FromHours(8));
        }

        using var ended = await browser.NavigateAsync("/");
        Assert.Equal(HttpStatusCode.Redirect, ended.StatusCode);
        Assert.Equal(0, host.Store.Count);
    }

    [Fact]
    public async Task SignInOfAnAllowedUser_IsAnnounced()
    {
        await using var host = await GatewayHost.StartAsync();
        using var browser = host.NewBrowser();

        await browser.FollowAsync("/");

        Assert.Equal([new UserId("alice")], host.SignedIn);
    }

    [Fact]
    public async Task UserNotOnTheList_GetsA403PageThatSaysSo_AndIsNotAnnounced()
    {
        await using var host = await GatewayHost.StartAsync();
        using var browser = host.NewBrowser();
        host.Authority.Person["sub"] = "mallory";

        var (answer, _) = await browser.FollowAsync("/");

        Assert.Equal(HttpStatusCode.Forbidden, answer.StatusCode);
        Assert.Equal("text/html", answer.Content.Headers.ContentType!.MediaType);
        Assert.Contains("may not have a workspace", await answer.Content.ReadAsStringAsync(), StringComparison.Ordinal);
        Assert.Empty(host.SignedIn);
    }

    [Fact]
    public async Task Me_TellsUserNameAndEnd()
    {
        await using var host = await GatewayHost.StartAsync();
        using var browser = host.NewBrowser();
        host.Authority.Person["name"] = "Alice A.";
        await browser.FollowAsync("/");

        using var answer = await browser.SendAsync(new HttpRequestMessage(HttpMethod.Get, "/.gateway/me"));

        var me = await answer.Content.ReadFromJsonAsync<JsonElement>();
        Assert.Equal("alice", me.GetProperty("user").GetString());
        Assert.Equal("Alice A.", me.GetProperty("name").GetString());
        Assert.True(me.GetProperty("expires").GetDateTimeOffset() > TimeProvider.System.GetUtcNow());
    }

    [Fact]
    public async Task SignOut_EndsTheSignInHereAndAtTheProvider()
    {
        await using var host = await GatewayHost.StartAsync();
        using var browser = host.NewBrowser();
        await browser.FollowAsync("/");
        var stolen = browser.Cookies.GetCookieHeader(host.PublicUrl);

        var (answer, at) = await browser.FollowAsync("/.gateway/sign-out", "same-origin");

        Assert.Equal(HttpStatusCode.OK, answer.StatusCode);
        Assert.Equal("/.gateway/signed-out", at.AbsolutePath);
        Assert.Equal(1, host.Authority.EndedSessions);
        Assert.False(string.IsNullOrEmpty(host.Authority.LastIdTokenHint));
        Assert.Equal(0, host.Store.Count);
        using var program = host.NewProgram();
        program.DefaultRequestHeaders.Add("Cookie", stolen);
        using var replay = await program.GetAsync("/");
        Assert.Equal(HttpStatusCode.Unauthorized, replay.StatusCode);
    }

    [Fact]
    public async Task SignOutFromAnotherSite_IsRefused()
    {
        await using var host = await GatewayHost.StartAsync();
        using var browser = host.NewBrowser();
        await browser.FollowAsync("/");

        using var refused = await browser.NavigateAsync("/.gateway/sign-out", "cross-site");
        using var still = await browser.NavigateAsync("/");

        Assert.Equal(HttpStatusCode.Forbidden, refused.StatusCode);
        Assert.Equal(HttpStatusCode.OK, still.StatusCode);
    }
}
