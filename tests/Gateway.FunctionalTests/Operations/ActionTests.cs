using System.Collections.Concurrent;
using System.Globalization;
using System.Net;
using System.Net.Http.Json;
using System.Text.Json;
using Gateway.FunctionalTests.Identity;
using Gateway.FunctionalTests.Workspaces;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using Xunit;

namespace Gateway.FunctionalTests.Operations;

/// <summary>What holds for every action on a route: as the OpenAPI document lists them, so that a new one is in it.</summary>
public sealed class ActionTests : IAsyncLifetime
{
    private readonly ConcurrentQueue<string> _log = new();
    private GatewayEnvironment _cloud = null!;
    private RunningGateway _gateway = null!;
    private HttpClient _operator = null!;
    private string _id = null!;

    public async Task InitializeAsync()
    {
        _cloud = await GatewayEnvironment.StartAsync();
        _gateway = await _cloud.StartGatewayAsync();
        _gateway.Services.GetRequiredService<ILoggerFactory>().AddProvider(new KeptLog(_log));
        _operator = _gateway.OperatorClient();
        _id = await VisitAsync("alice");
    }

    public async Task DisposeAsync()
    {
        _operator.Dispose();
        await _cloud.DisposeAsync();
    }

    [Theory]
    [InlineData("alice")]
    [InlineData("../a/b.c ü🦊*%2F?#")]
    public async Task Action_IsAccepted_SaysWhereToWatch_DoesNothingMoreWhenRepeated_AndIsAudited(string user)
    {
        _id = await VisitAsync(user);
        var left = await ActionsAsync();
        foreach (var (method, path, body) in new (string, string, object?)[]
        {
            ("POST", "wake", null),
            ("POST", "pin", new { until = TimeProvider.System.GetUtcNow().AddHours(1) }), ("DELETE", "pin", null),
            ("POST", "drain", null), ("DELETE", "drain", null),
            ("POST", "volume", new { size_gb = 8 }),
            ("POST", "upgrade", null),
            ("POST", "kick", null),
            ("PUT", "", new { app = GatewayEnvironment.App, machine = (await RouteAsync()).GetProperty("machine").GetString() }),
            ("POST", "stop", null), ("POST", "suspend", null),
        })
        {
            await AssertAcceptedAsync(method, path, body);
            await AssertAcceptedAsync(method, path, body);
            Assert.True(left.Remove($"{method} {path}"), $"{method} {path} is not in the document");
        }

        // What is done anew each time it is asked for is not done by a repeat that names the reading it was decided on.
        await AsleepAsync();
        await AssertOnceAsync(left, "restart", null);
        await AssertAcceptedAsync("POST", "snapshots", null, watch: "snapshots");
        left.Remove("POST snapshots");
        var snapshots = await _operator.GetFromJsonAsync<JsonElement>($"/api/routes/{_id}/snapshots");
        await Eventually.HoldsAsync(async () => (await RouteAsync()).GetProperty("state").GetString() == "awake");
        await AssertOnceAsync(left, "restore", new { snapshot = snapshots.GetProperty("snapshots")[0].GetProperty("id").GetString() });

        await AssertAcceptedAsync("DELETE", "", null);
        await AssertAcceptedAsync("DELETE", "", null);
        left.Remove("DELETE ");
        Assert.Empty(left);
    }

    [Fact]
    public async Task NameOfAnyCharacters_IsFound_AndItsIdReadsEverythingThereIsOfTheUser()
    {
        const string name = "../a/b.c ü🦊*%2F?#";
        _id = await VisitAsync(name);
        var document = await _operator.GetFromJsonAsync<JsonElement>("/openapi/v1.json");
        var paths = document.GetProperty("paths").EnumerateObject().Where(static path => path.Name.Contains('{', StringComparison.Ordinal) && path.Value.TryGetProperty("get", out _)).Select(static path => path.Name).ToList();
        Assert.NotEmpty(paths);
        foreach (var path in paths.Append("/users/{id}").Append("/?q={id}"))
        {
            using var answer = await _operator.GetAsync(path.Replace("?q={id}", "?q=" + Uri.EscapeDataString(name), StringComparison.Ordinal).Replace("{id}", _id, StringComparison.Ordinal).Replace("{user}", _id, StringComparison.Ordinal));

            Assert.True(answer.StatusCode == HttpStatusCode.OK, $"{path} was answered {answer.StatusCode}: {await answer.Content.ReadAsStringAsync()}");
        }

        Assert.Equal(_id, (await _operator.GetFromJsonAsync<JsonElement>("/api/costs?user=" + Uri.EscapeDataString(name))).GetProperty("id").GetString());
    }

    [Theory]
    [InlineData("~!!!")]
    [InlineData("~Ym9i")]
    [InlineData("~")]
    public async Task IdThatIsNone_Is404ForEveryAction(string id)
    {
        var machine = _cloud.Simulator.MachineOf("alice").Id;
        foreach (var action in await ActionsAsync())
        {
            using var answer = await SendAsync(_operator, action, id, action == "PUT " ? new { app = GatewayEnvironment.App, machine } : new { snapshot = "vs_1", size_gb = 8 });

            await ProgramTests.AssertProblemAsync(answer, HttpStatusCode.NotFound, action is "POST kick" ? "no-such-user" : "no-such-route");
        }
    }

    [Fact]
    public async Task StaleIfMatch_IsRefusedByEveryAction_WithThePresentOne()
    {
        foreach (var action in await ActionsAsync())
        {
            using var answer = await SendAsync(_operator, action, _id, null, ifMatch: "\"1-1\"");

            await ProgramTests.AssertProblemAsync(answer, HttpStatusCode.PreconditionFailed, "stale");
            Assert.Equal(ETag(await RouteAsync()), answer.Headers.ETag!.Tag);
            Assert.Equal(ETag(await RouteAsync()), (await answer.Content.ReadFromJsonAsync<JsonElement>()).GetProperty("current").GetString());
        }
    }

    [Fact]
    public async Task Viewer_IsRefusedEveryAction()
    {
        using var viewer = RunningGateway.Client(_gateway.OperationsUrl, _cloud.Authority.AccessToken("watcher", claims: new() { ["role"] = "viewer" }));
        var before = ETag(await RouteAsync());
        foreach (var action in await ActionsAsync())
        {
            using var answer = await SendAsync(viewer, action, _id, null);

            await ProgramTests.AssertProblemAsync(answer, HttpStatusCode.Forbidden, "not-operator");
        }

        Assert.Equal(before, ETag(await RouteAsync()));
    }

    [Fact]
    public async Task WhileRedisIsAway_EveryActionIs503_AlsoWithAPrecondition()
    {
        var actions = await ActionsAsync();
        var machine = _cloud.Simulator.MachineOf("alice").Id;
        _cloud.Redis.Kill();
        foreach (var action in actions)
        {
            using var answer = await SendAsync(_operator, action, _id, action == "PUT " ? new { app = GatewayEnvironment.App, machine } : new { snapshot = "vs_1" }, ifMatch: "\"1-1\"");

            await ProgramTests.AssertProblemAsync(answer, HttpStatusCode.ServiceUnavailable, "session-map-unavailable");
        }
    }

    /// <summary>The id by which the user is found once they have a workspace.</summary>
    private async Task<string> VisitAsync(string user)
    {
        using var client = _gateway.ClientOf(user);
        using var woken = await client.GetAsync("/");
        Assert.Equal(HttpStatusCode.OK, woken.StatusCode);
        var found = await _operator.GetFromJsonAsync<JsonElement>("/api/routes?user=" + Uri.EscapeDataString(user));
        var route = Assert.Single(found.GetProperty("routes").EnumerateArray());
        Assert.Equal(user, route.GetProperty("user").GetString());
        return route.GetProperty("id").GetString()!;
    }

    private async Task AssertOnceAsync(HashSet<string> left, string action, object? body)
    {
        var decidedOn = ETag(await RouteAsync());
        await AssertAcceptedAsync("POST", action, body, ifMatch: decidedOn);
        await Eventually.HoldsAsync(async () => ETag(await RouteAsync()) != decidedOn);

        using var again = await SendAsync(_operator, "POST " + action, _id, body, decidedOn);

        await ProgramTests.AssertProblemAsync(again, HttpStatusCode.PreconditionFailed, "stale");
        Assert.True(left.Remove("POST " + action));
    }

    private async Task AssertAcceptedAsync(string method, string path, object? body, string? watch = null, string? ifMatch = null)
    {
        _log.Clear();
        using var answer = await SendAsync(_operator, $"{method} {path}", _id, body, ifMatch);

        Assert.True(answer.StatusCode == HttpStatusCode.Accepted, $"{method} {path} was answered {answer.StatusCode}: {await answer.Content.ReadAsStringAsync()}");
        Assert.Equal((watch ?? (path == "volume" ? path : "")) is { Length: > 0 } part ? $"/api/routes/{_id}/{part}" : "/api/routes/" + _id, answer.Headers.Location!.ToString());
        Assert.Equal("</api/events>; rel=\"monitor\"", Assert.Single(answer.Headers.GetValues("Link")));
        Assert.Equal(method == "DELETE" && path.Length == 0, answer.Headers.ETag is null);
        var pattern = path.Length == 0 ? "/api/routes/{id}" : "/api/routes/{id}/" + path;
        await Eventually.HoldsAsync(() => Task.FromResult(_log.Any(line => line.Contains($"Operator ops from 127.0.0.1: {method} {pattern} on {_id} was answered 202", StringComparison.Ordinal))));
    }

    private Task AsleepAsync() => Eventually.HoldsAsync(async () => (await RouteAsync()).GetProperty("state").GetString() == "asleep");

    private Task<JsonElement> RouteAsync() => _operator.GetFromJsonAsync<JsonElement>("/api/routes/" + _id);

    private static string ETag(JsonElement route) =>
        string.Create(CultureInfo.InvariantCulture, $"\"{route.GetProperty("session_epoch").GetInt64()}-{route.GetProperty("machine_epoch").GetInt64()}\"");

    /// <summary>As <c>POST wake</c>: what the document says is answered with 202 below a route, and that is all that is not a read but the override, which is a document of its own.</summary>
    private async Task<HashSet<string>> ActionsAsync()
    {
        const string Route = "/api/routes/{id}";
        var document = await _operator.GetFromJsonAsync<JsonElement>("/openapi/v1.json");
        var changing = document.GetProperty("paths").EnumerateObject().Where(static path => path.Name.StartsWith(Route, StringComparison.Ordinal))
            .SelectMany(static path => path.Value.EnumerateObject().Where(static operation => operation.Name != "get").Select(operation => (Path: path.Name[Route.Length..].TrimStart('/'), operation)))
            .ToLookup(static change => change.operation.Value.GetProperty("responses").TryGetProperty("202", out _), static change => $"{change.operation.Name.ToUpperInvariant()} {change.Path}");
        Assert.Equal(["PUT override"], changing[false]);
        return [.. changing[true]];
    }

    private static async Task<HttpResponseMessage> SendAsync(HttpClient client, string action, string id, object? body, string? ifMatch = null)
    {
        var (method, path) = action.Split(' ') is [var verb, var rest] ? (verb, rest) : throw new ArgumentException(action, nameof(action));
        using var request = new HttpRequestMessage(new HttpMethod(method), path.Length == 0 ? $"/api/routes/{id}" : $"/api/routes/{id}/{path}");
        request.Content = body is null ? null : JsonContent.Create(body);
        if (ifMatch is not null)
        {
            request.Headers.TryAddWithoutValidation("If-Match", ifMatch);
        }

        return await client.SendAsync(request);
    }
}
