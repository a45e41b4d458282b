using System.Net;
using System.Net.Http.Json;
using System.Text.Json.Nodes;
using Gateway.Identity;
using Gateway.Identity.Access;
using Microsoft.Extensions.DependencyInjection;
using Xunit;

namespace Gateway.FunctionalTests.Identity;

/// <summary>What operators and viewers may do to and see of users at run time.</summary>
public sealed class AccessTests
{
    public static TheoryData<string> Servers => [MapServer.Redis, MapServer.Garnet];

    [Theory]
    [MemberData(nameof(Servers))]
    public async Task Decision_IsKept_AndReadByAnotherReplica(string server)
    {
        await using var map = await MapServer.StartAsync(server);
        await using var connection = await map.ConnectAsync();
        var store = new RedisAccessStore(new IdentityCalls(() => connection.GetDatabase(), GatewayHost.Keys, TimeProvider.System));
        var now = DateTimeOffset.FromUnixTimeMilliseconds(TimeProvider.System.GetUtcNow().ToUnixTimeMilliseconds());
        var decision = new UserDecision { Allowed = false, By = "ops", At = now, Reason = "left | the company" };

        await store.WriteAsync("ali|ce", decision);
        await store.EndBeforeAsync("old", now.AddDays(-100), TimeSpan.FromDays(30));
        await store.EndBeforeAsync("ali|ce", now, TimeSpan.FromDays(30));
        await store.EndBeforeAsync("ali|ce", now.AddDays(-1), TimeSpan.FromDays(30));
        var all = await store.ReadAllAsync();

        Assert.Equal(decision, all.Access["ali|ce"]);
        Assert.Equal(now, all.EndedBefore["ali|ce"]);
        Assert.DoesNotContain("old", all.EndedBefore.Keys);
        Assert.Equal((decision, now), await store.ReadAsync("ali|ce"));
        await store.WriteAsync("ali|ce", null);
        Assert.Null((await store.ReadAsync("ali|ce")).Decision);
    }

    [Theory]
    [InlineData("no json")]
    [InlineData("null")]
    [InlineData("[]")]
    [InlineData("{}")]
    [InlineData("")]
    public async Task DecisionThatCannotBeRead_KeepsItsUserOut_AndHidesNoOther(string kept)
    {
        await using var map = await MapServer.StartAsync(MapServer.Redis);
        await using var connection = await map.ConnectAsync();
        var store = new RedisAccessStore(new IdentityCalls(() => connection.GetDatabase(), GatewayHost.Keys, TimeProvider.System));
        await store.WriteAsync("bob", new UserDecision { Allowed = true, By = "ops", At = TimeProvider.System.GetUtcNow() });
        await connection.GetDatabase().HashSetAsync(GatewayHost.Keys.Decisions, "alice", kept);

        var all = await store.ReadAllAsync();
        var (one, _) = await store.ReadAsync("alice");

        Assert.Equal((false, true), (all.Access["alice"].Allowed, all.Access["bob"].Allowed));
        Assert.False(one!.Allowed);
    }

    [Fact]
    public async Task AllowedByAnOperator_ComesIn_ThoughNotOnTheList()
    {
        await using var host = await GatewayHost.StartAsync();
        using var operators = host.NewProgram(TokenWithRole(host, "operator"), host.OperationsUrl);
        using var mallory = host.NewProgram(host.Authority.AccessToken("mallory"));
        Assert.Equal(HttpStatusCode.Forbidden, (await mallory.GetAsync("/")).StatusCode);

        using var decided = await operators.PutAsJsonAsync("/api/users/mallory/access", new { access = "allow", reason = "trial" });
        var shown = await operators.GetFromJsonAsync<JsonNode>("/api/users/mallory/access");

        Assert.Equal(HttpStatusCode.OK, decided.StatusCode);
        Assert.Equal("allow", shown!["access"]!.GetValue<string>());
        Assert.Equal("ops", shown["by"]!.GetValue<string>());
        Assert.Equal(HttpStatusCode.OK, (await mallory.GetAsync("/")).StatusCode);
    }

    [Fact]
    public async Task DeniedOperator_IsNoOperatorAnyMore()
    {
        await using var host = await GatewayHost.StartAsync();
        using var operators = host.NewProgram(TokenWithRole(host, "operator"), host.OperationsUrl);

        using var decided = await operators.PutAsJsonAsync("/api/users/ops/access", new { access = "deny" });
        using var after = await operators.GetAsync("/api/routes");

        Assert.Equal(HttpStatusCode.OK, decided.StatusCode);
        Assert.Equal(HttpStatusCode.Forbidden, after.StatusCode);
    }

    [Fact]
    public async Task Viewer_Reads_AndChangesNothing()
    {
        await using var host = await GatewayHost.StartAsync();
        using var viewer = host.NewProgram(TokenWithRole(host, "viewer"), host.OperationsUrl);

        Assert.Equal(HttpStatusCode.OK, (await viewer.GetAsync("/api/routes")).StatusCode);
        Assert.Equal(HttpStatusCode.OK, (await viewer.GetAsync("/api/users/alice/access")).StatusCode);
        HttpResponseMessage[] refused =
        [
            await viewer.PostAsync("/api/routes/alice/wake", null),
            await viewer.PostAsync("/api/routes/alice/kick", null),
            await viewer.PutAsJsonAsync("/api/routes/alice", new { app = "x", machine = "y" }),
            await viewer.PutAsJsonAsync("/api/users/alice/access", new { access = "deny" }),
            await viewer.DeleteAsync("/api/users/alice/access"),
        ];
        Assert.All(refused, answer => Assert.Equal(HttpStatusCode.Forbidden, answer.StatusCode));
        Assert.Null(host.App.Services.GetRequiredService<UserAccess>().DecisionOf(new UserId("alice")));
    }

    [Theory]
    [InlineData("{}")]
    [InlineData("{\"access\":\"maybe\"}")]
    [InlineData("nonsense")]
    [InlineData("")]
    public async Task AccessThatCannotBeRead_IsRefused_AndDecidesNothing(string body)
    {
        await using var host = await GatewayHost.StartAsync();
        using var operators = host.NewProgram(TokenWithRole(host, "operator"), host.OperationsUrl);

        using var answer = await operators.PutAsync("/api/users/alice/access", new StringContent(body));

        await ProgramTests.AssertProblemAsync(answer, HttpStatusCode.BadRequest, "bad-access");
    }

    [Fact]
    public async Task Kick_EndsSignInsTokensAndBearersFromBeforeIt()
    {
        var time = new Microsoft.Extensions.Time.Testing.FakeTimeProvider(TimeProvider.System.GetUtcNow());
        await using var host = await GatewayHost.StartAsync(time: time);
        using var browser = host.NewBrowser();
        using var program = host.NewProgram(await TokenTests.MakeAsync(browser, "laptop"));
        using var bearer = host.NewProgram(host.Authority.AccessToken());
        using var operators = host.NewProgram(TokenWithRole(host, "operator"), host.OperationsUrl);

        using var kicked = await operators.PostAsync("/api/routes/alice/kick", null);
        using var page = await browser.NavigateAsync("/");

        Assert.Equal(HttpStatusCode.Accepted, kicked.StatusCode);
        Assert.Equal(HttpStatusCode.Redirect, page.StatusCode);
        Assert.Equal(HttpStatusCode.Unauthorized, (await program.GetAsync("/")).StatusCode);
        Assert.Equal(HttpStatusCode.Unauthorized, (await bearer.GetAsync("/")).StatusCode);
        time.Advance(TimeSpan.FromSeconds(1));
        Assert.Equal(HttpStatusCode.OK, (await browser.FollowAsync("/")).Answer.StatusCode);
    }

    internal static string TokenWithRole(GatewayHost host, string role) => host.Authority.AccessToken("ops", claims: new() { ["role"] = role });
}
