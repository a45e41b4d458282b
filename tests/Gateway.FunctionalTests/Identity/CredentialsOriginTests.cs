using System.Net;
using System.Net.Http.Json;
using System.Text.Json.Nodes;
using System.Text.RegularExpressions;
using Gateway.Identity;
using Gateway.Identity.Access;
using Gateway.Identity.Tokens;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Time.Testing;
using Xunit;
using static Gateway.FunctionalTests.Identity.TwoOrigins;

namespace Gateway.FunctionalTests.Identity;

/// <summary>Credentials at an origin of their own: what is done there, what is not done elsewhere, and what a page of a workspace gains.</summary>
public sealed partial class CredentialsOriginTests
{
    [Fact]
    public async Task PersonSignedInThere_MakesATokenThatOpensTheWorkspace_WithoutSigningInOnceMore()
    {
        await using var origins = await TwoOrigins.StartAsync();
        using var browser = origins.NewBrowser();
        await browser.SignInAsync();

        using var made = await MakeAsync(browser, await browser.FieldAsync());
        using var program = origins.Host.NewProgram(TokenInPage().Match(await made.Content.ReadAsStringAsync()).Value);

        Assert.Equal(HttpStatusCode.OK, made.StatusCode);
        Assert.Equal("workspace of alice", await (await program.GetAsync("/")).Content.ReadAsStringAsync());
    }

    [Theory]
    [InlineData("/.gateway/tokens", "/.gateway/tokens")]
    [InlineData("/.gateway/Tokens/", "/.gateway/tokens")]
    [InlineData("/.gateway/tokens?next=https://evil.example/", "/.gateway/tokens")]
    [InlineData("/.gateway/device?user_code=BBBB-BBBB", "/.gateway/device")]
    public async Task PageOfACredential_AtTheWorkspacesOrigin_LeadsToTheOther(string asked, string there)
    {
        await using var origins = await StartWithTestAuthorityAsync();
        using var browser = origins.NewBrowser();
        await browser.FollowAsync(Work + "/");

        using var answer = await browser.NavigateAsync(Work + asked);

        Assert.Equal(HttpStatusCode.Redirect, answer.StatusCode);
        Assert.Equal(Account + there, answer.Headers.Location!.OriginalString);
    }

    [Theory]
    [InlineData("/.gateway/tokens")]
    [InlineData("/.gateway/tokens/revoke")]
    [InlineData("/.gateway/device")]
    public async Task FormOfACredential_SentToTheWorkspacesOrigin_IsRefusedAndToldWhere(string path)
    {
        await using var origins = await StartWithTestAuthorityAsync();
        using var browser = origins.NewBrowser();
        await browser.FollowAsync(Work + "/");

        using var answer = await browser.SendAsync(HttpMethod.Post, Work + path, "same-origin", "cors", "empty", new FormUrlEncodedContent([]));
        var problem = await answer.Content.ReadFromJsonAsync<JsonNode>();

        Assert.Equal(HttpStatusCode.Forbidden, answer.StatusCode);
        Assert.Equal("urn:gateway:problem:credentials-origin", problem!["type"]!.GetValue<string>());
        Assert.Contains(Account, problem["detail"]!.GetValue<string>(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task NothingElse_IsAnsweredThere_WhoeverAsks()
    {
        await using var origins = await StartWithTestAuthorityAsync();
        using var browser = origins.NewBrowser();
        await browser.SignInAsync();
        var token = ("Authorization", "Bearer " + origins.Host.Authority.AccessToken());
        foreach (var origin in new[] { Account, "https://ACCOUNT.example.test", "https://account.example.test.", "https://account.example.test:8443" })
        {
            foreach (var path in new[] { "/x", "/index.html", "/terminal", "/.gateway/me", "/.gateway/events", "/.gateway/busy", "/.gateway/callback", "/.gateway/signed-out-callback", "/.gateway/nothing", "/.gateway/device/code" })
            {
                using var byCookie = await browser.NavigateAsync(origin + path);
                using var byToken = await browser.SendAsync(HttpMethod.Get, origin + path, "", "", "", null, token);
                using var post = await browser.SendAsync(HttpMethod.Post, origin + path, "same-origin", "cors", "empty", new FormUrlEncodedContent([]), token);

                Assert.All([byCookie, byToken, post], answer => Assert.True(answer.StatusCode == HttpStatusCode.NotFound, $"{origin}{path}: {answer.StatusCode}"));
            }
        }
    }

    [Fact]
    public async Task TokenThatOpensTheWorkspace_OpensNothingThere_HoweverOftenItWasUsed()
    {
        await using var origins = await StartWithTestAuthorityAsync();
        using var browser = origins.NewBrowser();
        var token = ("Authorization", "Bearer " + origins.Host.Authority.AccessToken());
        for (var i = 0; i < 3; i++)
        {
            using var open = await browser.SendAsync(HttpMethod.Get, Work + "/", "", "", "", null, token);
            Assert.Equal(HttpStatusCode.OK, open.StatusCode);
        }

        using var start = await browser.SendAsync(HttpMethod.Get, Account + "/x", "", "", "", null, token);
        using var tokens = await browser.SendAsync(HttpMethod.Get, Account + "/.gateway/tokens", "same-origin", "cors", "empty", null, token);

        Assert.Equal(HttpStatusCode.NotFound, start.StatusCode);
        Assert.Equal(HttpStatusCode.Unauthorized, tokens.StatusCode);
    }

    [Fact]
    public async Task CookieOfOneOrigin_OpensNothingAtTheOther()
    {
        await using var origins = await StartWithTestAuthorityAsync();
        using var browser = origins.NewBrowser();
        await browser.SignInAsync();
        var workspaces = browser.Cookies.GetCookies(new Uri(Work))["__Host-gateway"]!.Value;
        var credentials = browser.Cookies.GetCookies(new Uri(Account))["__Host-gateway.credentials"]!.Value;
        using var thief = origins.NewBrowser();

        foreach (var name in new[] { "__Host-gateway", "__Host-gateway.credentials" })
        {
            using var there = await thief.SendAsync(HttpMethod.Get, Account + "/.gateway/tokens", "same-origin", "cors", "empty", null, ("Cookie", $"{name}={workspaces}"));
            using var here = await thief.SendAsync(HttpMethod.Get, Work + "/", "same-origin", "cors", "empty", null, ("Cookie", $"{name}={credentials}"));

            Assert.Equal((HttpStatusCode.Unauthorized, HttpStatusCode.Unauthorized), (there.StatusCode, here.StatusCode));
        }
    }

    [Fact]
    public async Task EveryCookieSetThere_IsTheHostsAlone()
    {
        await using var origins = await StartWithTestAuthorityAsync();
        using var browser = origins.NewBrowser();
        using var toProvider = await browser.NavigateAsync(Account + "/.gateway/tokens");
        using var back = await browser.NavigateAsync(toProvider.Headers.Location!.OriginalString);
        using var signedIn = await browser.NavigateAsync(back.Headers.Location!.OriginalString, "cross-site");
        using var page = await browser.NavigateAsync(Account + "/.gateway/tokens");

        var set = new[] { toProvider, signedIn, page }.SelectMany(answer => answer.Headers.GetValues("Set-Cookie")).ToList();

        Assert.Equal(4, set.Select(cookie => cookie.Split('=')[0].Split('.')[1]).Distinct().Count());
        Assert.All(set, cookie =>
        {
            Assert.StartsWith("__Host-gateway", cookie, StringComparison.Ordinal);
            Assert.Contains("; secure", cookie, StringComparison.OrdinalIgnoreCase);
            Assert.Contains("; path=/;", cookie, StringComparison.OrdinalIgnoreCase);
            Assert.Contains("; httponly", cookie, StringComparison.OrdinalIgnoreCase);
            Assert.DoesNotContain("domain=", cookie, StringComparison.OrdinalIgnoreCase);
        });
    }

    [Theory]
    [InlineData("same-site")]
    [InlineData("cross-site")]
    [InlineData("")]
    public async Task FormThatAPageOfAWorkspaceSends_MakesNothing(string site)
    {
        await using var origins = await StartWithTestAuthorityAsync();
        using var browser = origins.NewBrowser();
        await browser.SignInAsync();
        var field = await browser.FieldAsync();

        using var answer = await browser.SendAsync(HttpMethod.Post, Account + "/.gateway/tokens", site, "navigate", "document", Wish(field), ("Origin", Work));

        Assert.Equal(HttpStatusCode.Forbidden, answer.StatusCode);
        Assert.Empty(await TokensOfAsync(origins));
    }

    [Theory]
    [InlineData("GET", "cors", "empty")]
    [InlineData("GET", "no-cors", "image")]
    [InlineData("GET", "no-cors", "script")]
    [InlineData("GET", "navigate", "iframe")]
    [InlineData("GET", "navigate", "object")]
    [InlineData("GET", "navigate", "embed")]
    [InlineData("OPTIONS", "cors", "empty")]
    [InlineData("POST", "no-cors", "empty")]
    public async Task WhateverAPageOfAWorkspaceAsksFor_ButAWindow_IsRefusedUnreadable(string method, string mode, string dest)
    {
        await using var origins = await StartWithTestAuthorityAsync();
        using var browser = origins.NewBrowser();
        await browser.SignInAsync();
        foreach (var path in new[] { "/", "/.gateway/tokens", "/.gateway/device", "/.gateway/sign-in", "/.gateway/sign-out", "/.gateway/credentials-callback?code=x&state=y" })
        {
            using var answer = await browser.SendAsync(new HttpMethod(method), Account + path, "same-site", mode, dest, null, ("Origin", Work));

            Assert.True(answer.StatusCode == HttpStatusCode.Forbidden, $"{path}: {answer.StatusCode}");
            Assert.False(answer.Headers.Contains("Access-Control-Allow-Origin"));
        }

        Assert.True(await browser.IsSignedInAsync(Account));
    }

    [Fact]
    public async Task WindowThatAPageOfAWorkspaceOpens_IsCutOffFromIt_AndSignsNobodyOut()
    {
        await using var origins = await StartWithTestAuthorityAsync();
        using var browser = origins.NewBrowser();
        await browser.SignInAsync();

        using var page = await browser.NavigateAsync(Account + "/.gateway/tokens", "same-site");
        using var signOut = await browser.NavigateAsync(Account + "/.gateway/sign-out", "same-site");

        Assert.Equal(HttpStatusCode.OK, page.StatusCode);
        Assert.Equal("noopener-allow-popups", page.Headers.GetValues("Cross-Origin-Opener-Policy").Single());
        Assert.Contains("frame-ancestors 'none'", page.Headers.GetValues("Content-Security-Policy").Single(), StringComparison.Ordinal);
        Assert.Equal(HttpStatusCode.Forbidden, signOut.StatusCode);
        Assert.True(await browser.IsSignedInAsync(Account));
    }

    [Theory]
    [InlineData("/.gateway/sign-in?return=//evil.example/", "/.gateway/tokens")]
    [InlineData("/.gateway/sign-in?return=/x", "/.gateway/tokens")]
    [InlineData("/.gateway/sign-in?return=/.gateway/sign-out", "/.gateway/tokens")]
    [InlineData("/.gateway/device?user_code=BBBB-BBBB", "/.gateway/device")]
    public async Task SignInThere_EndsAtOneOfItsPages(string begun, string ended)
    {
        await using var origins = await StartWithTestAuthorityAsync();
        using var browser = origins.NewBrowser();

        var (answer, at) = await browser.FollowAsync(Account + begun);

        Assert.Equal((HttpStatusCode.OK, Account + ended), (answer.StatusCode, at));
    }

    [Fact]
    public async Task SignInThatSomebodyElseBegan_IsNotFinished_WhateverCookiesASiblingPlanted()
    {
        await using var origins = await StartWithTestAuthorityAsync();
        using var attacker = origins.NewBrowser("mallory");
        origins.Host.Authority.Person["sub"] = "mallory";
        using var toProvider = await attacker.NavigateAsync(Account + "/.gateway/sign-in");
        using var back = await attacker.NavigateAsync(toProvider.Headers.Location!.OriginalString);
        using var victim = origins.NewBrowser();
        foreach (var cookie in toProvider.Headers.GetValues("Set-Cookie"))
        {
            // No browser takes the prefix beside a domain.
            var pair = cookie.Split(';')[0]["__Host-".Length..].Split('=', 2);
            victim.Cookies.Add(new Cookie(pair[0], pair[1], "/", ".example.test") { Secure = true });
        }

        using var answer = await victim.NavigateAsync(back.Headers.Location!.OriginalString, "same-site");

        Assert.Equal(HttpStatusCode.BadRequest, answer.StatusCode);
        Assert.Null(victim.Cookies.GetCookies(new Uri(Account))["__Host-gateway.credentials"]);
    }

    [Theory]
    [InlineData(Work, "/.gateway/callback", Account, "/.gateway/credentials-callback")]
    [InlineData(Account, "/.gateway/credentials-callback", Work, "/.gateway/callback")]
    public async Task SignInBegunAtOneOrigin_DoesNotEndAtTheOther(string begun, string callback, string ended, string otherCallback)
    {
        await using var origins = await StartWithTestAuthorityAsync();
        using var browser = origins.NewBrowser();
        using var toProvider = await browser.NavigateAsync(begun + "/.gateway/sign-in");
        using var back = await browser.NavigateAsync(toProvider.Headers.Location!.OriginalString);
        var cookies = browser.Cookies.GetCookieHeader(new Uri(begun)).Replace("__Host-", "", StringComparison.Ordinal);
        var both = cookies + "; " + string.Join("; ", cookies.Split("; ").Select(static cookie => "__Host-" + cookie));
        using var other = origins.NewBrowser();

        var answered = back.Headers.Location!.OriginalString;
        using var answer = await other.SendAsync(HttpMethod.Get, answered.Replace(begun + callback, ended + otherCallback, StringComparison.Ordinal), "cross-site", "navigate", "document", null, ("Cookie", both));
        using var sameCallback = await other.SendAsync(HttpMethod.Get, answered.Replace(begun, ended, StringComparison.Ordinal), "cross-site", "navigate", "document", null, ("Cookie", both));

        Assert.Equal((HttpStatusCode.BadRequest, HttpStatusCode.NotFound), (answer.StatusCode, sameCallback.StatusCode));
    }

    [Theory]
    [InlineData(Work, null)]
    [InlineData(Account, null)]
    [InlineData(Work, "desk")]
    [InlineData(Account, "desk")]
    public async Task SignOutAtOneOrigin_IsOneAtTheOther(string origin, string? session)
    {
        await using var origins = await StartWithTestAuthorityAsync(settings: new() { ["Identity:Allow:Users:1"] = "bob" });
        using var desk = origins.NewBrowser();
        using var phone = origins.NewBrowser();
        using var bob = origins.NewBrowser("bob");
        var person = origins.Host.Authority.Person;
        Session("phone");
        await phone.SignInAsync();
        Session(session is null ? null : "bob's");
        person["sub"] = "bob";
        await bob.SignInAsync();
        Session(session);
        person["sub"] = "alice";
        await desk.SignInAsync();

        using var signedOut = await desk.NavigateAsync(origin + "/.gateway/sign-out", "same-origin");

        Assert.Equal((false, false), (await desk.IsSignedInAsync(Work), await desk.IsSignedInAsync(Account)));
        Assert.Equal((true, true), (await bob.IsSignedInAsync(Work), await bob.IsSignedInAsync(Account)));
        Assert.True(await phone.IsSignedInAsync(origin));
        // Without a session of the provider's it is not known which of the user's there is in the same browser.
        Assert.Equal(session is not null, await phone.IsSignedInAsync(origin == Work ? Account : Work));

        void Session(string? name)
        {
            person.Remove("sid");
            if (session is not null)
            {
                person["sid"] = name!;
            }
        }
    }

    [Fact]
    public async Task LogoutByTheProvider_EndsTheSignInsOfBoth()
    {
        await using var origins = await StartWithTestAuthorityAsync();
        using var browser = origins.NewBrowser();
        await browser.SignInAsync();

        using var there = await browser.SendAsync(HttpMethod.Post, Account + "/.gateway/backchannel-logout", "", "", "", Logout());
        using var here = await browser.SendAsync(HttpMethod.Post, Work + "/.gateway/backchannel-logout", "", "", "", Logout());

        Assert.Equal((HttpStatusCode.NotFound, HttpStatusCode.OK), (there.StatusCode, here.StatusCode));
        Assert.Equal((false, false), (await browser.IsSignedInAsync(Work), await browser.IsSignedInAsync(Account)));

        FormUrlEncodedContent Logout() => new(new Dictionary<string, string> { ["logout_token"] = origins.Host.Authority.LogoutToken("alice", null) });
    }

    [Fact]
    public async Task OperatorsKickAndDenial_ReachTheSignInThere()
    {
        await using var origins = await StartWithTestAuthorityAsync();
        using var browser = origins.NewBrowser();
        var access = origins.Host.App.Services.GetRequiredService<UserAccess>();
        await browser.SignInAsync();

        await access.EndAllAsync(new UserId("alice"));
        var kicked = await browser.IsSignedInAsync(Account);
        await browser.SignInAsync();
        await access.DecideAsync(new UserId("alice"), new UserDecision { Allowed = false, By = "ops", At = TimeProvider.System.GetUtcNow() });
        using var denied = await browser.NavigateAsync(Account + "/.gateway/tokens");

        Assert.False(kicked);
        Assert.Equal(HttpStatusCode.Forbidden, denied.StatusCode);
    }

    [Fact]
    public async Task SignInThere_EndsAfterAnHour_HoweverBusyItsPersonIs()
    {
        var time = new FakeTimeProvider(TimeProvider.System.GetUtcNow());
        await using var origins = await StartWithTestAuthorityAsync(time);
        using var browser = origins.NewBrowser();
        await browser.SignInAsync();

        time.Advance(TimeSpan.FromMinutes(40));
        var inUse = await browser.IsSignedInAsync(Account);
        time.Advance(TimeSpan.FromMinutes(21));

        Assert.True(inUse);
        Assert.False(await browser.IsSignedInAsync(Account));
        Assert.True(await browser.IsSignedInAsync(Work));
    }

    [Fact]
    public async Task DeviceIsApprovedThere_ByThePersonWhoTypesItsCode()
    {
        await using var origins = await TwoOrigins.StartAsync();
        using var browser = origins.NewBrowser();
        await browser.SignInAsync();
        var codes = await BeginAsync(origins);
        var code = codes["user_code"]!.GetValue<string>();

        using var looked = await browser.SubmitAsync(Account + "/.gateway/device", new() { ["form"] = await browser.FieldAsync("/.gateway/device"), ["user_code"] = code, ["decision"] = "look" });
        using var approved = await browser.SubmitAsync(Account + "/.gateway/device", new() { ["form"] = await browser.FieldAsync("/.gateway/device"), ["user_code"] = code, ["decision"] = "approve" });
        using var program = origins.Host.NewProgram(await PollAsync(origins, codes));

        Assert.Equal(Account + "/.gateway/device", codes["verification_uri"]!.GetValue<string>());
        Assert.Null(codes["verification_uri_complete"]);
        Assert.Contains("value=\"approve\"", await looked.Content.ReadAsStringAsync(), StringComparison.Ordinal);
        Assert.Equal(HttpStatusCode.OK, approved.StatusCode);
        Assert.Equal("workspace of alice", await (await program.GetAsync("/")).Content.ReadAsStringAsync());
    }

    [Fact]
    public async Task LinkWithACode_ShowsNothingToClickThatApprovesIt()
    {
        await using var origins = await StartWithTestAuthorityAsync();
        using var browser = origins.NewBrowser();
        await browser.SignInAsync();
        var code = (await BeginAsync(origins))["user_code"]!.GetValue<string>();

        using var page = await browser.NavigateAsync($"{Account}/.gateway/device?user_code={code}", "same-site");
        var html = await page.Content.ReadAsStringAsync();

        Assert.Equal(HttpStatusCode.OK, page.StatusCode);
        Assert.DoesNotContain("approve", html, StringComparison.OrdinalIgnoreCase);
        Assert.DoesNotContain(code, html, StringComparison.OrdinalIgnoreCase);
    }

    [Fact]
    public async Task OperatorsListener_KnowsNothingOfIt()
    {
        await using var origins = await StartWithTestAuthorityAsync();
        using var program = origins.Host.NewProgram(origins.Host.Authority.AccessToken("ops", claims: new() { ["role"] = "operator" }), origins.Host.OperationsUrl);
        program.DefaultRequestHeaders.Host = new Uri(Account).Host;

        using var routes = await program.GetAsync("/api/routes");
        using var callback = await program.GetAsync(IdentityPaths.CredentialsCallback + "?code=x&state=y");

        Assert.Equal((HttpStatusCode.OK, HttpStatusCode.NotFound), (routes.StatusCode, callback.StatusCode));
    }

    [Fact]
    public async Task WithoutAnOriginOfTheirOwn_TheSecondCallbackIsNotThere()
    {
        await using var host = await GatewayHost.StartAsync();
        using var browser = host.NewBrowser();

        using var answer = await browser.NavigateAsync(IdentityPaths.CredentialsCallback + "?code=x&state=y");

        Assert.Equal(HttpStatusCode.NotFound, answer.StatusCode);
    }

    private static Task<HttpResponseMessage> MakeAsync(OriginBrowser browser, string field) =>
        browser.SendAsync(HttpMethod.Post, Account + "/.gateway/tokens", "same-origin", "navigate", "document", Wish(field), ("Origin", Account));

    private static FormUrlEncodedContent Wish(string field) => new(new Dictionary<string, string> { ["form"] = field, ["label"] = "laptop", ["days"] = "30" });

    private static Task<IReadOnlyList<ListedToken>> TokensOfAsync(TwoOrigins origins) => origins.Host.App.Services.GetRequiredService<PersonalTokens>().ListAsync(new UserId("alice"));

    private static async Task<JsonNode> BeginAsync(TwoOrigins origins)
    {
        using var device = origins.Host.NewProgram();
        using var answer = await device.PostAsync("/.gateway/device/code", new FormUrlEncodedContent([]));
        return (await answer.Content.ReadFromJsonAsync<JsonNode>())!;
    }

    private static async Task<string> PollAsync(TwoOrigins origins, JsonNode codes)
    {
        using var device = origins.Host.NewProgram();
        using var answer = await device.PostAsync("/.gateway/device/token", new FormUrlEncodedContent(new Dictionary<string, string>
        {
            ["grant_type"] = "urn:ietf:params:oauth:grant-type:device_code",
            ["device_code"] = codes["device_code"]!.GetValue<string>(),
        }));
        return (await answer.Content.ReadFromJsonAsync<JsonNode>())!["access_token"]!.GetValue<string>();
    }

    [GeneratedRegex("mjd_[A-Za-z0-9_-]{49}")]
    private static partial Regex TokenInPage();
}
