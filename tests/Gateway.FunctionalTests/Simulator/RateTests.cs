using System.Net;
using Microsoft.Extensions.Time.Testing;
using Xunit;
using static Gateway.FunctionalTests.Simulating.MachineCallsTests;

namespace Gateway.FunctionalTests.Simulating;

/// <summary>The documented rates, on a clock that stands still until the test moves it.</summary>
public sealed class RateTests
{
    private readonly FakeTimeProvider _time = new();

    [Fact]
    public async Task AFourthCallOfOneActionAtOnce_IsRefusedAndOneASecondLaterIsNot()
    {
        await using var stage = await StartAsync();
        var id = await stage.CreateAsync("one");

        var statuses = new List<HttpStatusCode>();
        for (var call = 0; call < 3; call++)
        {
            statuses.Add((await stage.DoAsync(id, "stop")).Status);
        }

        var (status, body) = await stage.DoAsync(id, "stop");
        _time.Advance(TimeSpan.FromSeconds(1));

        Assert.All(statuses, static status => Assert.Equal(HttpStatusCode.OK, status));
        Assert.Equal((HttpStatusCode.TooManyRequests, "resource_exhausted: rate limit exceeded"), (status, Error(body)));
        Assert.Equal(HttpStatusCode.OK, (await stage.DoAsync(id, "stop")).Status);
        Assert.Equal(HttpStatusCode.TooManyRequests, (await stage.DoAsync(id, "stop")).Status);
    }

    [Fact]
    public async Task ReadingAMachine_MayBurstToTen()
    {
        await using var stage = await StartAsync();
        var id = await stage.CreateAsync("one");

        for (var call = 0; call < 10; call++)
        {
            Assert.Equal(HttpStatusCode.OK, (await stage.GetAsync(id)).Status);
        }

        Assert.Equal(HttpStatusCode.TooManyRequests, (await stage.GetAsync(id)).Status);
    }

    [Fact]
    public async Task OneMachinesCalls_DoNotCountForAnother()
    {
        await using var stage = await StartAsync();
        var (one, other) = (await stage.CreateAsync("one"), await stage.CreateAsync("two"));
        for (var call = 0; call < 4; call++)
        {
            await stage.DoAsync(one, "stop");
        }

        Assert.Equal(HttpStatusCode.OK, (await stage.DoAsync(other, "stop")).Status);
    }

    private Task<SimulatorStage> StartAsync() => SimulatorStage.StartAsync(options => (options.RateLimits, options.Time) = (true, _time));
}
