using System.Net;
using System.Net.Http.Json;
using System.Text.Json;
using Gateway.FunctionalTests.Identity;
using Gateway.Sessions;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Time.Testing;
using Xunit;

namespace Gateway.FunctionalTests.Operations;

/// <summary>The single route in full, why, preconditions and the event stream, over what a test put there.</summary>
public sealed class ExplainTests : IAsyncLifetime
{
    private static readonly MachineId Machine = new("machine-of-alice");

    private readonly DateTimeOffset _now = TimeProvider.System.GetUtcNow();
    private GatewayHost _host = null!;
    private HttpClient _operator = null!;

    public async Task InitializeAsync()
    {
        _host = await GatewayHost.StartAsync();
        _host.Sessions.Sessions[new("alice")] = new Session { User = new("alice"), State = SessionState.Assigned, App = "workspaces", Machine = Machine, Epoch = 7 };
        _host.Sessions.Sessions[new("bob")] = new Session { User = new("bob"), State = SessionState.Assigned, App = "workspaces", Machine = Machine, Epoch = 8 };
        _host.Sessions.Machines[Machine] = new MachineRecord { Machine = Machine, App = "workspaces", State = MachineRecordState.Awake, Address = "fdaa::1", Epoch = 9 };
        _operator = _host.NewProgram(_host.Authority.AccessToken("ops", claims: new() { ["role"] = "operator" }), _host.OperationsUrl);
    }

    public async Task DisposeAsync()
    {
        _operator.Dispose();
        await _host.DisposeAsync();
    }

    private MemoryHistory History => _host.App.Services.GetRequiredService<MemoryHistory>();

    [Fact]
    public async Task Detail_ShowsVisitsByReplica_TimersLastWakeAndWhatIsPlanned()
    {
        History.Visits[Machine] = new OpenVisits(Machine, "one", 2, 1, _now, _now, 2, 1);
        History.Due = _now.AddMinutes(5);
        History.Causes.Enqueue(new RouteCause { Machine = Machine, At = _now, Kind = "wake", What = "socket", Timing = new Dictionary<string, double> { ["boot"] = 0.4 } });

        var detail = (await _operator.GetFromJsonAsync<JsonElement>("/api/routes/alice")).GetProperty("detail");

        var visits = Assert.Single(detail.GetProperty("visits").EnumerateArray());
        Assert.Equal(("one", 2, 1), (visits.GetProperty("replica").GetString(), visits.GetProperty("requests").GetInt32(), visits.GetProperty("sockets").GetInt32()));
        Assert.Equal((2, 1), (visits.GetProperty("by_sign_in").GetInt32(), visits.GetProperty("by_token").GetInt32()));
        Assert.Equal("bob", Assert.Single(detail.GetProperty("shared_with").EnumerateArray()).GetString());
        Assert.Equal(0.4, detail.GetProperty("last_wake").GetProperty("timing").GetProperty("boot").GetDouble());
        Assert.Equal("stop", detail.GetProperty("next").GetProperty("action").GetString());
        Assert.Equal(900, detail.GetProperty("timers").GetProperty("idle_after_seconds").GetDouble());
    }

    [Fact]
    public async Task Why_NamesWhoBlocksTheStop_AndTheRuleOfEachDecision()
    {
        History.Visits[Machine] = new OpenVisits(Machine, "one", 0, 1, _now, _now);
        History.Due = _now.AddMinutes(5);
        History.Causes.Enqueue(new RouteCause { Machine = Machine, At = _now, Kind = "decision", What = "kept_awake", Rule = "a replica has a visit on it" });

        var why = await _operator.GetFromJsonAsync<JsonElement>("/api/routes/alice/why");

        Assert.Equal("one", Assert.Single(why.GetProperty("blocked_by").EnumerateArray()).GetProperty("replica").GetString());
        Assert.Equal("Awake: 0 requests and 1 sockets or streams are open.", why.GetProperty("summary").GetString());
        var cause = Assert.Single(why.GetProperty("causes").EnumerateArray());
        Assert.Equal(("kept_awake", "a replica has a visit on it"), (cause.GetProperty("what").GetString(), cause.GetProperty("rule").GetString()));
    }

    [Fact]
    public async Task Why_DoesNotCountASocketPastItsAttachedTime()
    {
        History.Visits[Machine] = new OpenVisits(Machine, "one", 0, 1, _now.AddHours(-2), _now);

        var why = await _operator.GetFromJsonAsync<JsonElement>("/api/routes/alice/why");

        Assert.Empty(why.GetProperty("blocked_by").EnumerateArray());
    }

    [Theory]
    [InlineData("/api/routes/alice/wake")]
    [InlineData("/api/routes/alice/drain")]
    [InlineData("/api/routes/alice/pin")]
    public async Task StaleIfMatch_Is412WithTheCurrentOne_AndNothingIsDone(string path)
    {
        using var request = new HttpRequestMessage(HttpMethod.Post, path) { Content = JsonContent.Create(new { until = _now.AddHours(1) }) };
        request.Headers.TryAddWithoutValidation("If-Match", "\"7-8\"");

        using var answer = await _operator.SendAsync(request);

        await ProgramTests.AssertProblemAsync(answer, HttpStatusCode.PreconditionFailed, "stale");
        Assert.Equal("\"7-9\"", answer.Headers.ETag!.Tag);
        Assert.Empty(_host.Sessions.Woken);
    }

    [Fact]
    public async Task PresentIfMatch_Passes_AndTheAnswerSaysWhereToWatch()
    {
        using var request = new HttpRequestMessage(HttpMethod.Post, "/api/routes/alice/wake");
        request.Headers.TryAddWithoutValidation("If-Match", "\"7-9\"");

        using var answer = await _operator.SendAsync(request);

        Assert.Equal(HttpStatusCode.Accepted, answer.StatusCode);
        Assert.Equal("/api/routes/alice", answer.Headers.Location!.ToString());
        Assert.Equal("</api/events>; rel=\"monitor\"", Assert.Single(answer.Headers.GetValues("Link")));
    }

    [Theory]
    [InlineData("""{"until":"2001-01-01T00:00:00Z"}""")]
    [InlineData("""{"until":"2999-01-01T00:00:00Z"}""")]
    [InlineData("""{"until":"tomorrow"}""")]
    [InlineData("{}")]
    [InlineData("")]
    public async Task PinThatCannotBeRead_Is400(string body)
    {
        using var answer = await _operator.PostAsync("/api/routes/alice/pin", new StringContent(body));

        await ProgramTests.AssertProblemAsync(answer, HttpStatusCode.BadRequest, "bad-pin");
    }

    [Theory]
    [InlineData("GET", "/api/routes/nobody/why")]
    [InlineData("POST", "/api/routes/nobody/pin")]
    [InlineData("DELETE", "/api/routes/nobody/drain")]
    public async Task UnknownRoute_Is404(string method, string path)
    {
        using var answer = await _operator.SendAsync(new HttpRequestMessage(new HttpMethod(method), path));

        await ProgramTests.AssertProblemAsync(answer, HttpStatusCode.NotFound, "no-such-route");
    }

    [Fact]
    public async Task Events_GoOnAfterTheLastId_WithTheRoutesTheyAreAbout()
    {
        History.Events.Enqueue(new RouteEvent(5, _now, "machine", Machine.Value, "asleep", "waking", null));
        History.Events.Enqueue(new RouteEvent(9, _now, "machine", Machine.Value, "waking", "awake", null));
        using var stream = await EventStream.OpenAsync(_operator, "5");

        var happened = await stream.ReadAsync();

        Assert.Equal(("9", "state"), (happened.Id, happened.Kind));
        Assert.Equal("awake", happened.Data.GetProperty("state").GetString());
        Assert.Equal(["alice", "bob"], happened.Data.GetProperty("routes").EnumerateArray().Select(static route => route.GetString()));
    }

    [Theory]
    [InlineData("3")]
    [InlineData("20")]
    public async Task EventsThatAreNotKeptAnyMore_AreAReset(string last)
    {
        History.Events.Enqueue(new RouteEvent(5, _now, "machine", Machine.Value, "asleep", "waking", null));
        using var stream = await EventStream.OpenAsync(_operator, last);

        var happened = await stream.ReadAsync();

        Assert.Equal(("5", "reset"), (happened.Id, happened.Kind));
    }

    [Fact]
    public async Task EventsThatHappenLater_Arrive()
    {
        using var stream = await EventStream.OpenAsync(_operator, null);
        History.Events.Enqueue(new RouteEvent(100, _now, "cause", Machine.Value, null, null, new RouteCause { Machine = Machine, At = _now, Kind = "decision", What = "put_to_sleep" }));

        Assert.Equal("stop", (await stream.ReadAsync()).Kind);
    }

    [Fact]
    public async Task EventStream_EndsAfterItsTime_AndAnOperatorWhoWasDeniedOpensNoOther()
    {
        var time = new FakeTimeProvider(_now);
        await using var host = await GatewayHost.StartAsync(time: time);
        using var ops = host.NewProgram(host.Authority.AccessToken("ops", claims: new() { ["role"] = "operator" }), host.OperationsUrl);
        using var stream = await EventStream.OpenAsync(ops, null);
        Assert.True((await ops.PutAsJsonAsync("/api/users/ops/access", new { access = "deny", reason = "left the company" })).IsSuccessStatusCode);

        time.Advance(TimeSpan.FromMinutes(5));

        await Assert.ThrowsAsync<EndOfStreamException>(stream.ReadAsync);
        using var again = await ops.GetAsync("/api/events", HttpCompletionOption.ResponseHeadersRead);
        Assert.Equal(HttpStatusCode.Forbidden, again.StatusCode);
    }

    [Fact]
    public async Task EventIdThatIsNone_Is400()
    {
        using var request = new HttpRequestMessage(HttpMethod.Get, "/api/events");
        request.Headers.TryAddWithoutValidation("Last-Event-ID", "x");

        using var answer = await _operator.SendAsync(request);

        await ProgramTests.AssertProblemAsync(answer, HttpStatusCode.BadRequest, "bad-event-id");
    }
}
