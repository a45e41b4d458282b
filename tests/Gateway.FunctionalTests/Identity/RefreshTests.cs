using System.Net;
using Gateway.Identity;
using Gateway.Identity.Refreshing;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Time.Testing;
using StackExchange.Redis;
using Xunit;

namespace Gateway.FunctionalTests.Identity;

/// <summary>The provider is asked again about those who are signed in, by two replicas over one store.</summary>
public sealed class RefreshTests
{
    public static TheoryData<string> Servers => [MapServer.Redis, MapServer.Garnet];

    [Theory]
    [MemberData(nameof(Servers))]
    public async Task SignInThatIsDue_IsAskedAboutByOneReplica_AndByTheTokenGivenLast(string server)
    {
        await using var stage = await Stage.StartAsync(server);
        using var browser = await stage.SignInAsync();
        await stage.RefreshAsync();
        Assert.Empty(stage.Authority.Refreshes);

        for (var hour = 1; hour <= 3; hour++)
        {
            stage.Time.Advance(TimeSpan.FromMinutes(67));
            await stage.RefreshAsync();
            Assert.Equal(hour, stage.Authority.Refreshes.Distinct().Count());
            Assert.Equal(hour, stage.Authority.Refreshes.Count);
        }

        Assert.Equal(HttpStatusCode.OK, (await browser.NavigateAsync("/")).StatusCode);
    }

    [Theory]
    [MemberData(nameof(Servers))]
    public async Task UserWhomTheProviderRefuses_IsSignedOut_AndTheTokenIsGone(string server)
    {
        await using var stage = await Stage.StartAsync(server);
        using var browser = await stage.SignInAsync();
        Assert.Contains(stage.Keys(), static key => key.StartsWith("{gateway}:refresh-token:", StringComparison.Ordinal));
        stage.Authority.Dismissed["alice"] = true;

        stage.Time.Advance(TimeSpan.FromMinutes(67));
        await stage.RefreshAsync();

        Assert.Equal(HttpStatusCode.Redirect, (await browser.NavigateAsync("/")).StatusCode);
        Assert.DoesNotContain(stage.Keys(), static key => key.StartsWith("{gateway}:refresh-token:", StringComparison.Ordinal));
        Assert.Contains(stage.One.Store.Log.Concat(stage.Two.Store.Log), static line => line.Contains("does not vouch", StringComparison.Ordinal) && line.Contains("invalid_grant", StringComparison.Ordinal));
    }

    [Fact]
    public async Task GroupThatTheProviderTookAway_OpensNothingOnEitherReplica()
    {
        await using var stage = await Stage.StartAsync(MapServer.Redis, new() { ["Identity:Allow:Users:0"] = "nobody", ["Identity:Allow:Groups:0"] = "staff" });
        stage.Authority.Person["groups"] = "staff";
        using var browser = await stage.SignInAsync();
        Assert.Equal(HttpStatusCode.OK, (await browser.NavigateAsync(stage.Two.PublicUrl)).StatusCode);
        stage.Authority.OnRefresh = static claims => claims["groups"] = "former";

        stage.Time.Advance(TimeSpan.FromMinutes(67));
        await stage.RefreshAsync();
        stage.TellOfSignIns();

        Assert.Equal(HttpStatusCode.Forbidden, (await browser.NavigateAsync(stage.One.PublicUrl)).StatusCode);
        Assert.Equal(HttpStatusCode.Forbidden, (await browser.NavigateAsync(stage.Two.PublicUrl)).StatusCode);
    }

    [Fact]
    public async Task ProviderThatIsAway_IsSentNoToken_AndSignsNobodyOut()
    {
        await using var stage = await Stage.StartAsync(MapServer.Redis);
        using var browser = await stage.SignInAsync();
        stage.Authority.IsDown = true;

        stage.Time.Advance(TimeSpan.FromMinutes(67));
        await stage.RefreshAsync();
        using var during = await browser.NavigateAsync("/");
        Assert.Empty(stage.Authority.Refreshes);

        stage.Authority.IsDown = false;
        stage.Time.Advance(TimeSpan.FromMinutes(10));
        await stage.RefreshAsync();

        Assert.Equal(HttpStatusCode.OK, during.StatusCode);
        Assert.Single(stage.Authority.Refreshes);
        Assert.Equal(HttpStatusCode.OK, (await browser.NavigateAsync("/")).StatusCode);
    }

    [Fact]
    public async Task ReplicaThatDiesWithASignInClaimed_LeavesItToAnother()
    {
        await using var stage = await Stage.StartAsync(MapServer.Redis);
        using var browser = await stage.SignInAsync();
        stage.Time.Advance(TimeSpan.FromMinutes(67));
        var tokens = stage.One.App.Services.GetRequiredService<RefreshTokens>();
        Assert.Single(await tokens.ClaimAsync(8, TimeSpan.FromMinutes(3)));

        await stage.RefreshAsync();
        Assert.Empty(stage.Authority.Refreshes);
        stage.Time.Advance(TimeSpan.FromMinutes(3));
        await stage.RefreshAsync();

        Assert.Single(stage.Authority.Refreshes);
    }

    [Fact]
    public async Task SignInThatHasEnded_IsNotAskedAbout()
    {
        await using var stage = await Stage.StartAsync(MapServer.Redis);
        using var browser = await stage.SignInAsync();
        (await browser.NavigateAsync("/.gateway/sign-out", "same-origin")).Dispose();

        stage.Time.Advance(TimeSpan.FromMinutes(67));
        await stage.RefreshAsync();

        Assert.Empty(stage.Authority.Refreshes);
        Assert.DoesNotContain(stage.Keys(), static key => key.Contains("refresh", StringComparison.Ordinal));
    }

    [Fact]
    public async Task TokenInTheStore_IsNotReadable()
    {
        await using var stage = await Stage.StartAsync(MapServer.Redis);
        using var browser = await stage.SignInAsync();

        var texts = await stage.StringsAsync();

        Assert.True(texts.Count >= 2, "a sign-in and its refresh token");
        Assert.All(texts, static text => Assert.DoesNotContain("fake-refresh-token", text, StringComparison.Ordinal));
    }

    [Theory]
    [InlineData("no json", 200)]
    [InlineData("[]", 200)]
    [InlineData("null", 200)]
    [InlineData("{}", 200)]
    [InlineData("""{"access_token":7}""", 200)]
    [InlineData("""{"access_token":"x","id_token":"x"}""", 200)]
    [InlineData("""{"access_token":"x","id_token":"e30.e30."}""", 200)]
    [InlineData("", 400)]
    [InlineData("""{"error":"invalid_client"}""", 401)]
    [InlineData("""{"error":"unsupported_grant_type"}""", 400)]
    [InlineData("""{"error":["invalid_grant"]}""", 400)]
    [InlineData("""{"error":"slow_down"}""", 429)]
    [InlineData("<html>", 502)]
    [InlineData("", 307)]
    public async Task AnswerThatIsNoRefusal_SignsNobodyOut(string body, int status)
    {
        await using var stage = await Stage.StartAsync(MapServer.Redis);
        using var browser = await stage.SignInAsync();
        stage.Authority.RefreshAnswer = () => Task.FromResult<IResult?>(Results.Text(body, "application/json", statusCode: status));

        stage.Time.Advance(TimeSpan.FromMinutes(67));
        await stage.RefreshAsync();
        Assert.Single(stage.Authority.Refreshes);
        stage.Authority.RefreshAnswer = static () => Task.FromResult<IResult?>(null);
        stage.Time.Advance(TimeSpan.FromMinutes(67));
        await stage.RefreshAsync();

        Assert.Single(stage.Authority.Refreshes.Distinct());
        Assert.Equal(2, stage.Authority.Refreshes.Count);
        Assert.Equal(HttpStatusCode.OK, (await browser.NavigateAsync("/")).StatusCode);
    }

    [Fact]
    public async Task IdentityTokenOfAnother_EndsTheSignIn()
    {
        await using var stage = await Stage.StartAsync(MapServer.Redis, new() { ["Identity:Allow:Users:1"] = "bob" });
        using var browser = await stage.SignInAsync();
        stage.Authority.OnRefresh = static claims => claims["sub"] = "bob";

        stage.Time.Advance(TimeSpan.FromMinutes(67));
        await stage.RefreshAsync();

        Assert.Equal(HttpStatusCode.Redirect, (await browser.NavigateAsync("/")).StatusCode);
    }

    [Fact]
    public async Task ForgedIdentityToken_ChangesNothing_AndTheNewTokenIsKept()
    {
        await using var stage = await Stage.StartAsync(MapServer.Redis);
        using var browser = await stage.SignInAsync();
        stage.Authority.AudienceOfIdTokens = "another-client";
        stage.Authority.OnRefresh = static claims => claims["role"] = "operator";

        stage.Time.Advance(TimeSpan.FromMinutes(67));
        await stage.RefreshAsync();
        using var me = await browser.NavigateAsync("/.gateway/me");
        stage.Time.Advance(TimeSpan.FromMinutes(67));
        await stage.RefreshAsync();

        Assert.Contains("\"operator\":false", await me.Content.ReadAsStringAsync(), StringComparison.Ordinal);
        Assert.Equal(2, stage.Authority.Refreshes.Distinct().Count());
        Assert.Equal(HttpStatusCode.OK, (await browser.NavigateAsync("/")).StatusCode);
    }

    [Fact]
    public async Task StoreThatIsAwayWhenTheNewTokenComes_IsGivenItWhenItIsBack()
    {
        var time = new FakeTimeProvider(TimeProvider.System.GetUtcNow());
        await using var host = await GatewayHost.StartAsync(Stage.Settings(), time, rounds: false);
        host.Authority.Time = time;
        using var browser = host.NewBrowser();
        await browser.FollowAsync("/");
        var store = (MemoryRefreshStore)host.App.Services.GetRequiredService<IRefreshStore>();
        var rounds = host.App.Services.GetRequiredService<RefreshRounds>();
        var refusals = 0;
        store.MayReplace = () => ++refusals > 3;
        time.Advance(TimeSpan.FromMinutes(67));

        var round = rounds.RefreshDueAsync(CancellationToken.None);
        await Eventually.HoldsAsync(() =>
        {
            time.Advance(TimeSpan.FromSeconds(2));
            return Task.FromResult(round.IsCompleted);
        });
        await round;
        time.Advance(TimeSpan.FromMinutes(67));
        await rounds.RefreshDueAsync(CancellationToken.None);

        Assert.Equal(2, host.Authority.Refreshes.Distinct().Count());
        Assert.Equal(HttpStatusCode.OK, (await browser.NavigateAsync("/")).StatusCode);
    }

    [Theory]
    [InlineData("Identity:RefreshEvery", "00:00:00")]
    [InlineData("Identity:Scopes", "openid profile")]
    public async Task ProviderThatIsNotToBeAsked_IsNot(string key, string value)
    {
        await using var stage = await Stage.StartAsync(MapServer.Redis, new() { [key] = value });
        using var browser = await stage.SignInAsync();

        stage.Time.Advance(TimeSpan.FromHours(3));
        await stage.RefreshAsync();

        Assert.Empty(stage.Authority.Refreshes);
        Assert.DoesNotContain(stage.Keys(), static key => key.Contains("refresh", StringComparison.Ordinal));
        Assert.Equal(HttpStatusCode.OK, (await browser.NavigateAsync("/")).StatusCode);
    }

    [Fact]
    public async Task ManySignIns_AreAskedAboutInOneRound_EachOnce()
    {
        await using var stage = await Stage.StartAsync(MapServer.Redis);
        for (var i = 0; i < 30; i++)
        {
            (await stage.SignInAsync()).Dispose();
        }

        stage.Time.Advance(TimeSpan.FromMinutes(67));
        await stage.RefreshAsync();

        Assert.Equal(30, stage.Authority.Refreshes.Count);
        Assert.Equal(30, stage.Authority.Refreshes.Distinct().Count());
    }

    /// <summary>Two replicas over one server, at a time of the test's own; the feed between them is the test.</summary>
    private sealed class Stage(MapServer map, ConnectionMultiplexer connection, GatewayHost one, GatewayHost two, FakeTimeProvider time) : IAsyncDisposable
    {
        public GatewayHost One => one;

        public GatewayHost Two => two;

        public FakeTimeProvider Time => time;

        public TestAuthority Authority => one.Authority;

        public static Dictionary<string, string?> Settings(Dictionary<string, string?>? settings = null) =>
            new(settings ?? []) { ["Identity:Scopes"] = settings?.GetValueOrDefault("Identity:Scopes") ?? "openid profile offline_access" };

        public static async Task<Stage> StartAsync(string server, Dictionary<string, string?>? settings = null)
        {
            var map = await MapServer.StartAsync(server);
            var connection = await map.ConnectAsync();
            var time = new FakeTimeProvider(TimeProvider.System.GetUtcNow());
            var one = await GatewayHost.StartAsync(Settings(settings), time, connection, rounds: false);
            one.Authority.Time = time;
            return new Stage(map, connection, one, await GatewayHost.StartAsync(Settings(settings), time, connection, one.Authority, rounds: false), time);
        }

        public async Task<Browser> SignInAsync()
        {
            var browser = one.NewBrowser();
            (await browser.FollowAsync("/")).Answer.EnsureSuccessStatusCode().Dispose();
            return browser;
        }

        /// <summary>Both replicas look at once.</summary>
        public Task RefreshAsync() =>
            Task.WhenAll(new[] { one, two }.Select(static host => host.App.Services.GetRequiredService<RefreshRounds>().RefreshDueAsync(CancellationToken.None))).WaitAsync(Eventually.Limit);

        /// <summary>As the change feed tells of every sign-in.</summary>
        public void TellOfSignIns()
        {
            foreach (var key in Keys().Where(static key => key.StartsWith("{gateway}:sign-in:", StringComparison.Ordinal)))
            {
                foreach (var host in new[] { one, two })
                {
                    host.App.Services.GetRequiredService<IdentityChanges>().Hear(ChangeKinds.SignIn, key["{gateway}:sign-in:".Length..]);
                }
            }
        }

        public IReadOnlyList<string> Keys() => [.. connection.GetServers()[0].Keys(pattern: "*").Select(static key => (string)key!)];

        /// <summary>All that lies under a key of its own.</summary>
        public async Task<IReadOnlyList<string>> StringsAsync()
        {
            var texts = new List<string>();
            foreach (var key in Keys().Where(static key => key.Contains(":sign-in:", StringComparison.Ordinal) || key.Contains(":refresh-token:", StringComparison.Ordinal)))
            {
                texts.Add((string)(await connection.GetDatabase().StringGetAsync(key))!);
            }

            return texts;
        }

        public async ValueTask DisposeAsync()
        {
            await two.DisposeAsync();
            await one.DisposeAsync();
            await connection.DisposeAsync();
            await map.DisposeAsync();
        }
    }
}
