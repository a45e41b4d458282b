using System.Net;
using System.Text.Json.Nodes;
using MachinesSimulator;
using Xunit;
using static Gateway.FunctionalTests.Simulating.MachineCallsTests;
using static Gateway.FunctionalTests.Simulating.SimulatorStage;

namespace Gateway.FunctionalTests.Simulating;

/// <summary>Which calls a machine takes in which state, and what waiting for one answers.</summary>
public sealed class StateTests
{
    // No test waits this long: it stands for "has not happened yet".
    private static readonly TimeSpan Long = TimeSpan.FromHours(1);

    [Fact]
    public async Task AStartOfAMachineThatStarts_IsAConflict()
    {
        await using var stage = await SimulatorStage.StartAsync(static options => options.Delays.Start = Long);
        var id = await stage.CreateAsync("one");
        await stage.DoAsync(id, "start", "starting");

        var (status, body) = await stage.DoAsync(id, "start");

        Assert.Equal((HttpStatusCode.Conflict, "aborted: machine still attempting to start"), (status, Error(body)));
    }

    [Fact]
    public async Task AStartOfAStartedMachine_IsAConflict()
    {
        await using var stage = await SimulatorStage.StartAsync();
        var id = await stage.CreateAsync("one", launch: true);

        Assert.Equal(HttpStatusCode.Conflict, (await stage.DoAsync(id, "start")).Status);
        Assert.Equal(1, stage.Machine(id).Starts);
    }

    [Fact]
    public async Task OfManyStartsAtOnce_OneIsAccepted()
    {
        await using var stage = await SimulatorStage.StartAsync();
        var id = await stage.CreateAsync("one");

        var answers = await Task.WhenAll(Enumerable.Range(0, 16).Select(_ => stage.DoAsync(id, "start")));

        Assert.Single(answers, static answer => answer.Status == HttpStatusCode.OK);
        Assert.Equal(1, stage.Machine(id).Starts);
    }

    [Fact]
    public async Task AStartOfAMachineThatStops_IsRefusedAsStillActive()
    {
        await using var stage = await SimulatorStage.StartAsync(static options => options.Delays.Stop = Long);
        var id = await stage.CreateAsync("one", launch: true);
        await stage.DoAsync(id, "stop", "stopping");

        var (status, body) = await stage.DoAsync(id, "start");

        Assert.Equal((HttpStatusCode.PreconditionFailed, "failed_precondition: machine still active, refusing to start"), (status, Error(body)));
    }

    [Fact]
    public async Task AStartShortlyAfterAStop_IsRefusedAsStillActive()
    {
        await using var stage = await SimulatorStage.StartAsync(static options => options.Delays.StillActive = Long);
        var id = await stage.CreateAsync("one", launch: true);
        await stage.DoAsync(id, "stop", "stopped");

        var (status, body) = await stage.DoAsync(id, "start");

        Assert.Equal((HttpStatusCode.PreconditionFailed, "failed_precondition: machine still active, refusing to start"), (status, Error(body)));
    }

    [Fact]
    public async Task AStartOfACreatedMachine_IsRefused()
    {
        await using var stage = await SimulatorStage.StartAsync(static options => options.Delays.Create = Long);
        var (_, created) = await stage.SendAsync(HttpMethod.Post, MachinesOf(App), new JsonObject { ["name"] = "one", ["config"] = Config() });

        var (status, body) = await stage.DoAsync(created["id"]!.GetValue<string>(), "start");

        Assert.Equal((HttpStatusCode.PreconditionFailed, "failed_precondition: unable to start machine from current state: 'created'"), (status, Error(body)));
    }

    [Fact]
    public async Task AWaitForAStateThatIsNotReached_TimesOutAndNamesBoth()
    {
        await using var stage = await SimulatorStage.StartAsync();
        var id = await stage.CreateAsync("one");

        var (status, body) = await stage.SendAsync(HttpMethod.Get, $"{MachinesOf(App)}/{id}/wait?state=started&timeout=1");

        Assert.Equal((HttpStatusCode.RequestTimeout, "deadline_exceeded: machine failed to reach desired state, started, currently stopped"), (status, Error(body)));
    }

    [Theory]
    [InlineData("version")]
    [InlineData("instance_id")]
    public async Task AWaitForAnEarlierVersion_SaysThatItWasReplaced(string name)
    {
        await using var stage = await SimulatorStage.StartAsync();
        var id = await stage.CreateAsync("one");
        var version = stage.Machine(id).Version;
        var path = $"{MachinesOf(App)}/{id}/wait?state=stopped&timeout=60&{name}=";
        Assert.Equal(HttpStatusCode.OK, (await stage.SendAsync(HttpMethod.Get, path + version)).Status);

        await stage.SendAsync(HttpMethod.Post, $"{MachinesOf(App)}/{id}", new JsonObject { ["config"] = Config() });
        var (status, body) = await stage.SendAsync(HttpMethod.Get, path + version);

        Assert.Equal((HttpStatusCode.RequestTimeout, "deadline_exceeded: machine failed to reach desired state, stopped, currently replaced"), (status, Error(body)));
    }

    [Theory]
    [InlineData("0")]
    [InlineData("61")]
    [InlineData("soon")]
    public async Task AWaitOutsideOneToSixtySeconds_IsInvalid(string timeout)
    {
        await using var stage = await SimulatorStage.StartAsync();
        var id = await stage.CreateAsync("one");

        Assert.Equal(HttpStatusCode.BadRequest, (await stage.SendAsync(HttpMethod.Get, $"{MachinesOf(App)}/{id}/wait?timeout={timeout}")).Status);
    }

    [Theory]
    [InlineData("state=started")]
    [InlineData("state=failed,started")]
    [InlineData("state=failed&state=started")]
    [InlineData("state=settled")]
    [InlineData("")]
    public async Task AWaitBegunBeforeTheStart_EndsWithIt(string states)
    {
        await using var stage = await SimulatorStage.StartAsync(static options => options.Delays.Create = TimeSpan.FromMilliseconds(200));
        var (_, created) = await stage.SendAsync(HttpMethod.Post, MachinesOf(App), new JsonObject { ["name"] = "one", ["config"] = Config() });

        var (status, body) = await stage.SendAsync(HttpMethod.Get, $"{MachinesOf(App)}/{created["id"]}/wait?{states}&timeout=60");

        Assert.Equal((HttpStatusCode.OK, "started"), (status, body["state"]!.GetValue<string>()));
        Assert.Equal(created["instance_id"]!.GetValue<string>(), body["version"]!.GetValue<string>());
    }

    [Fact]
    public async Task AWaitOnAMachineThatIsDestroyed_IsNotFound()
    {
        await using var stage = await SimulatorStage.StartAsync();
        var id = await stage.CreateAsync("one");

        var waiting = stage.SendAsync(HttpMethod.Get, $"{MachinesOf(App)}/{id}/wait?state=started&timeout=60");
        await stage.SendAsync(HttpMethod.Delete, $"{MachinesOf(App)}/{id}");

        Assert.Equal(HttpStatusCode.NotFound, (await waiting).Status);
    }

    [Fact]
    public async Task ASuspendedMachine_StartsAgain()
    {
        await using var stage = await SimulatorStage.StartAsync();
        var id = await stage.CreateAsync("one", launch: true);
        await stage.DoAsync(id, "suspend", "suspended");

        var (status, body) = await stage.DoAsync(id, "start");
        await stage.ReachAsync(id, "started");

        Assert.Equal((HttpStatusCode.OK, "suspended"), (status, body["previous_state"]!.GetValue<string>()));
    }

    [Fact]
    public async Task AStopThatWasAskedFor_LeavesAnExitEventThatSaysSo()
    {
        await using var stage = await SimulatorStage.StartAsync();
        var id = await stage.CreateAsync("one", launch: true);
        await stage.DoAsync(id, "stop", "stopped");

        var exit = (await stage.GetAsync(id)).Body["events"]![0]!["request"]!["exit_event"]!;

        Assert.True(exit["requested_stop"]!.GetValue<bool>());
        Assert.Equal(0, exit["exit_code"]!.GetValue<int>());
    }

    [Fact]
    public async Task AMachineOutOfMemory_IsStoppedWithAnExitEventThatSaysSo()
    {
        await using var stage = await SimulatorStage.StartAsync();
        var id = await stage.CreateAsync("one", launch: true);

        stage.Simulator.Cloud.Life.Kill(stage.Machine(id), 137, outOfMemory: true);
        await stage.ReachAsync(id, "stopped");

        var exit = (await stage.GetAsync(id)).Body["events"]![0]!["request"]!["exit_event"]!;
        Assert.True(exit["oom_killed"]!.GetValue<bool>());
        Assert.False(exit["requested_stop"]!.GetValue<bool>());
        Assert.Equal(137, exit["exit_code"]!.GetValue<int>());
    }

    [Fact]
    public async Task AnImageNobodyKnows_Fails()
    {
        await using var stage = await SimulatorStage.StartAsync();
        var id = await stage.CreateAsync("one", Config("no/such:image"));

        await stage.DoAsync(id, "start", "failed");

        Assert.Equal(FrontMode.Refuse, stage.Machine(id).Front.Mode);
    }
}
