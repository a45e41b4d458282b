using System.Net;
using System.Net.Http.Json;
using System.Text.Json;
using Gateway.FunctionalTests.Identity;
using Gateway.Operations;
using Gateway.Sessions;
using Microsoft.Extensions.DependencyInjection;
using Xunit;

namespace Gateway.FunctionalTests.Operations;

public sealed class OperationsTests
{
    private static readonly DateTimeOffset Then = new(2030, 1, 31, 12, 0, 0, TimeSpan.Zero);

    [Theory]
    [InlineData("/api/routes")]
    [InlineData("/api/routes/alice")]
    [InlineData("/")]
    [InlineData("/anything")]
    public async Task WithoutCredential_Is401Json_AlsoForABrowser(string path)
    {
        await using var host = await GatewayHost.StartAsync();
        using var program = host.NewProgram(to: host.OperationsUrl);
        program.DefaultRequestHeaders.Add("Sec-Fetch-Mode", "navigate");

        using var answer = await program.GetAsync(path);

        await ProgramTests.AssertProblemAsync(answer, HttpStatusCode.Unauthorized, "not-signed-in");
        Assert.Equal("Bearer", answer.Headers.WwwAuthenticate.ToString());
    }

    [Fact]
    public async Task UserWhoIsNoOperator_Is403()
    {
        await using var host = await GatewayHost.StartAsync();
        using var program = host.NewProgram(host.Authority.AccessToken(), host.OperationsUrl);

        using var answer = await program.GetAsync("/api/routes");

        await ProgramTests.AssertProblemAsync(answer, HttpStatusCode.Forbidden, "not-operator");
    }

    [Fact]
    public async Task BadBearer_Is401()
    {
        await using var host = await GatewayHost.StartAsync();
        using var program = host.NewProgram(host.Authority.AccessToken("ops", endsIn: -TimeSpan.FromHours(1), claims: Operator), host.OperationsUrl);

        using var answer = await program.GetAsync("/api/routes");

        await ProgramTests.AssertProblemAsync(answer, HttpStatusCode.Unauthorized, "invalid-token");
    }

    [Fact]
    public async Task SignInCookie_OpensNothingForOperators()
    {
        await using var host = await GatewayHost.StartAsync();
        using var browser = host.NewBrowser();
        host.Authority.Person["role"] = "operator";
        await browser.FollowAsync("/");
        using var program = host.NewProgram(to: host.OperationsUrl);
        program.DefaultRequestHeaders.Add("Cookie", browser.Cookies.GetCookieHeader(host.PublicUrl));

        using var answer = await program.GetAsync("/api/routes");

        Assert.Equal(HttpStatusCode.Unauthorized, answer.StatusCode);
    }

    [Theory]
    [InlineData("/api/routes")]
    [InlineData("/health/live")]
    [InlineData("/metrics")]
    public async Task PublicListener_HasNothingOfIt_WhateverTheHostHeaderSays(string path)
    {
        await using var host = await GatewayHost.StartAsync(new() { ["Identity:Allow:Users:0"] = "ops" });
        using var program = host.NewProgram(host.Authority.AccessToken("ops", claims: Operator));
        program.DefaultRequestHeaders.Host = "x:" + host.OperationsUrl.Port;

        using var answer = await program.GetAsync(path);

        Assert.Equal("workspace of ops", await answer.Content.ReadAsStringAsync());
    }

    [Theory]
    [InlineData("/.gateway/me")]
    [InlineData("/.gateway/health")]
    [InlineData("/files")]
    public async Task OperationsListener_HasNothingOfThePublicOne(string path)
    {
        await using var host = await GatewayHost.StartAsync();
        using var program = NewOperator(host);

        using var answer = await program.GetAsync(path);

        await ProgramTests.AssertProblemAsync(answer, HttpStatusCode.NotFound, "not-found");
    }

    [Fact]
    public async Task Routes_ShowSessionAndMachineJoined()
    {
        await using var host = await GatewayHost.StartAsync();
        Add(host, "alice", MachineRecordState.Awake);
        using var program = NewOperator(host);

        var list = await program.GetFromJsonAsync<JsonElement>("/api/routes");

        var route = Assert.Single(list.GetProperty("routes").EnumerateArray());
        Assert.Equal("alice", route.GetProperty("id").GetString());
        Assert.Equal("awake", route.GetProperty("state").GetString());
        Assert.Equal("machine-of-alice", route.GetProperty("machine").GetString());
        Assert.Equal("fdaa::1", route.GetProperty("address").GetString());
        Assert.Equal(7, route.GetProperty("session_epoch").GetInt64());
        Assert.Equal(9, route.GetProperty("machine_epoch").GetInt64());
        Assert.Equal(JsonValueKind.Null, list.GetProperty("next").ValueKind);
    }

    [Fact]
    public async Task Routes_ArePagedByCursor_EachOnce()
    {
        await using var host = await GatewayHost.StartAsync();
        for (var i = 0; i < 7; i++)
        {
            Add(host, $"user{i}", MachineRecordState.Asleep);
        }

        using var program = NewOperator(host);
        var seen = new List<string>();
        var path = "/api/routes?limit=3";
        for (var page = 0; page < 3; page++)
        {
            var list = await program.GetFromJsonAsync<JsonElement>(path);
            seen.AddRange(list.GetProperty("routes").EnumerateArray().Select(route => route.GetProperty("id").GetString()!));
            path = "/api/routes?limit=3&cursor=" + list.GetProperty("next").GetString();
        }

        Assert.Equal(Enumerable.Range(0, 7).Select(i => $"user{i}"), seen);
    }

    [Theory]
    [InlineData("?state=awake", "alice")]
    [InlineData("?user=bob", "bob")]
    [InlineData("?user=b*", "bob")]
    [InlineData("?user=nobody", "")]
    [InlineData("?state=asleep&limit=1", "bob")]
    public async Task Filters_Hold(string query, string expected)
    {
        await using var host = await GatewayHost.StartAsync();
        Add(host, "alice", MachineRecordState.Awake);
        Add(host, "bob", MachineRecordState.Asleep);
        using var program = NewOperator(host);

        var list = await program.GetFromJsonAsync<JsonElement>("/api/routes" + query);

        Assert.Equal(expected, string.Join(",", list.GetProperty("routes").EnumerateArray().Select(route => route.GetProperty("id").GetString())));
    }

    [Theory]
    [InlineData("?sort=last_activity", "carol,alice,bob")]
    [InlineData("?sort=-last_activity", "bob,alice,carol")]
    [InlineData("?inactive_since=2030-01-31T12:00:00Z", "carol,alice")]
    [InlineData("?inactive_since=2030-01-31T12:00:00Z&sort=-last_activity", "alice,carol")]
    [InlineData("?inactive_since=2030-01-31T12:00:00Z&state=asleep", "alice")]
    [InlineData("?inactive_since=2030-01-31T12:00:00Z&sort=user", "alice,carol")]
    public async Task Routes_AreSortedAndFilteredByLastActivity_PageByPage(string query, string expected)
    {
        await using var host = await GatewayHost.StartAsync();
        Add(host, "alice", MachineRecordState.Asleep);
        Add(host, "bob", MachineRecordState.Asleep);
        Add(host, "carol", MachineRecordState.Awake);
        host.Sessions.Activity[new("machine-of-alice")] = Then;
        host.Sessions.Activity[new("machine-of-bob")] = Then.AddSeconds(1);
        using var program = NewOperator(host);
        var seen = new List<string>();
        string? cursor = null;
        for (var page = 0; page < 5 && (page == 0 || cursor is not null); page++)
        {
            var list = await program.GetFromJsonAsync<JsonElement>("/api/routes" + query + "&limit=1" + (cursor is null ? "" : "&cursor=" + cursor));
            seen.AddRange(list.GetProperty("routes").EnumerateArray().Select(static route => route.GetProperty("id").GetString()!));
            cursor = list.GetProperty("next").GetString();
        }

        Assert.Equal(expected, string.Join(',', seen));
    }

    [Fact]
    public async Task UsersOfASharedMachine_AreEachListedOnce_ByActivityToo()
    {
        await using var host = await GatewayHost.StartAsync();
        foreach (var user in new[] { "alice", "bob", "carol" })
        {
            Add(host, user, MachineRecordState.Awake);
            host.Sessions.Sessions[new(user)] = host.Sessions.Sessions[new(user)] with { Machine = new MachineId("machine-of-alice") };
        }

        using var program = NewOperator(host);
        var first = await program.GetFromJsonAsync<JsonElement>("/api/routes?sort=last_activity&limit=2");
        var rest = await program.GetFromJsonAsync<JsonElement>("/api/routes?sort=last_activity&limit=2&cursor=" + first.GetProperty("next").GetString());

        Assert.Equal(
            ["alice", "bob", "carol"],
            first.GetProperty("routes").EnumerateArray().Concat(rest.GetProperty("routes").EnumerateArray()).Select(static route => route.GetProperty("id").GetString()));
        Assert.Equal(JsonValueKind.Null, rest.GetProperty("next").ValueKind);
    }

    [Theory]
    [InlineData("?cursor=nonsense")]
    [InlineData("?cursor=")]
    [InlineData("?cursor=%F0")]
    [InlineData("?state=sleepy")]
    [InlineData("?sort=color")]
    [InlineData("?limit=0")]
    [InlineData("?limit=1001")]
    [InlineData("?limit=many")]
    [InlineData("?inactive_since=yesterday")]
    public async Task QueryThatCannotBeRead_Is400(string query)
    {
        await using var host = await GatewayHost.StartAsync();
        using var program = NewOperator(host);

        using var answer = await program.GetAsync("/api/routes" + query);

        await ProgramTests.AssertProblemAsync(answer, HttpStatusCode.BadRequest, "bad-query");
    }

    [Fact]
    public async Task SingleRoute_HasDetailAndETag_And304WhenUnchanged()
    {
        await using var host = await GatewayHost.StartAsync();
        Add(host, "auth0|a/b", MachineRecordState.Failed);
        using var program = NewOperator(host);
        var path = "/api/routes/" + RouteId.Of(new UserId("auth0|a/b"));

        using var answer = await program.GetAsync(path);
        using var again = new HttpRequestMessage(HttpMethod.Get, path);
        again.Headers.IfNoneMatch.Add(answer.Headers.ETag!);
        using var unchanged = await program.SendAsync(again);

        var route = await answer.Content.ReadFromJsonAsync<JsonElement>();
        Assert.Equal("auth0|a/b", route.GetProperty("user").GetString());
        Assert.Equal("failed", route.GetProperty("detail").GetProperty("machine_state").GetString());
        Assert.Equal("\"7-9\"", answer.Headers.ETag!.Tag);
        Assert.Equal(HttpStatusCode.NotModified, unchanged.StatusCode);
    }

    [Theory]
    [InlineData("bob")]
    [InlineData("~!!!")]
    [InlineData("~Ym9i")]
    public async Task UnknownRoute_Is404(string id)
    {
        await using var host = await GatewayHost.StartAsync();
        using var program = NewOperator(host);

        using var answer = await program.GetAsync("/api/routes/" + id);

        await ProgramTests.AssertProblemAsync(answer, HttpStatusCode.NotFound, "no-such-route");
    }

    [Fact]
    public async Task Wake_IsAccepted_AndBegun()
    {
        await using var host = await GatewayHost.StartAsync();
        Add(host, "alice", MachineRecordState.Asleep);
        using var program = NewOperator(host);

        using var answer = await program.PostAsync("/api/routes/alice/wake", null);

        Assert.Equal(HttpStatusCode.Accepted, answer.StatusCode);
        Assert.Equal(new UserId("alice"), Assert.Single(host.Sessions.Woken).User);
    }

    [Fact]
    public async Task SessionMapAway_Is503()
    {
        await using var host = await GatewayHost.StartAsync();
        host.Sessions.Reachable = false;
        using var program = NewOperator(host);

        using var answer = await program.GetAsync("/api/routes");

        await ProgramTests.AssertProblemAsync(answer, HttpStatusCode.ServiceUnavailable, "session-map-unavailable");
    }

    [Fact]
    public async Task HealthAndMetrics_AreOpen_AndNameNobody()
    {
        await using var host = await GatewayHost.StartAsync();
        using var browser = host.NewBrowser();
        await browser.FollowAsync("/");
        using var program = host.NewProgram(to: host.OperationsUrl);

        using var live = await program.GetAsync("/health/live");
        using var ready = await program.GetAsync("/health/ready");
        var metrics = await program.GetStringAsync("/metrics");

        Assert.Equal(HttpStatusCode.OK, live.StatusCode);
        Assert.Equal(HttpStatusCode.OK, ready.StatusCode);
        Assert.Contains("gateway_sign_ins", metrics, StringComparison.Ordinal);
        Assert.DoesNotContain("alice", metrics, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Draining_FailsReadinessAndThePublicHealthCheck_NotLiveness()
    {
        await using var host = await GatewayHost.StartAsync();
        using var program = host.NewProgram(to: host.OperationsUrl);
        using var before = await program.GetAsync(new Uri(host.PublicUrl, "/.gateway/health"));

        host.App.Services.GetRequiredService<Drain>().Begin();

        using var after = await program.GetAsync(new Uri(host.PublicUrl, "/.gateway/health"));
        using var ready = await program.GetAsync("/health/ready");
        using var live = await program.GetAsync("/health/live");
        Assert.Equal(HttpStatusCode.OK, before.StatusCode);
        Assert.Equal(HttpStatusCode.ServiceUnavailable, after.StatusCode);
        Assert.Equal(HttpStatusCode.ServiceUnavailable, ready.StatusCode);
        Assert.Equal(HttpStatusCode.OK, live.StatusCode);
    }

    private static Dictionary<string, object> Operator => new() { ["role"] = "operator" };

    private static HttpClient NewOperator(GatewayHost host) => host.NewProgram(host.Authority.AccessToken("ops", claims: Operator), host.OperationsUrl);

    private static void Add(GatewayHost host, string user, MachineRecordState state)
    {
        var machine = new MachineId("machine-of-" + user);
        host.Sessions.Sessions[new UserId(user)] = new Session
        {
            User = new UserId(user), State = SessionState.Assigned, App = "workspaces", Machine = machine, Volume = new VolumeId("vol_1"), ChangedAt = Then, Epoch = 7,
        };
        host.Sessions.Machines[machine] = new MachineRecord
        {
            Machine = machine, App = "workspaces", State = state, Boot = 3, Address = "fdaa::1", Region = "sjc", ChangedAt = Then, Epoch = 9,
        };
    }
}
