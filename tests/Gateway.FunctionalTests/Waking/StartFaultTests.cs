using System.Net;
using Xunit;

namespace Gateway.FunctionalTests.Waking;

/// <summary>What the platform may answer to a start, and what the request that waits for it sees.</summary>
public sealed class StartFaultTests
{
    [Theory]
    [InlineData(412, "machine still active, refusing to start", 3)]
    [InlineData(412, "machine getting replaced, refusing to start", 1)]
    [InlineData(500, "internal: server error", 2)]
    [InlineData(503, "unavailable: no upstream", 2)]
    public async Task StartRefusedForAWhile_IsAskedAgain_AndAcceptedOnce(int status, string error, int times)
    {
        await using var sleeping = await SleepingWorkspace.StartAsync();
        sleeping.Simulator.Faults.FailNext("start", status, error, times);

        using var answer = await sleeping.Alice.GetAsync("/");

        Assert.Equal(HttpStatusCode.OK, answer.StatusCode);
        Assert.Equal(1, sleeping.Machine.Starts);
    }

    [Fact]
    public async Task StartBeyondTheRate_WaitsForAsLongAsThePlatformSays()
    {
        await using var sleeping = await SleepingWorkspace.StartAsync();
        sleeping.Simulator.Faults.FailNext("start", 429, "resource_exhausted: rate limit exceeded", times: 2, retryAfter: TimeSpan.FromSeconds(1));

        using var answer = await sleeping.Alice.GetAsync("/");

        Assert.Equal(HttpStatusCode.OK, answer.StatusCode);
        Assert.Equal((1, 3), (sleeping.Machine.Starts, sleeping.Simulator.Calls("start", sleeping.Machine.Id)));
    }

    [Fact]
    public async Task MachineSomebodyElseStartsAlready_IsWaitedForAndNotStartedAgain()
    {
        await using var sleeping = await SleepingWorkspace.StartAsync(static options => options.Delays.Start = TimeSpan.FromSeconds(1));
        sleeping.Simulator.Cloud.Life.Boot(sleeping.Machine);

        using var answer = await sleeping.Alice.GetAsync("/");

        Assert.Equal(HttpStatusCode.OK, answer.StatusCode);
        Assert.Equal(1, sleeping.Machine.Starts);
    }

    [Theory]
    [InlineData(0)]
    [InlineData(504)]
    public async Task StartWhoseAnswerIsLostAfterItWasDone_IsNotRepeated(int status)
    {
        await using var sleeping = await SleepingWorkspace.StartAsync();
        sleeping.Simulator.Faults.FailNext("start", status, "the answer is lost", carriedOut: true);

        using var answer = await sleeping.Alice.GetAsync("/");

        Assert.Equal(HttpStatusCode.OK, answer.StatusCode);
        Assert.Equal((1, 1), (sleeping.Machine.Starts, sleeping.Simulator.Calls("start", sleeping.Machine.Id)));
    }

    [Fact]
    public async Task WaitThatTimesOutTwice_IsNoMoreThanTime()
    {
        await using var sleeping = await SleepingWorkspace.StartAsync();
        sleeping.Simulator.Faults.FailNext("start", 412, "machine still active, refusing to start", times: 3);
        sleeping.Simulator.Faults.FailNext("wait", 408, "deadline_exceeded: machine failed to reach desired state", times: 2);

        using var answer = await sleeping.Alice.GetAsync("/");

        Assert.Equal(HttpStatusCode.OK, answer.StatusCode);
        Assert.Equal(1, sleeping.Machine.Starts);
    }

    [Fact]
    public async Task UnreachableHost_IsARefusalThatSaysSo_AndNoMachineIsMadeBesideIt()
    {
        await using var sleeping = await SleepingWorkspace.StartAsync(null, ("Waking:HoldLimit", "00:00:20"));
        sleeping.Machine.HostUnreachable = true;

        using var refused = await sleeping.Alice.GetAsync("/");

        Assert.Equal((HttpStatusCode.ServiceUnavailable, "host-unreachable"), (refused.StatusCode, await SleepingWorkspace.ProblemOf(refused)));
        Assert.Single(sleeping.Simulator.Machines);
    }

    [Fact]
    public async Task FullHost_IsARefusalThatSaysSo_AndRoomLaterIsUsed()
    {
        await using var sleeping = await SleepingWorkspace.StartAsync(null, ("Waking:FailurePause", "00:00:00.5"));
        sleeping.Machine.HostFull = true;
        using (var refused = await sleeping.Alice.GetAsync("/"))
        {
            Assert.Equal((HttpStatusCode.ServiceUnavailable, "host-full"), (refused.StatusCode, await SleepingWorkspace.ProblemOf(refused)));
            Assert.NotNull(refused.Headers.RetryAfter);
        }

        sleeping.Machine.HostFull = false;

        await Eventually.HoldsAsync(async () => (await sleeping.Alice.GetAsync("/")).IsSuccessStatusCode);
        Assert.Single(sleeping.Simulator.Machines);
    }
}
