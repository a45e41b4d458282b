using System.Net;
using System.Text.Json.Nodes;
using MachinesSimulator;
using Xunit;
using static Gateway.FunctionalTests.Simulating.MachineCallsTests;
using static Gateway.FunctionalTests.Simulating.SimulatorStage;

namespace Gateway.FunctionalTests.Simulating;

/// <summary>What can be made to go wrong, over HTTP and in the process.</summary>
public sealed class FaultTests
{
    [Fact]
    public async Task AnAmbiguousStart_IsCarriedOutAndItsAnswerLost()
    {
        await using var stage = await SimulatorStage.StartAsync();
        var id = await stage.CreateAsync("one");
        await FaultAsync(stage, new JsonObject { ["action"] = "start", ["status"] = 0, ["carried_out"] = true });

        await Assert.ThrowsAnyAsync<HttpRequestException>(() => stage.DoAsync(id, "start"));

        await stage.ReachAsync(id, "started");
        Assert.Equal(1, stage.Machine(id).Starts);
    }

    [Fact]
    public async Task AnAmbiguousCreation_LeavesAMachineOfThatName()
    {
        await using var stage = await SimulatorStage.StartAsync();
        stage.Simulator.Faults.FailNext("create", 408, "deadline_exceeded: a fault", carriedOut: true);
        var body = new JsonObject { ["name"] = "one", ["config"] = Config() };

        Assert.Equal(HttpStatusCode.RequestTimeout, (await stage.SendAsync(HttpMethod.Post, MachinesOf(App), body)).Status);
        Assert.Equal(HttpStatusCode.Conflict, (await stage.SendAsync(HttpMethod.Post, MachinesOf(App), body.DeepClone())).Status);
    }

    [Fact]
    public async Task AFault_LastsForAsManyCallsAsItWasGivenAndIsNotCarriedOut()
    {
        await using var stage = await SimulatorStage.StartAsync();
        var (id, other) = (await stage.CreateAsync("one"), await stage.CreateAsync("two"));
        await FaultAsync(stage, new JsonObject { ["action"] = "start", ["status"] = 503, ["error"] = "unavailable: a fault", ["times"] = 2, ["target"] = id });

        Assert.Equal(HttpStatusCode.OK, (await stage.DoAsync(other, "start")).Status);
        var (status, body) = await stage.DoAsync(id, "start");
        Assert.Equal((HttpStatusCode.ServiceUnavailable, "unavailable: a fault"), (status, Error(body)));
        Assert.Equal(HttpStatusCode.ServiceUnavailable, (await stage.DoAsync(id, "start")).Status);
        Assert.Equal(0, stage.Machine(id).Starts);
        Assert.Equal(HttpStatusCode.OK, (await stage.DoAsync(id, "start")).Status);
    }

    [Fact]
    public async Task AFullHost_RefusesAStart()
    {
        await using var stage = await SimulatorStage.StartAsync();
        var id = await stage.CreateAsync("one");
        await MakeAsync(stage, id, "host-full");

        var (status, body) = await stage.DoAsync(id, "start");

        Assert.Equal((HttpStatusCode.Conflict, "aborted: could not reserve resource for machine: insufficient CPUs available to fulfill request on the current host"), (status, Error(body)));
    }

    [Fact]
    public async Task AFullRegion_TakesNoMachineAndOthersDo()
    {
        await using var stage = await SimulatorStage.StartAsync();
        await FaultAsync(stage, new JsonObject { ["full_region"] = "ams" });

        var (status, body) = await stage.SendAsync(HttpMethod.Post, MachinesOf(App), new JsonObject { ["name"] = "one", ["region"] = "ams", ["config"] = Config() });

        Assert.Equal((HttpStatusCode.UnprocessableEntity, "could not find a candidate host", "insufficient_capacity"), (status, Error(body), body["status"]!.GetValue<string>()));
        await stage.CreateAsync("one");
    }

    [Fact]
    public async Task AMachineOnAnUnreachableHost_IsSeenWithoutItsConfig()
    {
        await using var stage = await SimulatorStage.StartAsync();
        var id = await stage.CreateAsync("one");
        await MakeAsync(stage, id, "host-unreachable");

        var (_, machine) = await stage.GetAsync(id);

        Assert.Equal("unreachable", machine["host_status"]!.GetValue<string>());
        Assert.Null(machine["config"]);
    }

    [Fact]
    public async Task AMigratedMachine_KeepsItsIdAndFilesAtANewAddressWithANewVolumeId()
    {
        await using var stage = await SimulatorStage.StartAsync();
        var volume = await stage.CreateVolumeAsync("data");
        var id = await stage.CreateAsync("one", Config(ProcessImage, volume, new JsonObject { ["WORKSPACE_PATH"] = "/workspace" }), launch: true);
        using (var before = await stage.AnsweringAsync(id))
        {
            await before.PutAsync("/files/note", new StringContent("kept"));
        }

        var address = stage.Machine(id).Address;
        await MakeAsync(stage, id, "migrate");

        using var after = await stage.AnsweringAsync(id);
        Assert.NotEqual(address, stage.Machine(id).Address);
        Assert.Equal("kept", await after.GetStringAsync("/files/note"));
        Assert.NotEqual(volume, (await stage.GetAsync(id)).Body["config"]!["mounts"]![0]!["volume"]!.GetValue<string>());
    }

    [Fact]
    public async Task AMachineThatNeverGetsHealthy_AnswersAndSaysSo()
    {
        await using var stage = await SimulatorStage.StartAsync();
        var id = await stage.CreateAsync("one", launch: true);
        using var workspace = await stage.AnsweringAsync(id);
        await MakeAsync(stage, id, "never-healthy");

        Assert.Equal(HttpStatusCode.InternalServerError, (await workspace.GetAsync("/api/health")).StatusCode);
    }

    [Theory]
    [InlineData("stop", "stopped")]
    [InlineData("kill", "stopped")]
    public async Task SomethingBehindOurBack_IsSeenByWhoeverAsksNext(string what, string state)
    {
        await using var stage = await SimulatorStage.StartAsync();
        var id = await stage.CreateAsync("one", Config(ProcessImage), launch: true);
        using (await stage.AnsweringAsync(id))
        {
            await MakeAsync(stage, id, what);
        }

        await stage.ReachAsync(id, state);
        Assert.Equal(state, (await stage.GetAsync(id)).Body["state"]!.GetValue<string>());
    }

    [Fact]
    public async Task Calls_AreCountedByActionAndMachineTheRefusedOnesIncluded()
    {
        await using var stage = await SimulatorStage.StartAsync();
        var (id, other) = (await stage.CreateAsync("one"), await stage.CreateAsync("two"));
        await stage.DoAsync(id, "start", "started");
        await stage.DoAsync(id, "start");

        var calls = JsonNode.Parse(await stage.Http.GetStringAsync("/_simulator/calls"))!.AsArray();

        Assert.Equal(2, calls.Single(call => call!["action"]!.GetValue<string>() == "start" && call["target"]!.GetValue<string>() == id)!["calls"]!.GetValue<int>());
        Assert.Equal(0, stage.Simulator.Calls("start", other));
        Assert.Equal(1, stage.Machine(id).Starts);
    }

    [Fact]
    public async Task WhoeverObserves_SeesCallAndAnswer()
    {
        var seen = new List<ObservedExchange>();
        await using var stage = await SimulatorStage.StartAsync(options => options.OnExchange = exchange =>
        {
            lock (seen)
            {
                seen.Add(exchange);
            }
        });

        await stage.SendAsync(HttpMethod.Post, MachinesOf(App) + "?a=b", new JsonObject { ["name"] = "one" });

        var exchange = Assert.Single(seen);
        Assert.Equal(("POST", MachinesOf(App) + "?a=b", 400), (exchange.Method, exchange.PathAndQuery, exchange.Status));
        Assert.Equal("""{"name":"one"}""", exchange.RequestBody);
        Assert.Contains("config is required", exchange.ResponseBody, StringComparison.Ordinal);
    }

    private static async Task FaultAsync(SimulatorStage stage, JsonObject fault) =>
        Assert.Equal(HttpStatusCode.NoContent, (await stage.SendAsync(HttpMethod.Post, "/_simulator/faults", fault)).Status);

    private static async Task MakeAsync(SimulatorStage stage, string id, string what) =>
        Assert.Equal(HttpStatusCode.NoContent, (await stage.SendAsync(HttpMethod.Post, $"/_simulator/machines/{id}/{what}")).Status);
}
