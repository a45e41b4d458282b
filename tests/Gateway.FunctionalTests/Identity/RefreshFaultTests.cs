using System.Net;
using Gateway.Identity.Refreshing;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Time.Testing;
using Xunit;

namespace Gateway.FunctionalTests.Identity;

/// <summary>What goes wrong when the provider is asked again: outages, odd answers, replicas that end, things that cannot be read.</summary>
public sealed class RefreshFaultTests
{
    [Fact]
    public async Task ProviderThatIsAway_IsSentNoToken_AndSignsNobodyOut()
    {
        await using var stage = await RefreshStage.StartAsync(MapServer.Redis);
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
        await using var stage = await RefreshStage.StartAsync(MapServer.Redis);
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
        await using var stage = await RefreshStage.StartAsync(MapServer.Redis);
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

    [Theory]
    [InlineData("text/html; charset=utf8", 403)]
    [InlineData("application/json; charset=no-such", 200)]
    [InlineData("application/json; charset=windows-1252", 200)]
    public async Task AnswerWhoseCharsetNobodyKnows_SignsNobodyOut_AndEndsNoRound(string type, int status)
    {
        await using var stage = await RefreshStage.StartAsync(MapServer.Redis);
        using var browser = await stage.SignInAsync();
        stage.Authority.RefreshAnswer = () => Task.FromResult<IResult?>(Results.Bytes("<html>no"u8.ToArray(), type) is var page && status == 200 ? page : new WithStatus(page, status));

        stage.Time.Advance(TimeSpan.FromMinutes(67));
        await stage.RefreshAsync();
        stage.Authority.RefreshAnswer = static () => Task.FromResult<IResult?>(null);
        stage.Time.Advance(TimeSpan.FromMinutes(67));
        await stage.RefreshAsync();

        Assert.Equal(2, stage.Authority.Refreshes.Count);
        Assert.Equal(HttpStatusCode.OK, (await browser.NavigateAsync("/")).StatusCode);
    }

    [Fact]
    public async Task SignInThatCannotBeRead_KeepsNoOtherFromBeingAskedAbout()
    {
        await using var stage = await RefreshStage.StartAsync(MapServer.Redis);
        using var broken = await stage.SignInAsync();
        await stage.SpoilAsync("{gateway}:sign-in:*");
        using var browser = await stage.SignInAsync();

        stage.Time.Advance(TimeSpan.FromMinutes(67));
        await stage.RefreshAsync();

        Assert.Single(stage.Authority.Refreshes);
    }

    [Fact]
    public async Task TokenThatCannotBeReadForAWhile_IsNotForgotten()
    {
        await using var stage = await RefreshStage.StartAsync(MapServer.Redis);
        using var browser = await stage.SignInAsync();
        var restore = await stage.SpoilAsync("{gateway}:refresh-token:*");

        stage.Time.Advance(TimeSpan.FromMinutes(67));
        await stage.RefreshAsync();
        Assert.Empty(stage.Authority.Refreshes);
        await restore();
        stage.Time.Advance(TimeSpan.FromMinutes(5));
        await stage.RefreshAsync();

        Assert.Single(stage.Authority.Refreshes);
        Assert.Equal(HttpStatusCode.OK, (await browser.NavigateAsync("/")).StatusCode);
    }

    [Fact]
    public async Task RefusalOfATokenThatAnotherReplicaHasSpent_EndsNothing()
    {
        await using var stage = await RefreshStage.StartAsync(MapServer.Redis);
        using var browser = await stage.SignInAsync();
        stage.Authority.RefreshAnswer = async () =>
        {
            await stage.SpoilAsync("{gateway}:refresh-token:*");
            return Results.Json(new { error = "invalid_grant" }, statusCode: 400);
        };

        stage.Time.Advance(TimeSpan.FromMinutes(67));
        await stage.RefreshAsync();

        Assert.Single(stage.Authority.Refreshes);
        Assert.Equal(HttpStatusCode.OK, (await browser.NavigateAsync("/")).StatusCode);
    }

    [Fact]
    public async Task GatewayThatIsAskedToEnd_HearsOutWhatItSent_AndSendsNoMore()
    {
        var time = new FakeTimeProvider(TimeProvider.System.GetUtcNow());
        await using var host = await GatewayHost.StartAsync(RefreshStage.Settings(), time);
        host.Authority.Time = time;
        for (var i = 0; i < 20; i++)
        {
            using var browser = host.NewBrowser();
            (await browser.FollowAsync("/")).Answer.EnsureSuccessStatusCode().Dispose();
        }

        var store = (MemoryRefreshStore)host.App.Services.GetRequiredService<IRefreshStore>();
        var before = store.Tokens.Select(Convert.ToHexString).ToHashSet();
        var answers = new TaskCompletionSource<IResult?>(TaskCreationOptions.RunContinuationsAsynchronously);
        host.Authority.RefreshAnswer = () => answers.Task;
        time.Advance(TimeSpan.FromMinutes(67));
        await Eventually.HoldsAsync(() => Task.FromResult(host.Authority.Refreshes.Count == 8));

        var stopping = host.App.StopAsync();
        Assert.False(stopping.IsCompleted);
        answers.SetResult(null);
        await stopping.WaitAsync(Eventually.Limit);

        Assert.Equal(8, host.Authority.Refreshes.Count);
        Assert.Equal(8, store.Tokens.Count(token => !before.Contains(Convert.ToHexString(token))));
    }

    [Fact]
    public async Task UserForWhomTheProviderDoesNotAnswer_KeepsNoOtherWaiting()
    {
        await using var stage = await RefreshStage.StartAsync(MapServer.Redis);
        for (var i = 0; i < 20; i++)
        {
            (await stage.SignInAsync()).Dispose();
        }

        var first = 0;
        stage.Authority.RefreshAnswer = () => Task.FromResult(Interlocked.Increment(ref first) == 1 ? Results.StatusCode(502) : null);
        stage.Time.Advance(TimeSpan.FromMinutes(67));
        await stage.RefreshAsync();

        Assert.Equal(20, stage.Authority.Refreshes.Count);
    }

    [Fact]
    public async Task IdentityTokenOfAnother_EndsTheSignIn()
    {
        await using var stage = await RefreshStage.StartAsync(MapServer.Redis, new() { ["Identity:Allow:Users:1"] = "bob" });
        using var browser = await stage.SignInAsync();
        stage.Authority.OnRefresh = static claims => claims["sub"] = "bob";

        stage.Time.Advance(TimeSpan.FromMinutes(67));
        await stage.RefreshAsync();

        Assert.Equal(HttpStatusCode.Redirect, (await browser.NavigateAsync("/")).StatusCode);
    }

    [Fact]
    public async Task ForgedIdentityToken_ChangesNothing_AndTheNewTokenIsKept()
    {
        await using var stage = await RefreshStage.StartAsync(MapServer.Redis);
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
        await using var host = await GatewayHost.StartAsync(RefreshStage.Settings(), time, rounds: false);
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

    private sealed class WithStatus(IResult result, int status) : IResult
    {
        public Task ExecuteAsync(HttpContext httpContext)
        {
            httpContext.Response.StatusCode = status;
            return result.ExecuteAsync(httpContext);
        }
    }
}
