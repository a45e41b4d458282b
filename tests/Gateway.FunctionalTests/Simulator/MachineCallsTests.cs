using System.Net;
using System.Text.Json.Nodes;
using Xunit;
using static Gateway.FunctionalTests.Simulating.SimulatorStage;

namespace Gateway.FunctionalTests.Simulating;

/// <summary>Making, changing and removing machines, in the platform's own words.</summary>
public sealed class MachineCallsTests
{
    [Fact]
    public async Task WithoutAuthorization_IsUnauthorizedAsJson()
    {
        await using var stage = await SimulatorStage.StartAsync();
        stage.Http.DefaultRequestHeaders.Clear();

        var (status, body) = await stage.SendAsync(HttpMethod.Get, MachinesOf(App));

        Assert.Equal(HttpStatusCode.Unauthorized, status);
        Assert.Equal("Authenticate: token validation error", Error(body));
    }

    [Theory]
    [InlineData("GET", "/v1/nothing")]
    [InlineData("PATCH", "/v1/apps/workspaces/machines")]
    [InlineData("GET", "/v1/apps/workspaces/no.such.thing/with.dots")]
    public async Task AnUnknownPathOrMethod_IsPlainTextNotFound(string method, string path)
    {
        await using var stage = await SimulatorStage.StartAsync();

        using var response = await stage.Http.SendAsync(new HttpRequestMessage(new HttpMethod(method), path));

        Assert.Equal(HttpStatusCode.NotFound, response.StatusCode);
        Assert.Equal("404 page not found", (await response.Content.ReadAsStringAsync()).Trim());
    }

    [Fact]
    public async Task ATakenName_IsRefusedWithTheIdOfItsHolder()
    {
        await using var stage = await SimulatorStage.StartAsync();
        var first = await stage.CreateAsync("one");

        var (status, body) = await stage.SendAsync(HttpMethod.Post, MachinesOf(App), new JsonObject { ["name"] = "one", ["config"] = Config() });

        Assert.Equal(HttpStatusCode.Conflict, status);
        Assert.Equal($"already_exists: unique machine name violation, machine ID {first} already exists with name \"one\"", Error(body));
    }

    [Fact]
    public async Task OfManyCreationsOfOneNameAtOnce_OneSucceeds()
    {
        await using var stage = await SimulatorStage.StartAsync();

        var answers = await Task.WhenAll(Enumerable.Range(0, 12).Select(_ => stage.SendAsync(HttpMethod.Post, MachinesOf(App), new JsonObject { ["name"] = "one", ["config"] = Config() })));

        Assert.Single(answers, static answer => answer.Status == HttpStatusCode.OK);
        Assert.Equal(11, answers.Count(static answer => answer.Status == HttpStatusCode.Conflict));
    }

    [Fact]
    public async Task AnotherAppsMachine_IsNotFound()
    {
        await using var stage = await SimulatorStage.StartAsync();
        var id = await stage.CreateAsync("one");

        Assert.Equal(HttpStatusCode.NotFound, (await stage.SendAsync(HttpMethod.Get, $"{MachinesOf("other")}/{id}")).Status);
    }

    [Fact]
    public async Task AList_FiltersByAllMetadata()
    {
        await using var stage = await SimulatorStage.StartAsync();
        var wanted = await stage.CreateAsync("one", Config(metadata: new JsonObject { ["role"] = "workspace", ["user"] = "alice" }));
        await stage.CreateAsync("two", Config(metadata: new JsonObject { ["role"] = "workspace", ["user"] = "bob" }));

        var (_, machines) = await stage.SendAsync(HttpMethod.Get, $"{MachinesOf(App)}?metadata.role=workspace&metadata.user=alice");

        Assert.Equal(wanted, Assert.Single(machines.AsArray())!["id"]!.GetValue<string>());
    }

    [Fact]
    public async Task AListInPages_GivesEveryMachineOnce()
    {
        await using var stage = await SimulatorStage.StartAsync();
        var created = new List<string>();
        for (var number = 0; number < 5; number++)
        {
            created.Add(await stage.CreateAsync($"machine-{number}"));
        }

        var seen = new List<string>();
        var cursor = "";
        do
        {
            using var page = await stage.Http.GetAsync($"{MachinesOf(App)}?limit=2{(cursor.Length > 0 ? "&cursor=" + cursor : "")}");
            seen.AddRange(JsonNode.Parse(await page.Content.ReadAsStringAsync())!.AsArray().Select(static machine => machine!["id"]!.GetValue<string>()));
            cursor = page.Headers.TryGetValues("fly-next-cursor", out var next) ? next.Single() : "";
        }
        while (cursor.Length > 0 && seen.Count < 10);

        Assert.Equal(created.Order(), seen.Order());
    }

    [Fact]
    public async Task AnUpdateOfAnEarlierVersion_IsAConflict()
    {
        await using var stage = await SimulatorStage.StartAsync();
        var id = await stage.CreateAsync("one");

        var (status, _) = await stage.SendAsync(HttpMethod.Post, $"{MachinesOf(App)}/{id}", new JsonObject { ["config"] = Config(), ["current_version"] = "01STALE" });

        Assert.Equal(HttpStatusCode.Conflict, status);
    }

    [Theory]
    [InlineData(false, "stopped")]
    [InlineData(true, "started")]
    public async Task AnUpdate_ReplacesTheWholeConfigAndKeepsTheMachineUpOrDown(bool runs, string state)
    {
        await using var stage = await SimulatorStage.StartAsync();
        var id = await stage.CreateAsync("one", Config(environment: new JsonObject { ["OLD"] = "1" }), launch: runs);
        var version = (await stage.GetAsync(id)).Body["instance_id"]!.GetValue<string>();

        await stage.SendAsync(HttpMethod.Post, $"{MachinesOf(App)}/{id}", new JsonObject { ["config"] = Config(environment: new JsonObject { ["NEW"] = "1" }), ["current_version"] = version });
        await stage.ReachAsync(id, state);

        await Eventually.HoldsAsync(async () => (await stage.GetAsync(id)).Body["state"]!.GetValue<string>() == state);
        var (_, machine) = await stage.GetAsync(id);
        Assert.Null(machine["config"]!["env"]!["OLD"]);
        Assert.NotNull(machine["config"]!["env"]!["NEW"]);
        Assert.NotEqual(version, machine["instance_id"]!.GetValue<string>());
        Assert.Equal(26, machine["instance_id"]!.GetValue<string>().Length);
    }

    [Fact]
    public async Task Metadata_ChangesKeyByKeyWithoutANewVersion()
    {
        await using var stage = await SimulatorStage.StartAsync();
        var id = await stage.CreateAsync("one", Config(metadata: new JsonObject { ["keep"] = "1", ["drop"] = "1" }));
        var version = stage.Machine(id).Version;
        var path = $"{MachinesOf(App)}/{id}/metadata";

        Assert.Equal(HttpStatusCode.NoContent, (await stage.SendAsync(HttpMethod.Patch, path, new JsonObject { ["metadata"] = new JsonObject { ["drop"] = "", ["add"] = "2" } })).Status);
        Assert.Equal(HttpStatusCode.NoContent, (await stage.SendAsync(HttpMethod.Post, $"{path}/single", new JsonObject { ["value"] = "3" })).Status);

        Assert.Equal("""{"keep":"1","add":"2","single":"3"}""", (await stage.SendAsync(HttpMethod.Get, path)).Body.ToJsonString());
        Assert.Equal(HttpStatusCode.NotFound, (await stage.SendAsync(HttpMethod.Get, $"{path}/drop")).Status);
        Assert.Equal(version, stage.Machine(id).Version);
    }

    [Fact]
    public async Task ARunningMachine_IsDestroyedByForceOnly()
    {
        await using var stage = await SimulatorStage.StartAsync();
        var id = await stage.CreateAsync("one", launch: true);

        Assert.Equal(HttpStatusCode.PreconditionFailed, (await stage.SendAsync(HttpMethod.Delete, $"{MachinesOf(App)}/{id}")).Status);
        Assert.Equal(HttpStatusCode.OK, (await stage.SendAsync(HttpMethod.Delete, $"{MachinesOf(App)}/{id}?force=true")).Status);

        Assert.Empty((await stage.SendAsync(HttpMethod.Get, MachinesOf(App))).Body.AsArray());
        Assert.Single((await stage.SendAsync(HttpMethod.Get, MachinesOf(App) + "?include_deleted=true")).Body.AsArray());
    }

    internal static string? Error(JsonNode body) => body["error"]?.GetValue<string>();
}
