using System.Diagnostics;
using System.Net;
using System.Net.Http.Json;
using System.Text.Json.Nodes;
using LocalCloud;
using MachinesSimulator;
using Xunit;
using static Gateway.FunctionalTests.Simulating.SimulatorStage;

namespace Gateway.FunctionalTests.Simulating;

/// <summary>What a simulator finds again when it is started anew, and what is left of one that was killed.</summary>
public sealed class RestartTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("simulator-tests-").FullName;

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Fact]
    public async Task MachinesAndVolumes_AreFoundAgainAndWhatRanIsStopped()
    {
        string volume, id, version;
        await using (var stage = await StartAsync())
        {
            volume = await stage.CreateVolumeAsync("data");
            var config = Config(ProcessImage, volume, new JsonObject { ["WORKSPACE_PATH"] = "/workspace" }, new JsonObject { ["user"] = "alice" });
            id = await stage.CreateAsync("one", config, launch: true);
            version = stage.Machine(id).Version;
            using var workspace = await stage.AnsweringAsync(id);
            await workspace.PutAsync("/files/note", new StringContent("kept"));
        }

        await using var again = await StartAsync();
        var (_, machine) = await again.GetAsync(id);
        Assert.Equal(("one", "stopped", version), (machine["name"]!.GetValue<string>(), machine["state"]!.GetValue<string>(), machine["instance_id"]!.GetValue<string>()));
        Assert.Equal("alice", machine["config"]!["metadata"]!["user"]!.GetValue<string>());
        Assert.Equal(id, Assert.Single(again.Simulator.Volumes).Machine);

        await again.DoAsync(id, "start", "started");
        using var next = await again.AnsweringAsync(id);
        Assert.Equal("kept", await next.GetStringAsync("/files/note"));
    }

    [Fact]
    public async Task ADestroyedMachine_IsNotFoundAgain()
    {
        await using (var stage = await StartAsync())
        {
            await stage.SendAsync(HttpMethod.Delete, $"{MachinesOf(App)}/{await stage.CreateAsync("one")}?force=true");
        }

        await using var again = await StartAsync();
        Assert.Empty(again.Simulator.Machines);
    }

    [Fact]
    public async Task AWaitForAMachineThatIsFoundStopped_EndsAtOnce()
    {
        string id;
        await using (var stage = await StartAsync())
        {
            id = await stage.CreateAsync("one", launch: true);
        }

        await using var again = await StartAsync();

        Assert.Equal(HttpStatusCode.OK, (await again.SendAsync(HttpMethod.Get, $"{MachinesOf(App)}/{id}/wait?state=settled&timeout=60")).Status);
    }

    [Fact]
    public async Task AKilledSimulator_TakesItsMachinesProcessesWithIt()
    {
        using var network = MachinesNetwork.Claim();
        var program = typeof(SimulatorOptions).Assembly.Location;
        using var simulator = Process.Start(new ProcessStartInfo(
            Programs.Host,
            [program, "--Url=http://127.0.0.1:0", $"--Network={network.Name}", $"--DataFolder={_folder}", $"--Images:echo={Programs.Host} {program} {EchoProcess.Argument}"]) { RedirectStandardOutput = true })!;
        try
        {
            var line = await simulator.StandardOutput.ReadLineAsync().WaitAsync(Eventually.Limit, TimeProvider.System);
            using var http = new HttpClient { BaseAddress = new Uri(line![(line!.IndexOf("http", StringComparison.Ordinal))..]), Timeout = Eventually.Limit };
            http.DefaultRequestHeaders.Add("Authorization", "Bearer fake-token-for-tests");
            using var created = await http.PostAsJsonAsync(MachinesOf(App), new JsonObject { ["name"] = "one", ["config"] = Config("echo") });
            var address = JsonNode.Parse(await created.Content.ReadAsStringAsync())!["private_ip"]!.GetValue<string>();
            var workspace = await AnsweredAsync(new Uri($"http://{address}:10000/"));

            simulator.Kill();

            await Eventually.HoldsAsync(() => RealProcessTests.IsGone(workspace.Process));
        }
        finally
        {
            simulator.Kill();
            await simulator.WaitForExitAsync();
        }
    }

    private static async Task<EchoIdentity> AnsweredAsync(Uri workspace)
    {
        // Each attempt is short: one that falls into the silent time of the boot would wait for its next packet.
        using var http = new HttpClient { Timeout = TimeSpan.FromSeconds(5) };
        var answered = default(EchoIdentity);
        await Eventually.HoldsAsync(async () =>
        {
            try
            {
                answered = await http.GetFromJsonAsync<EchoIdentity>(workspace);
            }
            catch (Exception exception) when (exception is HttpRequestException or TaskCanceledException)
            {
                return false;
            }

            return true;
        });
        return answered!;
    }

    private Task<SimulatorStage> StartAsync() => SimulatorStage.StartAsync(options => options.DataFolder = _folder);
}
