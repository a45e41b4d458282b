using System.Net;
using System.Net.Http.Json;
using System.Text.Json.Nodes;
using MachinesSimulator;
using Xunit;

namespace Gateway.FunctionalTests.Waking;

/// <summary>What may happen between an accepted start and the first good answer, and what the request that waits for it sees.</summary>
public sealed class BootFaultTests
{
    [Fact]
    public async Task MachineDestroyedWhileItWakes_IsReplacedOnItsVolumeInTheSameHold()
    {
        await using var sleeping = await SleepingWorkspace.StartAsync(static options => options.Delays.EchoBoot = TimeSpan.FromSeconds(1));
        using var bob = sleeping.Gateway.ClientOf("bob");
        await bob.GetAsync("/");
        var lost = sleeping.Simulator.MachineOf("bob");
        sleeping.Simulator.StopBehindOurBack(lost);
        await sleeping.Simulator.ReachAsync(lost, "stopped");
        var asking = bob.GetFromJsonAsync<JsonNode>("/");
        await sleeping.Simulator.ReachAsync(lost, "started");

        await sleeping.Simulator.DestroyAsync(lost);

        var next = (await asking)!["machine"]!.GetValue<string>();
        Assert.NotEqual(lost.Id, next);
        Assert.Equal((next, lost.VolumeId), (sleeping.Simulator.MachineOf("bob").Id, sleeping.Simulator.MachineOf("bob").VolumeId));
    }

    [Fact]
    public async Task MachineMigratedWhileItWakes_IsReachedAtItsNewAddress()
    {
        await using var sleeping = await SleepingWorkspace.StartAsync(static options => options.Delays.EchoBoot = TimeSpan.FromSeconds(1));
        var asking = sleeping.Alice.GetFromJsonAsync<JsonNode>("/");
        await sleeping.Simulator.ReachAsync(sleeping.Machine, "started");
        var before = sleeping.Machine.Address;

        sleeping.Simulator.Cloud.Migrate(sleeping.Machine);

        Assert.Equal(sleeping.Machine.Id, (await asking)!["machine"]!.GetValue<string>());
        Assert.NotEqual(before, sleeping.Machine.Address);
    }

    [Fact]
    public async Task AddressThatIsSilentForSecondsAndThenRefuses_IsAnsweredOnceItTakesConnections()
    {
        await using var sleeping = await SleepingWorkspace.StartAsync();
        sleeping.Machine.BootDelay = TimeSpan.FromSeconds(3);
        sleeping.Machine.RefuseFor = TimeSpan.FromSeconds(1);

        using var answer = await sleeping.Alice.GetAsync("/");

        Assert.Equal(HttpStatusCode.OK, answer.StatusCode);
        Assert.Equal(1, sleeping.Machine.Starts);
    }

    [Fact]
    public async Task HealthThatIsBadForAWhile_HoldsTheRequestUntilItIsGood()
    {
        await using var sleeping = await SleepingWorkspace.StartAsync();
        sleeping.Machine.NeverHealthy = true;
        var asking = sleeping.Alice.GetAsync("/");
        await sleeping.Simulator.ReachAsync(sleeping.Machine, "started");
        await Eventually.HoldsAsync(() => sleeping.Machine.Front.Mode is FrontMode.Open);
        await Task.Delay(TimeSpan.FromSeconds(1), TimeProvider.System);
        Assert.False(asking.IsCompleted);

        sleeping.Machine.NeverHealthy = false;

        using var answer = await asking;
        Assert.Equal(HttpStatusCode.OK, answer.StatusCode);
    }

    [Theory]
    [InlineData("never-healthy", "")]
    [InlineData("silent", "Silent")]
    [InlineData("refuses", "Refuse")]
    [InlineData("hangs", "Hang")]
    [InlineData("cuts", "Cut")]
    public async Task MachineThatIsStartedAndNeverUsable_IsARefusalThatSaysSo(string machine, string front)
    {
        await using var sleeping = await SleepingWorkspace.StartAsync(null, ("Waking:BootLimit", "00:00:02"));
        sleeping.Machine.NeverHealthy = machine == "never-healthy";
        sleeping.Machine.Forced = front.Length > 0 ? Enum.Parse<FrontMode>(front) : null;

        using var refused = await sleeping.Alice.GetAsync("/");

        Assert.Equal((HttpStatusCode.ServiceUnavailable, "never-healthy"), (refused.StatusCode, await SleepingWorkspace.ProblemOf(refused)));
        Assert.NotNull(refused.Headers.RetryAfter);
        Assert.Equal(1, sleeping.Machine.Starts);
    }

    [Fact]
    public async Task HandshakeThatHangsAtFirst_IsGivenUpForANewConnection()
    {
        await using var sleeping = await SleepingWorkspace.StartAsync();
        sleeping.Machine.Forced = FrontMode.Hang;
        var asking = sleeping.Alice.GetAsync("/");
        await sleeping.Simulator.ReachAsync(sleeping.Machine, "started");
        await Task.Delay(TimeSpan.FromSeconds(1), TimeProvider.System);

        sleeping.Machine.Forced = null;
        sleeping.Machine.Front.Set(FrontMode.Open);

        using var answer = await asking;
        Assert.Equal(HttpStatusCode.OK, answer.StatusCode);
    }
}
