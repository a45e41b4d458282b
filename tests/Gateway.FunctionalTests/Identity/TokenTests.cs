using System.Net;
using System.Text.RegularExpressions;
using Gateway.Identity.Tokens;
using Microsoft.Extensions.DependencyInjection;
using Xunit;

namespace Gateway.FunctionalTests.Identity;

/// <summary>Personal access tokens, from the page that makes them to the request they open.</summary>
public sealed partial class TokenTests
{
    public static TheoryData<string> Servers => [MapServer.Redis, MapServer.Garnet];

    [Theory]
    [MemberData(nameof(Servers))]
    public async Task TokenMadeOnThePage_OpensTheWorkspace_UntilItIsRevokedThere(string server)
    {
        await using var map = await MapServer.StartAsync(server);
        await using var connection = await map.ConnectAsync();
        await using var host = await GatewayHost.StartAsync(redis: connection);
        using var browser = host.NewBrowser();
        var token = await MakeAsync(browser, "laptop");
        using var program = host.NewProgram(token);

        using var open = await program.GetAsync("/");
        var page = await (await browser.NavigateAsync("/.gateway/tokens")).Content.ReadAsStringAsync();
        var id = page.Split("name=\"id\" value=\"")[1].Split('"')[0];
        using var revoked = await browser.SubmitAsync("/.gateway/tokens/revoke", new() { ["form"] = await browser.FormFieldAsync("/.gateway/tokens"), ["id"] = id });
        using var refused = await program.GetAsync("/");

        Assert.Equal("workspace of alice", await open.Content.ReadAsStringAsync());
        Assert.Equal("True", open.Headers.GetValues("X-Consumed").Single());
        Assert.Contains("laptop", page, StringComparison.Ordinal);
        Assert.DoesNotContain(token, page, StringComparison.Ordinal);
        Assert.Equal(HttpStatusCode.SeeOther, revoked.StatusCode);
        await ProgramTests.AssertProblemAsync(refused, HttpStatusCode.Unauthorized, "invalid-token");
    }

    [Theory]
    [MemberData(nameof(Servers))]
    public async Task TokenInRedis_IsNowhereReadable_AndItsUseIsShown(string server)
    {
        await using var map = await MapServer.StartAsync(server);
        await using var connection = await map.ConnectAsync();
        await using var host = await GatewayHost.StartAsync(redis: connection);
        using var browser = host.NewBrowser();
        var token = await MakeAsync(browser, "laptop");
        using var program = host.NewProgram(token);
        using var open = await program.GetAsync("/");
        var tokens = host.App.Services.GetRequiredService<PersonalTokens>();

        var before = (await tokens.ListAsync(new UserId("alice"))).Single();
        await tokens.WriteUsesAsync();
        var after = (await tokens.ListAsync(new UserId("alice"))).Single();

        Assert.Null(before.LastUsed);
        Assert.NotNull(after.LastUsed);
        var keys = (string[]?)await connection.GetDatabase().ScriptEvaluateAsync("return redis.call('keys', '*')");
        Assert.All(keys!, key => Assert.DoesNotContain(token, key, StringComparison.Ordinal));
        Assert.DoesNotContain(token, (string?)await connection.GetDatabase().StringGetAsync(GatewayHost.Keys.Token(after.Id)), StringComparison.Ordinal);
        Assert.InRange((await connection.GetDatabase().KeyTimeToLiveAsync(GatewayHost.Keys.Token(after.Id)))!.Value, TimeSpan.FromDays(29), TimeSpan.FromDays(30));
    }

    [Fact]
    public async Task TokenEnds_AtItsDay()
    {
        var time = new Microsoft.Extensions.Time.Testing.FakeTimeProvider(TimeProvider.System.GetUtcNow());
        await using var host = await GatewayHost.StartAsync(time: time);
        using var browser = host.NewBrowser();
        using var program = host.NewProgram(await MakeAsync(browser, "laptop", days: 2));
        using var open = await program.GetAsync("/");
        time.Advance(TimeSpan.FromDays(2));

        using var refused = await program.GetAsync("/");

        Assert.Equal(HttpStatusCode.OK, open.StatusCode);
        Assert.Equal(HttpStatusCode.Unauthorized, refused.StatusCode);
    }

    [Theory]
    [InlineData(-6)]
    [InlineData(null)]
    public async Task SignInThatIsNotFresh_MakesNothing(int? minutesAgo)
    {
        await using var host = await GatewayHost.StartAsync();
        host.Authority.SignedInAt = () => minutesAgo is { } minutes ? TimeProvider.System.GetUtcNow().AddMinutes(minutes) : null;
        using var browser = host.NewBrowser();
        await browser.FollowAsync("/");

        using var answer = await browser.ConfirmAsync(await AskAsync(browser, "laptop", 30));

        Assert.Equal(HttpStatusCode.Forbidden, answer.StatusCode);
        Assert.Contains("not-fresh", await answer.Content.ReadAsStringAsync(), StringComparison.Ordinal);
        Assert.Empty(await TokensOfAsync(host));
    }

    [Fact]
    public async Task SomebodyElsesFreshSignIn_MakesNothing()
    {
        await using var host = await GatewayHost.StartAsync(new() { ["Identity:Allow:Users:1"] = "bob" });
        using var browser = host.NewBrowser();
        await browser.FollowAsync("/");
        var asked = await AskAsync(browser, "laptop", 30);
        host.Authority.Person["sub"] = "bob";

        using var answer = await browser.ConfirmAsync(asked);

        Assert.Equal(HttpStatusCode.Forbidden, answer.StatusCode);
        Assert.Empty(await TokensOfAsync(host));
        Assert.Empty(await TokensOfAsync(host, "bob"));
    }

    [Theory]
    [InlineData("without the field")]
    [InlineData("from another site")]
    [InlineData("another user's field")]
    public async Task FormThatIsNotThePagesOwn_IsRefused(string fault)
    {
        await using var host = await GatewayHost.StartAsync(new() { ["Identity:Allow:Users:1"] = "bob" });
        using var browser = host.NewBrowser();
        await browser.FollowAsync("/");
        var field = await browser.FormFieldAsync("/.gateway/tokens");
        if (fault == "another user's field")
        {
            using var bob = host.NewBrowser();
            host.Authority.Person["sub"] = "bob";
            await bob.FollowAsync("/");
            field = await bob.FormFieldAsync("/.gateway/tokens");
        }

        var fields = new Dictionary<string, string> { ["label"] = "laptop", ["days"] = "1", ["form"] = fault == "without the field" ? "" : field };
        using var answer = await browser.SubmitAsync("/.gateway/tokens", fields, fault == "from another site" ? "same-site" : "same-origin");

        Assert.Equal(HttpStatusCode.Forbidden, answer.StatusCode);
        Assert.False(answer.Headers.Contains("Refresh"));
    }

    [Theory]
    [InlineData("", 1)]
    [InlineData("laptop", 0)]
    [InlineData("laptop", 366)]
    [InlineData("tab\tbed", 1)]
    public async Task WishThatCannotBe_IsRefusedBeforeTheSignIn(string label, int days)
    {
        await using var host = await GatewayHost.StartAsync();
        using var browser = host.NewBrowser();
        await browser.FollowAsync("/");

        using var answer = await AskAsync(browser, label, days);

        Assert.Equal(HttpStatusCode.BadRequest, answer.StatusCode);
    }

    [Fact]
    public async Task Page_RunsNothing_IsNotFramed_AndEncodesWhatUsersWrote()
    {
        await using var host = await GatewayHost.StartAsync();
        using var browser = host.NewBrowser();
        await MakeAsync(browser, "<script>alert(1)</script>");

        using var page = await browser.NavigateAsync("/.gateway/tokens");

        var html = await page.Content.ReadAsStringAsync();
        Assert.DoesNotContain("<script", html, StringComparison.OrdinalIgnoreCase);
        var policy = page.Headers.GetValues("Content-Security-Policy").Single();
        Assert.Contains("default-src 'none'", policy, StringComparison.Ordinal);
        Assert.Contains("frame-ancestors 'none'", policy, StringComparison.Ordinal);
        Assert.Contains("form-action 'self'", policy, StringComparison.Ordinal);
        Assert.Equal("DENY", page.Headers.GetValues("X-Frame-Options").Single());
        Assert.Equal("noopener-allow-popups", page.Headers.GetValues("Cross-Origin-Opener-Policy").Single());
        Assert.True(page.Headers.CacheControl!.NoStore);
    }

    [Fact]
    public async Task TokenItself_CanNeitherMakeNorRevokeTokens()
    {
        await using var host = await GatewayHost.StartAsync();
        using var browser = host.NewBrowser();
        using var program = host.NewProgram(await MakeAsync(browser, "laptop"));

        using var list = await program.GetAsync("/.gateway/tokens");
        using var make = await program.PostAsync("/.gateway/tokens", new FormUrlEncodedContent([]));
        using var revoke = await program.PostAsync("/.gateway/tokens/revoke", new FormUrlEncodedContent([]));

        Assert.All([list, make, revoke], answer => Assert.Equal(HttpStatusCode.Forbidden, answer.StatusCode));
    }

    [Fact]
    public async Task TokenOfAnOperator_OpensNoOperations()
    {
        await using var host = await GatewayHost.StartAsync();
        host.Authority.Person["role"] = "operator";
        using var browser = host.NewBrowser();
        using var program = host.NewProgram(await MakeAsync(browser, "laptop"), host.OperationsUrl);

        using var answer = await program.GetAsync("/api/routes");

        Assert.Equal(HttpStatusCode.Unauthorized, answer.StatusCode);
    }

    [Fact]
    public async Task TokenOfOursBesideASignIn_IsJudged_AndNotPassedOn()
    {
        await using var host = await GatewayHost.StartAsync();
        using var browser = host.NewBrowser();
        await browser.FollowAsync("/");
        var request = new HttpRequestMessage(HttpMethod.Get, "/api");
        request.Headers.TryAddWithoutValidation("Authorization", "Bearer " + TokenText.New());

        using var answer = await browser.SendAsync(request);

        Assert.Equal(HttpStatusCode.Unauthorized, answer.StatusCode);
    }

    internal static async Task<string> MakeAsync(Browser browser, string label, int days = 30)
    {
        await browser.FollowAsync("/");
        using var answer = await browser.ConfirmAsync(await AskAsync(browser, label, days));
        var page = await answer.Content.ReadAsStringAsync();
        Assert.Equal(HttpStatusCode.OK, answer.StatusCode);
        return TokenInPage().Match(page).Value;
    }

    private static async Task<HttpResponseMessage> AskAsync(Browser browser, string label, int days) => await browser.SubmitAsync(
        "/.gateway/tokens",
        new() { ["form"] = await browser.FormFieldAsync("/.gateway/tokens"), ["label"] = label, ["days"] = days.ToString(System.Globalization.CultureInfo.InvariantCulture) });

    private static Task<IReadOnlyList<ListedToken>> TokensOfAsync(GatewayHost host, string user = "alice") =>
        host.App.Services.GetRequiredService<PersonalTokens>().ListAsync(new UserId(user));

    [GeneratedRegex("mjd_[A-Za-z0-9_-]{49}")]
    private static partial Regex TokenInPage();
}
