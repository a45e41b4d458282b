using System.Net;
using System.Text.Json.Nodes;
using Xunit;
using static Gateway.FunctionalTests.Simulating.MachineCallsTests;
using static Gateway.FunctionalTests.Simulating.SimulatorStage;

namespace Gateway.FunctionalTests.Simulating;

/// <summary>Volumes: what they may be called, who may have them, how they grow and go.</summary>
public sealed class VolumeTests
{
    private const string Volumes = $"/v1/apps/{App}/volumes";

    [Theory]
    [InlineData("With-Dash")]
    [InlineData("")]
    [InlineData("a234567890123456789012345678901")]
    public async Task AnImpossibleName_IsInvalid(string name)
    {
        await using var stage = await SimulatorStage.StartAsync();

        Assert.Equal(HttpStatusCode.BadRequest, (await stage.SendAsync(HttpMethod.Post, Volumes, new JsonObject { ["name"] = name, ["region"] = "sjc" })).Status);
    }

    [Fact]
    public async Task AClaimedVolume_IsRefusedWithTheIdOfItsHolder()
    {
        await using var stage = await SimulatorStage.StartAsync();
        var volume = await stage.CreateVolumeAsync("data");
        var holder = await stage.CreateAsync("one", Config(volume: volume));

        var (status, body) = await CreateAsync(stage, "two", "sjc", volume);

        Assert.Equal((HttpStatusCode.PreconditionFailed, $"failed_precondition: volume already claimed by machine {holder}"), (status, Error(body)));
        Assert.Equal(holder, (await stage.SendAsync(HttpMethod.Get, $"{Volumes}/{volume}")).Body["attached_machine_id"]!.GetValue<string>());
    }

    [Fact]
    public async Task AVolumeOfAnotherRegionOrNone_CannotBeMounted()
    {
        await using var stage = await SimulatorStage.StartAsync();
        var volume = await stage.CreateVolumeAsync("data");

        Assert.Equal(HttpStatusCode.BadRequest, (await CreateAsync(stage, "one", "ams", volume)).Status);
        Assert.Equal(HttpStatusCode.BadRequest, (await CreateAsync(stage, "one", "sjc", "vol_nothing")).Status);
        Assert.Empty(stage.Simulator.Machines);
    }

    [Fact]
    public async Task AMachineThatIsDestroyed_LeavesItsVolumeToTheNext()
    {
        await using var stage = await SimulatorStage.StartAsync();
        var volume = await stage.CreateVolumeAsync("data");
        var first = await stage.CreateAsync("one", Config(volume: volume));

        await stage.SendAsync(HttpMethod.Delete, $"{MachinesOf(App)}/{first}?force=true");

        await stage.CreateAsync("one", Config(volume: volume));
    }

    [Fact]
    public async Task AVolume_GrowsOnly()
    {
        await using var stage = await SimulatorStage.StartAsync();
        var volume = await stage.CreateVolumeAsync("data");

        var (status, body) = await stage.SendAsync(HttpMethod.Put, $"{Volumes}/{volume}/extend", new JsonObject { ["size_gb"] = 5 });

        Assert.Equal((HttpStatusCode.OK, 5), (status, body["volume"]!["size_gb"]!.GetValue<int>()));
        Assert.Equal(HttpStatusCode.BadRequest, (await stage.SendAsync(HttpMethod.Put, $"{Volumes}/{volume}/extend", new JsonObject { ["size_gb"] = 4 })).Status);
    }

    [Fact]
    public async Task ASnapshotThatWasTaken_IsListed()
    {
        await using var stage = await SimulatorStage.StartAsync();
        var volume = await stage.CreateVolumeAsync("data");

        await stage.SendAsync(HttpMethod.Post, $"{Volumes}/{volume}/snapshots");

        Assert.Equal("created", Assert.Single((await stage.SendAsync(HttpMethod.Get, $"{Volumes}/{volume}/snapshots")).Body.AsArray())!["status"]!.GetValue<string>());
    }

    [Fact]
    public async Task ADestroyedVolume_IsStillSeenAndCannotBeMounted()
    {
        await using var stage = await SimulatorStage.StartAsync();
        var volume = await stage.CreateVolumeAsync("data");

        await stage.SendAsync(HttpMethod.Delete, $"{Volumes}/{volume}");

        Assert.Equal("pending_destroy", (await stage.SendAsync(HttpMethod.Get, $"{Volumes}/{volume}")).Body["state"]!.GetValue<string>());
        Assert.Equal(HttpStatusCode.BadRequest, (await CreateAsync(stage, "one", "sjc", volume)).Status);
    }

    private static Task<(HttpStatusCode Status, JsonNode Body)> CreateAsync(SimulatorStage stage, string name, string region, string volume) =>
        stage.SendAsync(HttpMethod.Post, MachinesOf(App), new JsonObject { ["name"] = name, ["region"] = region, ["config"] = Config(volume: volume), ["skip_launch"] = true });
}
