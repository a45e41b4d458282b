using System.Net.Http.Json;
using System.Text.Json.Nodes;
using Gateway.FunctionalTests.Workspaces;
using MachinesSimulator;

namespace Gateway.FunctionalTests.Waking;

/// <summary>A cloud with one gateway and one machine of alice's that is stopped and that nobody has woken yet.</summary>
internal sealed class SleepingWorkspace : IAsyncDisposable
{
    private SleepingWorkspace(GatewayEnvironment cloud, RunningGateway gateway, SimulatedMachine machine) =>
        (Cloud, Gateway, Machine, Alice) = (cloud, gateway, machine, gateway.ClientOf("alice"));

    public GatewayEnvironment Cloud { get; }

    public Simulator Simulator => Cloud.Simulator;

    public RunningGateway Gateway { get; }

    public SimulatedMachine Machine { get; }

    /// <summary>A program of hers.</summary>
    public HttpClient Alice { get; }

    public static async Task<SleepingWorkspace> StartAsync(Action<SimulatorOptions>? configure = null, params (string Key, string Value)[] settings)
    {
        var cloud = await GatewayEnvironment.StartAsync(configure);
        try
        {
            var gateway = await cloud.StartGatewayAsync(settings);
            return new SleepingWorkspace(cloud, gateway, await GiveMachineAsync(cloud, gateway.OperationsUrl, "alice"));
        }
        catch
        {
            await cloud.DisposeAsync();
            throw;
        }
    }

    /// <summary>A stopped machine, given to the user as an operator would.</summary>
    public static async Task<SimulatedMachine> GiveMachineAsync(GatewayEnvironment cloud, Uri operations, string user)
    {
        var volume = cloud.Simulator.Cloud.CreateVolume(GatewayEnvironment.App, new JsonObject { ["name"] = "of_" + user, ["region"] = "sjc", ["size_gb"] = 1 });
        var machine = cloud.Simulator.Cloud.Create(GatewayEnvironment.App, new JsonObject
        {
            ["name"] = "of-" + user,
            ["region"] = "sjc",
            ["skip_launch"] = true,
            ["config"] = new JsonObject
            {
                ["image"] = EchoWorkspace.Image,
                ["mounts"] = new JsonArray(new JsonObject { ["volume"] = volume.Id, ["path"] = "/workspace" }),
            },
        });
        await cloud.Simulator.ReachAsync(machine, "stopped");
        using var operators = RunningGateway.Client(operations, cloud.OperatorToken);
        using var given = await operators.PutAsJsonAsync("/api/routes/" + user, new { app = GatewayEnvironment.App, machine = machine.Id });
        given.EnsureSuccessStatusCode();
        return machine;
    }

    /// <summary>Which problem the refusal names.</summary>
    public static async Task<string> ProblemOf(HttpResponseMessage refused) =>
        (await refused.Content.ReadFromJsonAsync<JsonNode>())!["type"]!.GetValue<string>()["urn:gateway:problem:".Length..];

    public async ValueTask DisposeAsync()
    {
        Alice.Dispose();
        await Cloud.DisposeAsync();
    }
}
