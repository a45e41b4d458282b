using System.Net;
using System.Text.Json.Nodes;
using Gateway.FunctionalTests.Contract;
using Microsoft.Extensions.Time.Testing;
using Xunit;
using static Gateway.FunctionalTests.Simulating.SimulatorStage;

namespace Gateway.FunctionalTests.Simulating;

/// <summary>Leases: who holds one alone changes the machine.</summary>
public sealed class LeaseTests
{
    [Theory]
    [InlineData("start")]
    [InlineData("stop")]
    [InlineData("suspend")]
    [InlineData("restart")]
    public async Task ACallWithoutTheNonce_IsRefusedWhileALeaseStands(string call)
    {
        await using var stage = await SimulatorStage.StartAsync();
        var id = await stage.CreateAsync("one");
        await AcquireAsync(stage, id);

        var (status, body) = await stage.DoAsync(id, call);

        Assert.Equal(HttpStatusCode.Conflict, status);
        Assert.Equal("error", body["status"]!.GetValue<string>());
        Assert.StartsWith($"machine ID {id} lease currently held by ", body["message"]!.GetValue<string>(), StringComparison.Ordinal);
        Assert.Equal(HttpStatusCode.Conflict, (await stage.DoAsync(id, call, nonce: "foreign")).Status);
    }

    [Fact]
    public async Task UpdateAndDestroy_AreRefusedToOthersToo()
    {
        await using var stage = await SimulatorStage.StartAsync();
        var id = await stage.CreateAsync("one");
        await AcquireAsync(stage, id);

        Assert.Equal(HttpStatusCode.Conflict, (await stage.SendAsync(HttpMethod.Post, $"{MachinesOf(App)}/{id}", new JsonObject { ["config"] = Config() })).Status);
        Assert.Equal(HttpStatusCode.Conflict, (await stage.SendAsync(HttpMethod.Delete, $"{MachinesOf(App)}/{id}?force=true")).Status);
    }

    [Fact]
    public async Task TheHolder_ChangesTheMachine()
    {
        await using var stage = await SimulatorStage.StartAsync();
        var id = await stage.CreateAsync("one");
        var nonce = await AcquireAsync(stage, id);

        Assert.Equal(HttpStatusCode.OK, (await stage.DoAsync(id, "start", nonce: nonce)).Status);
    }

    [Fact]
    public async Task ARefusal_HasTheShapeOfTheContract()
    {
        await using var stage = await SimulatorStage.StartAsync();
        var id = await stage.CreateAsync("one");
        await AcquireAsync(stage, id);

        var (status, body) = await stage.DoAsync(id, "lease", new JsonObject { ["ttl"] = 30 });

        Assert.Empty(ContractValidator.Load().ValidateResponse("POST", $"{MachinesOf(App)}/{id}/lease", (int)status, body.ToJsonString()));
    }

    [Fact]
    public async Task ASecondLease_IsRefusedAndARefreshIsNot()
    {
        await using var stage = await SimulatorStage.StartAsync();
        var id = await stage.CreateAsync("one");
        var nonce = await AcquireAsync(stage, id);

        Assert.Equal(HttpStatusCode.Conflict, (await stage.DoAsync(id, "lease", new JsonObject { ["ttl"] = 30 })).Status);
        var (status, refreshed) = await stage.DoAsync(id, "lease", new JsonObject { ["ttl"] = 60 }, nonce);

        Assert.Equal(HttpStatusCode.Created, status);
        Assert.Equal(nonce, refreshed["data"]!["nonce"]!.GetValue<string>());
    }

    [Fact]
    public async Task AfterItsRelease_OthersMayAndTheNonceMayNot()
    {
        await using var stage = await SimulatorStage.StartAsync();
        var id = await stage.CreateAsync("one");
        var nonce = await AcquireAsync(stage, id);

        Assert.Equal(HttpStatusCode.OK, (await stage.SendAsync(HttpMethod.Delete, $"{MachinesOf(App)}/{id}/lease", nonce: nonce)).Status);

        Assert.Equal(HttpStatusCode.NotFound, (await stage.SendAsync(HttpMethod.Get, $"{MachinesOf(App)}/{id}/lease")).Status);
        Assert.Equal(HttpStatusCode.Conflict, (await stage.DoAsync(id, "start", nonce: nonce)).Status);
        Assert.Equal(HttpStatusCode.OK, (await stage.DoAsync(id, "start")).Status);
    }

    [Fact]
    public async Task WhenItRanOut_ALateCallOfItsHolderIsRefused()
    {
        var time = new FakeTimeProvider();
        await using var stage = await SimulatorStage.StartAsync(options => options.Time = time);
        var id = await stage.CreateAsync("one");
        var nonce = await AcquireAsync(stage, id, seconds: 30);

        time.Advance(TimeSpan.FromSeconds(31));
        var other = await AcquireAsync(stage, id);

        Assert.Equal(HttpStatusCode.Conflict, (await stage.DoAsync(id, "start", nonce: nonce)).Status);
        Assert.Equal(HttpStatusCode.OK, (await stage.DoAsync(id, "start", nonce: other)).Status);
    }

    [Fact]
    public async Task OfManyLeasesAtOnce_OneIsGiven()
    {
        await using var stage = await SimulatorStage.StartAsync();
        var id = await stage.CreateAsync("one");

        var answers = await Task.WhenAll(Enumerable.Range(0, 16).Select(_ => stage.DoAsync(id, "lease", new JsonObject { ["ttl"] = 30 })));

        Assert.Single(answers, static answer => answer.Status == HttpStatusCode.Created);
    }

    private static async Task<string> AcquireAsync(SimulatorStage stage, string id, int seconds = 600)
    {
        var (status, lease) = await stage.DoAsync(id, "lease", new JsonObject { ["ttl"] = seconds, ["description"] = "a test" });
        Assert.Equal(HttpStatusCode.Created, status);
        Assert.Equal("success", lease["status"]!.GetValue<string>());
        return lease["data"]!["nonce"]!.GetValue<string>();
    }
}
