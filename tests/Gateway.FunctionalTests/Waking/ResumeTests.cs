using System.Net.Http.Json;
using System.Text.Json.Nodes;
using MachinesSimulator;
using Xunit;

namespace Gateway.FunctionalTests.Waking;

/// <summary>A machine that comes back from its suspension badly, over real connections.</summary>
public sealed class ResumeTests
{
    [Fact]
    public async Task ResumedWorkspaceThatHangs_IsStartedColdInTheSameHold()
    {
        await using var sleeping = await SleepingWorkspace.StartAsync(null, ("Waking:ResumeLimit", "00:00:02"));
        using var bob = sleeping.Gateway.ClientOf("bob");
        using var operators = sleeping.Gateway.OperatorClient();
        await bob.GetAsync("/");
        var machine = sleeping.Simulator.MachineOf("bob");
        using var suspended = await operators.PostAsync("/api/routes/bob/suspend", null);
        await sleeping.Simulator.ReachAsync(machine, "suspended");
        await Eventually.HoldsAsync(async () => await StateAsync(operators) == "asleep");
        machine.Forced = FrontMode.Hang;
        var asking = bob.GetFromJsonAsync<JsonNode>("/again");

        await sleeping.Simulator.ReachAsync(machine, "stopped");
        machine.Forced = null;

        Assert.Equal(machine.Id, (await asking)!["machine"]!.GetValue<string>());
        Assert.Equal(3, machine.Starts);
        Assert.Equal("awake", await StateAsync(operators));
    }

    private static async Task<string> StateAsync(HttpClient operators) => (await operators.GetFromJsonAsync<JsonNode>("/api/routes/bob"))!["state"]!.GetValue<string>();
}
