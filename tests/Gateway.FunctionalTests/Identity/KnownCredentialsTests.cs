using System.Net;
using Gateway.Identity;
using Gateway.Identity.Access;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Time.Testing;
using Xunit;

namespace Gateway.FunctionalTests.Identity;

/// <summary>Which requests are let in by what is known of their credential, and when it is judged anew by the handlers: the host's workspace tells which of the two it was.</summary>
public sealed class KnownCredentialsTests
{
    private const string Known = "known";
    private const string Judged = "judged";

    private readonly FakeTimeProvider _time = new(TimeProvider.System.GetUtcNow());

    [Theory]
    [InlineData("cookie")]
    [InlineData("bearer")]
    [InlineData("token")]
    public async Task CredentialThatWasJudged_IsKnown_AndJudgedAnewAfterAWhile(string kind)
    {
        await using var host = await GatewayHost.StartAsync(time: _time);
        using var client = await ClientAsync(host, kind);

        var let = new List<string> { await LetInAsync(client), await LetInAsync(client), await LetInAsync(client) };
        _time.Advance(TimeSpan.FromMinutes(1));
        let.AddRange([await LetInAsync(client), await LetInAsync(client)]);

        // The browser's way back from the provider was the first request.
        Assert.Equal([kind == "cookie" ? Known : Judged, Known, Known, Judged, Known], let);
    }

    [Theory]
    [InlineData("cookie")]
    [InlineData("bearer")]
    [InlineData("token")]
    public async Task CredentialInTheKnown_IsNotPassedOn(string kind)
    {
        await using var host = await GatewayHost.StartAsync();
        using var client = await ClientAsync(host, kind);
        await LetInAsync(client);

        using var answer = await client.GetAsync("/");

        Assert.Equal((kind != "cookie").ToString(), answer.Headers.GetValues("X-Consumed").Single());
    }

    [Theory]
    [InlineData("cookie")]
    [InlineData("bearer")]
    [InlineData("token")]
    public async Task OperatorDecidesOnSomebody_AllAreJudgedAnew_AndWhoeverIsDeniedIsRefused(string kind)
    {
        await using var host = await GatewayHost.StartAsync(new() { ["Identity:Allow:Users:1"] = "bob" });
        using var alice = await ClientAsync(host, kind);
        using var bob = host.NewProgram(host.Authority.AccessToken("bob"));
        await LetInAsync(alice);
        await LetInAsync(bob);

        await host.App.Services.GetRequiredService<UserAccess>().DecideAsync(new UserId("alice"), new UserDecision { Allowed = false, By = "ops", At = TimeProvider.System.GetUtcNow() });

        Assert.Equal(HttpStatusCode.Forbidden, (await alice.GetAsync("/")).StatusCode);
        Assert.Equal(Judged, await LetInAsync(bob));
    }

    [Theory]
    [InlineData("cookie")]
    [InlineData("token")]
    public async Task CredentialEndedElsewhere_IsRefusedAtOnce(string kind)
    {
        await using var host = await GatewayHost.StartAsync();
        using var client = await ClientAsync(host, kind);
        await LetInAsync(client);
        var changes = host.App.Services.GetRequiredService<IdentityChanges>();

        var token = client.DefaultRequestHeaders.Authorization?.Parameter ?? "none";

        // As the change feed brings it.
        foreach (var id in host.Store.Ids.Append(CredentialId.Of(token)))
        {
            changes.Hear(ChangeKinds.Credential, id);
        }

        Assert.NotEqual(HttpStatusCode.OK, (await client.GetAsync("/")).StatusCode);
    }

    [Theory]
    [InlineData("cookie")]
    [InlineData("token")]
    public async Task ChangesThatMayHaveGoneByUnheard_AreAskedFor(string kind)
    {
        await using var host = await GatewayHost.StartAsync();
        using var client = await ClientAsync(host, kind);
        await LetInAsync(client);

        host.App.Services.GetRequiredService<IdentityChanges>().Missed();

        Assert.Equal(Judged, await LetInAsync(client));
        // What operators decided is read anew meanwhile, and what comes before that is judged once more.
        await Eventually.HoldsAsync(async () => await LetInAsync(client) == Known);
    }

    [Fact]
    public async Task BearerThatRunsOut_IsRefusedAtItsEndAndTheAllowanceForClocks()
    {
        await using var host = await GatewayHost.StartAsync(new() { ["Identity:BelieveFor"] = "01:00:00", ["Identity:TrustWithoutRedis"] = "01:00:00" }, time: _time);
        host.Authority.Time = _time;
        using var client = host.NewProgram(host.Authority.AccessToken(endsIn: TimeSpan.FromSeconds(20)));
        await LetInAsync(client);

        _time.Advance(TimeSpan.FromSeconds(20));
        var last = await LetInAsync(client);
        _time.Advance(BearerSetup.ClockSkew);

        Assert.Equal(Known, last);
        // The handler reads the clock of the computer, which was not advanced: that it was asked at all is what counts here.
        Assert.Equal(Judged, await LetInAsync(client));
    }

    [Fact]
    public async Task SignInDueToBeRenewed_IsJudged_AndItsCookieSentAgain()
    {
        await using var host = await GatewayHost.StartAsync(new() { ["Identity:BelieveFor"] = "12:00:00", ["Identity:TrustWithoutRedis"] = "12:00:00" }, time: _time);
        using var client = await ClientAsync(host, "cookie");
        await LetInAsync(client);

        _time.Advance(TimeSpan.FromHours(6) - TimeSpan.FromSeconds(1));
        var before = await LetInAsync(client);
        _time.Advance(TimeSpan.FromSeconds(2));
        using var after = await client.GetAsync("/");

        Assert.Equal(Known, before);
        Assert.Equal(Judged, after.Headers.GetValues("X-Let-In").Single());
        Assert.Contains(after.Headers.GetValues("Set-Cookie"), static cookie => cookie.StartsWith("gateway=", StringComparison.Ordinal));
    }

    [Theory]
    [InlineData("Bearer of-the-workspace")]
    [InlineData("Basic ZmFrZTpmYWtl")]
    public async Task WorkspacesOwnHeaderBesideACookie_IsJudgedEachTime(string authorization)
    {
        await using var host = await GatewayHost.StartAsync();
        using var client = await ClientAsync(host, "cookie");
        await LetInAsync(client);
        client.DefaultRequestHeaders.TryAddWithoutValidation("Authorization", authorization);

        Assert.Equal([Judged, Judged], [await LetInAsync(client), await LetInAsync(client)]);
    }

    [Fact]
    public async Task CookieInOtherLetters_IsNobodys()
    {
        await using var host = await GatewayHost.StartAsync();
        using var client = await ClientAsync(host, "cookie");
        var cookie = client.DefaultRequestHeaders.GetValues("Cookie").Single();
        using var shouting = host.NewProgram();
        shouting.DefaultRequestHeaders.Add("Cookie", "GATEWAY" + cookie["gateway".Length..]);

        Assert.Equal(HttpStatusCode.Unauthorized, (await shouting.GetAsync("/")).StatusCode);
    }

    [Fact]
    public async Task CookiePlantedInOtherLettersBesideOurs_DoesNotCount()
    {
        await using var host = await GatewayHost.StartAsync();
        using var client = await ClientAsync(host, "cookie");
        var cookie = client.DefaultRequestHeaders.GetValues("Cookie").Single();
        using var both = host.NewProgram();
        both.DefaultRequestHeaders.Add("Cookie", cookie + "; GATEWAY=planted");

        Assert.Equal(HttpStatusCode.OK, (await both.GetAsync("/")).StatusCode);
    }

    [Theory]
    [InlineData("bearer")]
    [InlineData("token")]
    public async Task SocketByToken_IsLetInAsAnyRequestIs(string kind)
    {
        await using var host = await GatewayHost.StartAsync();
        using var client = await ClientAsync(host, kind);
        await LetInAsync(client);
        AsSocket(client);

        Assert.Equal(Known, await LetInAsync(client));
    }

    [Fact]
    public async Task SeveralCredentialsOnOneConnection_EachLetInTheirOwnUser()
    {
        await using var host = await GatewayHost.StartAsync(new() { ["Identity:Allow:Users:1"] = "bob" });
        using var cookie = await ClientAsync(host, "cookie");
        using var client = host.NewProgram();
        var alices = ("Cookie", cookie.DefaultRequestHeaders.GetValues("Cookie").Single());
        var bobs = ("Authorization", "Bearer " + host.Authority.AccessToken("bob"));
        var let = new List<string>();

        foreach (var (name, value) in new[] { bobs, bobs, alices, alices, bobs, alices })
        {
            using var request = new HttpRequestMessage(HttpMethod.Get, "/");
            request.Headers.TryAddWithoutValidation(name, value);
            using var answer = await client.SendAsync(request);
            let.Add(answer.Headers.GetValues("X-User").Single() + " " + answer.Headers.GetValues("X-Let-In").Single());
        }

        Assert.Equal(["bob judged", "bob known", "alice known", "alice known", "bob known", "alice known"], let);
    }

    [Fact]
    public async Task SocketByCookie_IsJudgedEachTime_ByThePageItComesFrom()
    {
        await using var host = await GatewayHost.StartAsync();
        using var client = await ClientAsync(host, "cookie");
        await LetInAsync(client);
        AsSocket(client);

        client.DefaultRequestHeaders.TryAddWithoutValidation("Origin", host.PublicUrl.GetLeftPart(UriPartial.Authority));
        var own = new List<string> { await LetInAsync(client), await LetInAsync(client) };
        client.DefaultRequestHeaders.Remove("Origin");
        client.DefaultRequestHeaders.TryAddWithoutValidation("Origin", "https://evil.example");

        Assert.Equal([Judged, Judged], own);
        Assert.Equal(nameof(HttpStatusCode.Forbidden), await LetInAsync(client));
    }

    [Fact]
    public async Task MoreCredentialsThanAreKept_AreKnownWhileTheyAreUsed_AndTheRestForgotten()
    {
        var settings = new Dictionary<string, string?> { ["Identity:MaximumBelieved"] = "8", ["Identity:Allow:Users:1"] = "often", ["Identity:Allow:Users:2"] = "once" };
        for (var i = 0; i < 20; i++)
        {
            settings[$"Identity:Allow:Users:{i + 3}"] = "other" + i;
        }

        await using var host = await GatewayHost.StartAsync(settings);
        using var often = host.NewProgram(host.Authority.AccessToken("often"));
        using var once = host.NewProgram(host.Authority.AccessToken("once"));
        await LetInAsync(often);
        await LetInAsync(once);

        for (var i = 0; i < 20; i++)
        {
            using var other = host.NewProgram(host.Authority.AccessToken("other" + i));
            await LetInAsync(other);
            Assert.Equal(Known, await LetInAsync(often));
        }

        Assert.Equal(Judged, await LetInAsync(once));
    }

    private static async Task<HttpClient> ClientAsync(GatewayHost host, string kind)
    {
        if (kind == "bearer")
        {
            return host.NewProgram(host.Authority.AccessToken());
        }

        using var browser = host.NewBrowser();
        if (kind == "token")
        {
            return host.NewProgram(await TokenTests.MakeAsync(browser, "laptop"));
        }

        await browser.FollowAsync("/");
        var client = host.NewProgram();
        client.DefaultRequestHeaders.Add("Cookie", browser.Cookies.GetCookieHeader(host.PublicUrl));
        return client;
    }

    private static void AsSocket(HttpClient client)
    {
        client.DefaultRequestHeaders.TryAddWithoutValidation("Connection", "Upgrade");
        client.DefaultRequestHeaders.TryAddWithoutValidation("Upgrade", "websocket");
    }

    private static async Task<string> LetInAsync(HttpClient client)
    {
        using var answer = await client.GetAsync("/");
        return answer.StatusCode is HttpStatusCode.OK ? answer.Headers.GetValues("X-Let-In").Single() : answer.StatusCode.ToString();
    }
}
