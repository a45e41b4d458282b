using System.Globalization;
using System.Net;
using System.Net.Http.Json;
using System.Text.Json.Nodes;
using MachinesSimulator;
using Xunit;
using static Gateway.FunctionalTests.Simulating.SimulatorStage;

namespace Gateway.FunctionalTests.Simulating;

/// <summary>Machines that run as real processes: what they are told, what survives sleep, and that none is left behind.</summary>
public sealed class RealProcessTests
{
    [Fact]
    public async Task ItsEnvironment_IsTheConfigsAndTheMachinesOwn()
    {
        await using var stage = await SimulatorStage.StartAsync();
        var id = await stage.CreateAsync("one", Config(ProcessImage, environment: new JsonObject { ["GREETING"] = "hello" }), launch: true);
        using var workspace = await stage.AnsweringAsync(id);

        Assert.Equal("hello", await workspace.GetStringAsync("/env/GREETING"));
        Assert.Equal(id, await workspace.GetStringAsync("/env/FLY_MACHINE_ID"));
        Assert.Equal(App, await workspace.GetStringAsync("/env/FLY_APP_NAME"));
        Assert.Equal("sjc", await workspace.GetStringAsync("/env/FLY_REGION"));
        Assert.Equal(stage.Machine(id).Address.ToString(), await workspace.GetStringAsync("/env/FLY_PRIVATE_IP"));
    }

    [Fact]
    public async Task AVolume_OutlivesItsMachine()
    {
        await using var stage = await SimulatorStage.StartAsync();
        var volume = await stage.CreateVolumeAsync("data");
        var first = await stage.CreateAsync("one", WithVolume(volume), launch: true);
        using (var workspace = await stage.AnsweringAsync(first))
        {
            Assert.Equal(HttpStatusCode.OK, (await workspace.PutAsync("/files/note", new StringContent("kept"))).StatusCode);
        }

        await stage.SendAsync(HttpMethod.Delete, $"{MachinesOf(App)}/{first}?force=true");
        var second = await stage.CreateAsync("two", WithVolume(volume), launch: true);

        using var next = await stage.AnsweringAsync(second);
        Assert.Equal("kept", await next.GetStringAsync("/files/note"));
    }

    [Fact]
    public async Task OtherVolumes_DoNotShareFiles()
    {
        await using var stage = await SimulatorStage.StartAsync();
        var one = await stage.CreateAsync("one", WithVolume(await stage.CreateVolumeAsync("data")), launch: true);
        var other = await stage.CreateAsync("two", WithVolume(await stage.CreateVolumeAsync("data")), launch: true);
        using var first = await stage.AnsweringAsync(one);
        using var second = await stage.AnsweringAsync(other);

        await first.PutAsync("/files/note", new StringContent("mine"));

        Assert.Equal(HttpStatusCode.NotFound, (await second.GetAsync("/files/note")).StatusCode);
    }

    [Fact]
    public async Task ASuspendedProcess_GoesOnWhereItWas()
    {
        await using var stage = await SimulatorStage.StartAsync();
        var id = await stage.CreateAsync("one", Config(ProcessImage), launch: true);
        using var before = await stage.AnsweringAsync(id);
        var first = await before.GetFromJsonAsync<EchoIdentity>("/");

        await stage.DoAsync(id, "suspend", "suspended");
        await Eventually.HoldsAsync(() => StateOf(first!.Process) is 'T');
        await stage.DoAsync(id, "start", "started");

        using var after = await stage.AnsweringAsync(id);
        Assert.Equal(new EchoIdentity(first!.Process, 2), await after.GetFromJsonAsync<EchoIdentity>("/"));
    }

    [Fact]
    public async Task AStoppedProcess_IsGoneAndAnotherStarts()
    {
        await using var stage = await SimulatorStage.StartAsync();
        var id = await stage.CreateAsync("one", Config(ProcessImage), launch: true);
        using var before = await stage.AnsweringAsync(id);
        var first = await before.GetFromJsonAsync<EchoIdentity>("/");

        await stage.DoAsync(id, "stop", "stopped");
        Assert.True(IsGone(first!.Process));
        await stage.DoAsync(id, "start", "started");

        using var after = await stage.AnsweringAsync(id);
        var second = await after.GetFromJsonAsync<EchoIdentity>("/");
        Assert.NotEqual(first.Process, second!.Process);
        Assert.Equal(1, second.Requests);
    }

    [Fact]
    public async Task AProcessThatIgnoresTheSignal_IsKilledAfterTheTimeout()
    {
        await using var stage = await SimulatorStage.StartAsync();
        var id = await stage.CreateAsync("one", Config(ProcessImage, environment: new JsonObject { ["ECHO_IGNORES_TERM"] = "1" }), launch: true);
        using var workspace = await stage.AnsweringAsync(id);
        var process = (await workspace.GetFromJsonAsync<EchoIdentity>("/"))!.Process;

        await stage.DoAsync(id, "stop", new JsonObject { ["timeout"] = "1s" });
        await stage.ReachAsync(id, "stopped");

        Assert.True(IsGone(process));
    }

    [Fact]
    public async Task WhatAProcessStarted_EndsWithTheMachine()
    {
        await using var stage = await SimulatorStage.StartAsync();
        var id = await stage.CreateAsync("one", Config(ProcessImage), launch: true);
        using var workspace = await stage.AnsweringAsync(id);
        var child = await ChildAsync(workspace);

        await stage.DoAsync(id, "stop", "stopped");

        await Eventually.HoldsAsync(() => IsGone(child));
    }

    [Fact]
    public async Task PortOfAProcess_IsNoneThatTheKernelGivesToOthersMeanwhile()
    {
        var lowest = int.Parse(File.ReadAllText("/proc/sys/net/ipv4/ip_local_port_range").Split('\t')[0], CultureInfo.InvariantCulture);

        await using var process = await WorkspaceProcess.StartAsync(new ImageCommand("sleep", ["60"]), new Dictionary<string, string>(), null);

        Assert.InRange(process.Listens.Port, 1024, lowest - 1);
    }

    [Fact]
    public async Task AProcessThatExits_StopsTheMachineWithItsExitCode()
    {
        await using var stage = await SimulatorStage.StartAsync();
        var id = await stage.CreateAsync("one", Config(ProcessImage), launch: true);
        using var workspace = await stage.AnsweringAsync(id);

        await Assert.ThrowsAnyAsync<HttpRequestException>(() => workspace.PostAsync("/exit/7", null));
        await stage.ReachAsync(id, "stopped");

        var exit = (await stage.GetAsync(id)).Body["events"]![0]!["request"]!["exit_event"]!;
        Assert.Equal(7, exit["exit_code"]!.GetValue<int>());
        Assert.False(exit["requested_stop"]!.GetValue<bool>());
    }

    [Theory]
    [InlineData("started")]
    [InlineData("suspended")]
    public async Task WhenTheSimulatorEnds_NoProcessIsLeft(string state)
    {
        var stage = await SimulatorStage.StartAsync();
        int process, child;
        await using (stage)
        {
            var id = await stage.CreateAsync("one", Config(ProcessImage), launch: true);
            using var workspace = await stage.AnsweringAsync(id);
            process = (await workspace.GetFromJsonAsync<EchoIdentity>("/"))!.Process;
            child = await ChildAsync(workspace);
            if (state == "suspended")
            {
                await stage.DoAsync(id, "suspend", state);
            }
        }

        await Eventually.HoldsAsync(() => IsGone(process) && IsGone(child));
    }

    internal static async Task<int> ChildAsync(HttpClient workspace) => await (await workspace.PostAsync("/child", null)).Content.ReadFromJsonAsync<int>();

    /// <summary>Ended, or only waiting for somebody to ask for its exit code.</summary>
    internal static bool IsGone(int process) => StateOf(process) is null or 'Z' or 'X';

    private static char? StateOf(int process)
    {
        try
        {
            var status = File.ReadAllText($"/proc/{process}/stat");
            return status[status.LastIndexOf(')') + 2];
        }
        catch (IOException)
        {
            return null;
        }
    }

    private static JsonObject WithVolume(string volume) => Config(ProcessImage, volume, new JsonObject { ["WORKSPACE_PATH"] = "/workspace" });
}
