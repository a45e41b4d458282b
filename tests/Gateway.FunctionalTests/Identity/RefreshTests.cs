using System.Net;
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
        await using var stage = await RefreshStage.StartAsync(server);
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
        await using var stage = await RefreshStage.StartAsync(server);
        using var browser = await stage.SignInAsync();
        Assert.Contains(await stage.KeysAsync(), static key => key.StartsWith("{gateway}:refresh-token:", StringComparison.Ordinal));
        stage.Authority.Dismissed["alice"] = true;

        stage.Time.Advance(TimeSpan.FromMinutes(67));
        await stage.RefreshAsync();

        Assert.Equal(HttpStatusCode.Redirect, (await browser.NavigateAsync("/")).StatusCode);
        Assert.DoesNotContain(await stage.KeysAsync(), static key => key.StartsWith("{gateway}:refresh-token:", StringComparison.Ordinal));
        Assert.Contains(stage.One.Store.Log.Concat(stage.Two.Store.Log), static line => line.Contains("does not vouch", StringComparison.Ordinal) && line.Contains("invalid_grant", StringComparison.Ordinal));
    }

    [Fact]
    public async Task GroupThatTheProviderTookAway_OpensNothingOnEitherReplica()
    {
        await using var stage = await RefreshStage.StartAsync(MapServer.Redis, new() { ["Identity:Allow:Users:0"] = "nobody", ["Identity:Allow:Groups:0"] = "staff" });
        stage.Authority.Person["groups"] = "staff";
        using var browser = await stage.SignInAsync();
        Assert.Equal(HttpStatusCode.OK, (await browser.NavigateAsync(stage.Two.PublicUrl)).StatusCode);
        stage.Authority.OnRefresh = static claims => claims["groups"] = "former";

        stage.Time.Advance(TimeSpan.FromMinutes(67));
        await stage.RefreshAsync();
        await stage.TellOfSignInsAsync();

        Assert.Equal(HttpStatusCode.Forbidden, (await browser.NavigateAsync(stage.One.PublicUrl)).StatusCode);
        Assert.Equal(HttpStatusCode.Forbidden, (await browser.NavigateAsync(stage.Two.PublicUrl)).StatusCode);
    }

    [Fact]
    public async Task SignInThatHasEnded_IsNotAskedAbout()
    {
        await using var stage = await RefreshStage.StartAsync(MapServer.Redis);
        using var browser = await stage.SignInAsync();
        (await browser.NavigateAsync("/.gateway/sign-out", "same-origin")).Dispose();

        stage.Time.Advance(TimeSpan.FromMinutes(67));
        await stage.RefreshAsync();

        Assert.Empty(stage.Authority.Refreshes);
        Assert.DoesNotContain(await stage.KeysAsync(), static key => key.Contains("refresh", StringComparison.Ordinal));
    }

    [Fact]
    public async Task TokenInTheStore_IsNotReadable()
    {
        await using var stage = await RefreshStage.StartAsync(MapServer.Redis);
        using var browser = await stage.SignInAsync();

        var texts = await stage.StringsAsync();

        Assert.True(texts.Count >= 2, "a sign-in and its refresh token");
        Assert.All(texts, static text => Assert.DoesNotContain("fake-refresh-token", text, StringComparison.Ordinal));
    }

    [Theory]
    [InlineData("Identity:RefreshEvery", "00:00:00")]
    [InlineData("Identity:Scopes", "openid profile")]
    public async Task ProviderThatIsNotToBeAsked_IsNot(string key, string value)
    {
        await using var stage = await RefreshStage.StartAsync(MapServer.Redis, new() { [key] = value });
        using var browser = await stage.SignInAsync();

        stage.Time.Advance(TimeSpan.FromHours(3));
        await stage.RefreshAsync();

        Assert.Empty(stage.Authority.Refreshes);
        Assert.DoesNotContain(await stage.KeysAsync(), static key => key.Contains("refresh", StringComparison.Ordinal));
        Assert.Equal(HttpStatusCode.OK, (await browser.NavigateAsync("/")).StatusCode);
    }

    [Fact]
    public async Task ManySignIns_AreAskedAboutInOneRound_EachOnce()
    {
        await using var stage = await RefreshStage.StartAsync(MapServer.Redis);
        for (var i = 0; i < 30; i++)
        {
            (await stage.SignInAsync()).Dispose();
        }

        stage.Time.Advance(TimeSpan.FromMinutes(67));
        await stage.RefreshAsync();

        Assert.Equal(30, stage.Authority.Refreshes.Count);
        Assert.Equal(30, stage.Authority.Refreshes.Distinct().Count());
    }
}
