using System.Net;
using System.Net.Http.Json;
using System.Text.Json;
using Gateway.FunctionalTests.Identity;
using Gateway.FunctionalTests.Workspaces;
using Gateway.Sessions;
using Xunit;

namespace Gateway.FunctionalTests.Operations;

/// <summary>Who gets into the console and what their cookie, or a script's key, is good for.</summary>
public sealed class ConsoleSignInTests(ConsoleFixture console) : IClassFixture<ConsoleFixture>
{
    private const string Page = "/users/" + ConsoleFixture.Watched;

    [Fact]
    public async Task Operator_IsSentToSignIn_AndComesBackToWhereTheyWereGoing()
    {
        console.NextIs("ops", "operator");
        using var browser = new Browser(console.Gateway.OperationsUrl);

        var (answer, at) = await browser.FollowAsync(Page);

        Assert.Equal(Page, at.AbsolutePath);
        Assert.Contains("""<span class="who">ops <small>operator</small></span>""", await answer.Content.ReadAsStringAsync(), StringComparison.Ordinal);
        Assert.Contains("default-src 'none'", answer.Headers.GetValues("Content-Security-Policy").Single(), StringComparison.Ordinal);
        Assert.DoesNotContain("unsafe", answer.Headers.GetValues("Content-Security-Policy").Single(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task UserWithoutARole_GetsNoSignIn()
    {
        console.NextIs("alice", null);
        using var browser = new Browser(console.Gateway.OperationsUrl);

        var (answer, _) = await browser.FollowAsync("/");

        Assert.Equal(HttpStatusCode.Forbidden, answer.StatusCode);
        Assert.Null(browser.Cookies.GetCookies(console.Gateway.OperationsUrl)["gateway.console"]);
    }

    [Fact]
    public async Task Viewer_SeesAll_AndMayNotAct()
    {
        using var browser = await console.SignInAsync("watcher", "viewer");
        using var page = await browser.NavigateAsync(Page);
        var html = await page.Content.ReadAsStringAsync();

        using var asked = await browser.NavigateAsync(Page + "/stop", "same-origin");
        using var acted = await browser.SubmitAsync(Page + "/stop", new() { ["form"] = FormOf(html), ["etag"] = "\"1-1\"" });

        Assert.DoesNotContain("do-stop", html, StringComparison.Ordinal);
        Assert.Equal((HttpStatusCode.Forbidden, HttpStatusCode.Forbidden), (asked.StatusCode, acted.StatusCode));
    }

    [Fact]
    public async Task ConsoleCookie_OpensNothingInPublic_AndReachesNoWorkspace()
    {
        using var ops = await console.SignInAsync("ops", "operator");
        var cookie = ops.Cookies.GetCookieHeader(console.Gateway.OperationsUrl);
        Assert.Contains("gateway.console=", cookie, StringComparison.Ordinal);

        // A browser sends the cookies of a host to each of its ports.
        using var stranger = RunningGateway.Client(console.Gateway.Url, null);
        stranger.DefaultRequestHeaders.Add("Cookie", cookie);
        using var refused = await stranger.GetAsync("/");
        using var user = console.Gateway.ClientOf(ConsoleFixture.Watched);
        user.DefaultRequestHeaders.Add("Cookie", cookie + "; theirs=1");
        var seen = await user.GetFromJsonAsync<JsonElement>("/");

        Assert.Equal(HttpStatusCode.Unauthorized, refused.StatusCode);
        Assert.Equal("theirs=1", seen.GetProperty("headers").GetProperty("Cookie").GetString());
    }

    [Fact]
    public async Task SignInToTheWorkspace_IsNoneToTheConsole()
    {
        console.NextIs("ops", "operator");
        using var browser = new Browser(console.Gateway.Url);
        using var signedIn = (await browser.FollowAsync("/.gateway/me")).Answer;
        using var program = RunningGateway.Client(console.Gateway.OperationsUrl, null);
        program.DefaultRequestHeaders.Add("Cookie", browser.Cookies.GetCookieHeader(console.Gateway.Url));

        using var answer = await program.GetAsync("/");

        Assert.Equal(HttpStatusCode.OK, signedIn.StatusCode);
        Assert.Equal(HttpStatusCode.Unauthorized, answer.StatusCode);
    }

    [Theory]
    [InlineData("", "same-origin", "the proof is missing")]
    [InlineData("forged", "same-origin", "the proof is forged")]
    [InlineData("own", "cross-site", "another site sends it")]
    [InlineData("own", "same-site", "another port of the host sends it")]
    [InlineData("another's", "same-origin", "the proof is of another sign-in")]
    public async Task FormThatIsNotOfThePage_DoesNothing(string proof, string site, string why)
    {
        using var browser = await console.SignInAsync("ops", "operator");
        using var other = await console.SignInAsync("ops", "operator");
        var text = proof switch { "own" => await ProofAsync(browser), "another's" => await ProofAsync(other), _ => proof };

        using var answer = await browser.SubmitAsync(Page + "/drain", new() { ["form"] = text, ["etag"] = await ETagAsync() }, site);

        Assert.True(answer.StatusCode == HttpStatusCode.Forbidden, why);
        Assert.False((await RouteAsync()).GetProperty("closed").GetBoolean());
    }

    [Fact]
    public async Task DecisionOnAnEarlierReading_IsAskedAgain_AndNotCarriedOut()
    {
        using var browser = await console.SignInAsync("ops", "operator");

        using var answer = await browser.SubmitAsync(Page + "/drain", new() { ["form"] = await ProofAsync(browser), ["etag"] = "\"1-1\"" });

        Assert.Equal(HttpStatusCode.PreconditionFailed, answer.StatusCode);
        Assert.Contains("The route changed since you read it", await answer.Content.ReadAsStringAsync(), StringComparison.Ordinal);
        Assert.False((await RouteAsync()).GetProperty("closed").GetBoolean());
    }

    [Fact]
    public async Task Cookie_ChangesNothingThroughTheApi()
    {
        using var browser = await console.SignInAsync("ops", "operator");

        using var answer = await browser.SendAsync(new HttpRequestMessage(HttpMethod.Post, "/api/routes/" + ConsoleFixture.Watched + "/drain"));

        await ProgramTests.AssertProblemAsync(answer, HttpStatusCode.Forbidden, "cookie-alone");
    }

    [Fact]
    public async Task Cookie_ReadsNothingForAPageOfAnotherPort()
    {
        using var browser = await console.SignInAsync("ops", "operator");
        var request = new HttpRequestMessage(HttpMethod.Get, "/api/routes");
        request.Headers.Add("Sec-Fetch-Site", "same-site");
        request.Headers.Add("Sec-Fetch-Mode", "cors");

        using var answer = await browser.SendAsync(request);

        await ProgramTests.AssertProblemAsync(answer, HttpStatusCode.Forbidden, "cookie-alone");
    }

    [Fact]
    public async Task SignOut_EndsTheSignInItself()
    {
        using var browser = await console.SignInAsync("ops", "operator");
        var cookie = browser.Cookies.GetCookieHeader(console.Gateway.OperationsUrl);

        using var answer = await browser.SubmitAsync("/sign-out", new() { ["form"] = await ProofAsync(browser) });

        Assert.Equal("/signed-out", answer.Headers.Location!.OriginalString);
        using var program = RunningGateway.Client(console.Gateway.OperationsUrl, null);
        program.DefaultRequestHeaders.Add("Cookie", cookie);
        using var later = await program.GetAsync("/api/routes");
        Assert.Equal(HttpStatusCode.Unauthorized, later.StatusCode);
    }

    [Fact]
    public async Task ApiKeyOfAnOperator_Acts_AndOfAViewerOnlyReads()
    {
        using var nightly = RunningGateway.Client(console.Gateway.OperationsUrl, ConsoleFixture.OperatorKey);
        using var screen = RunningGateway.Client(console.Gateway.OperationsUrl, ConsoleFixture.ViewerKey);
        const string pin = "/api/routes/user0001/pin";
        var until = new { until = TimeProvider.System.GetUtcNow().AddHours(1) };

        using var pinned = await nightly.PostAsJsonAsync(pin, until);
        using var refused = await screen.PostAsJsonAsync(pin, until);
        using var read = await screen.GetAsync("/api/routes/user0001");

        Assert.Equal(HttpStatusCode.Accepted, pinned.StatusCode);
        await ProgramTests.AssertProblemAsync(refused, HttpStatusCode.Forbidden, "not-operator");
        Assert.Equal(HttpStatusCode.OK, read.StatusCode);
    }

    [Theory]
    [InlineData("mjdops_fake-key-that-nobody-has-0123456789abcdef")]
    [InlineData("mjdops_")]
    public async Task UnknownApiKey_Is401_AndNoKeyIsOneInPublic(string key)
    {
        using var wrong = RunningGateway.Client(console.Gateway.OperationsUrl, key);
        using var inPublic = RunningGateway.Client(console.Gateway.Url, ConsoleFixture.OperatorKey);

        using var answer = await wrong.GetAsync("/api/routes");
        using var workspace = await inPublic.GetAsync("/");

        await ProgramTests.AssertProblemAsync(answer, HttpStatusCode.Unauthorized, "invalid-token");
        Assert.Equal(HttpStatusCode.Unauthorized, workspace.StatusCode);
    }

    [Theory]
    [InlineData("/?state=asleeep")]
    [InlineData("/?cursor=x")]
    [InlineData("/?inactive=soon")]
    public async Task AddressThatCannotBeRead_Is400AndSaysWhat(string path)
    {
        using var browser = await console.SignInAsync("ops", "operator");

        using var page = await browser.NavigateAsync(path);

        Assert.Equal(HttpStatusCode.BadRequest, page.StatusCode);
        Assert.Contains("The address cannot be read", await page.Content.ReadAsStringAsync(), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("/users/nobody")]
    [InlineData("/users/~broken")]
    public async Task UnknownUser_Is404(string path)
    {
        using var browser = await console.SignInAsync("ops", "operator");

        using var page = await browser.NavigateAsync(path);

        Assert.Equal(HttpStatusCode.NotFound, page.StatusCode);
    }

    [Fact]
    public async Task WhatAUserIsCalled_IsTextAndNoMarkup()
    {
        const string name = "<script>alert(1)</script>/../\"ü";
        await console.Map.Map.WriteAsync(new Session { User = new UserId(name), State = SessionState.Assigned, App = GatewayEnvironment.App, Machine = new MachineId("m-of-the-strange-name") }, CancellationToken.None);
        using var browser = await console.SignInAsync("ops", "operator");

        using var page = await browser.NavigateAsync("/?q=%3Cscript");
        var html = await page.Content.ReadAsStringAsync();
        var link = html.Split("href=\"/users/")[1].Split('"')[0];
        using var user = await browser.NavigateAsync("/users/" + link);

        Assert.DoesNotContain("<script>alert", html, StringComparison.Ordinal);
        Assert.Equal(HttpStatusCode.OK, user.StatusCode);
        Assert.Contains("<h1>&lt;script&gt;alert(1)&lt;/script&gt;/../&quot;", await user.Content.ReadAsStringAsync(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task FormOfAUserOfAnyName_ActsOnThatUser()
    {
        const string name = "../x/<b>\"ü🦊*%2F?#";
        await console.Map.Map.WriteAsync(new Session { User = new UserId(name), State = SessionState.Assigned, App = GatewayEnvironment.App, Machine = new MachineId("m-of-another-strange-name") }, CancellationToken.None);
        using var browser = await console.SignInAsync("ops", "operator");
        using var list = await browser.NavigateAsync("/?q=" + Uri.EscapeDataString("../x/"));
        var id = (await list.Content.ReadAsStringAsync()).Split("href=\"/users/")[1].Split('"')[0];
        using var asked = await browser.NavigateAsync($"/users/{id}/drain", "same-origin");
        var html = await asked.Content.ReadAsStringAsync();

        using var acted = await browser.SubmitAsync($"/users/{id}/drain", new() { ["form"] = FormOf(html), ["etag"] = WebUtility.HtmlDecode(html.Split("name=\"etag\" value=\"")[1].Split('"')[0]) });

        Assert.Equal(HttpStatusCode.SeeOther, acted.StatusCode);
        using var ops = console.Gateway.OperatorClient();
        var route = await ops.GetFromJsonAsync<JsonElement>("/api/routes/" + id);
        Assert.Equal((name, true), (route.GetProperty("user").GetString(), route.GetProperty("closed").GetBoolean()));
    }

    private static async Task<string> ProofAsync(Browser browser)
    {
        using var page = await browser.NavigateAsync(Page);
        return FormOf(await page.Content.ReadAsStringAsync());
    }

    private static string FormOf(string html) => html.Split("name=\"form\" value=\"")[1].Split('"')[0];

    private async Task<JsonElement> RouteAsync()
    {
        using var ops = console.Gateway.OperatorClient();
        return await ops.GetFromJsonAsync<JsonElement>("/api/routes/" + ConsoleFixture.Watched);
    }

    private async Task<string> ETagAsync()
    {
        using var ops = console.Gateway.OperatorClient();
        using var answer = await ops.GetAsync("/api/routes/" + ConsoleFixture.Watched);
        return answer.Headers.ETag!.Tag;
    }
}
