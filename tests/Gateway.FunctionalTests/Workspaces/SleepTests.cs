using System.Net;
using System.Net.Http.Json;
using System.Net.WebSockets;
using System.Text.Json.Nodes;
using MachinesSimulator;
using Microsoft.AspNetCore.Http;
using Xunit;

namespace Gateway.FunctionalTests.Workspaces;

/// <summary>Machines that nobody uses are put to sleep, through the real map and the platform's own calls, and wake again.</summary>
public sealed class SleepTests
{
    private static readonly (string, string)[] Quick =
    [
        ("Idling:IdleAfter", "00:00:01"), ("Idling:SweepEvery", "00:00:00.2"), ("Idling:ReportEvery", "00:00:00.2"), ("Idling:ConsentGrace", "00:00:20"),
        // A new map is left alone for one lease.
        ("Idling:ReplicaLease", "00:00:03"),
    ];

    [Fact]
    public async Task UnusedMachine_IsSuspendedWithTheConsentOfBothReplicas_AndTheNextRequestWakesIt()
    {
        await using var cloud = await GatewayEnvironment.StartAsync();
        var one = await cloud.StartGatewayAsync(Quick);
        var two = await cloud.StartGatewayAsync(Quick);
        using var alice = one.ClientOf("alice");
        using var aliceElsewhere = two.ClientOf("alice");
        await alice.GetAsync("/");
        await aliceElsewhere.GetAsync("/");

        await cloud.Simulator.ReachAsync(cloud.Simulator.MachineOf("alice"), "suspended");
        using var again = await aliceElsewhere.GetAsync("/again");

        Assert.Equal(HttpStatusCode.OK, again.StatusCode);
        Assert.Equal(0, cloud.Simulator.Calls("stop"));
    }

    [Fact]
    public async Task MachineSuspendedForLong_IsStopped_AndTheNextRequestStartsItCold()
    {
        await using var cloud = await GatewayEnvironment.StartAsync();
        var gateway = await cloud.StartGatewayAsync([.. Quick, ("Idling:SuspendedFor", "00:00:01")]);
        using var alice = gateway.ClientOf("alice");
        await alice.GetAsync("/");
        var machine = cloud.Simulator.MachineOf("alice");

        await cloud.Simulator.ReachAsync(machine, "suspended");
        await cloud.Simulator.ReachAsync(machine, "stopped");
        using var again = await alice.GetAsync("/again");

        Assert.Equal(HttpStatusCode.OK, again.StatusCode);
        Assert.Equal((1, 1), (cloud.Simulator.Calls("suspend"), cloud.Simulator.Calls("stop")));
    }

    [Fact]
    public async Task MachineWithASilentSocket_SleepsAfterItsAttachedTime_WithACloseThatSaysWhy()
    {
        await using var cloud = await GatewayEnvironment.StartAsync();
        var gateway = await cloud.StartGatewayAsync([.. Quick, ("Idling:AttachedFor", "00:00:03")]);
        using var socket = await gateway.OpenSocketAsync("alice");
        await ReceiveAsync(socket);
        var machine = cloud.Simulator.MachineOf("alice");

        var closed = await ReceiveAsync(socket);

        Assert.Equal(WebSocketMessageType.Close, closed.MessageType);
        Assert.Equal((WebSocketCloseStatus)1001, socket.CloseStatus);
        await cloud.Simulator.ReachAsync(machine, "suspended");
    }

    [Fact]
    public async Task SilentStream_IsAttachedLikeASocket_WhileAWaitingRequestAndAFlowingAnswerKeepTheirMachines()
    {
        var answers = new TaskCompletionSource();
        await using var cloud = await GatewayEnvironment.StartAsync(options => options.Answer = context => StreamAsync(context, answers.Task));
        var gateway = await cloud.StartGatewayAsync([.. Quick, ("Idling:AttachedFor", "00:00:03")]);
        using var bound = new CancellationTokenSource(Eventually.Limit, TimeProvider.System);
        using var waits = gateway.ClientOf("alice");
        using var flows = gateway.ClientOf("bob");
        using var silent = gateway.ClientOf("carol");

        var waiting = waits.GetAsync("/waits", bound.Token);
        await using var flowing = await flows.GetStreamAsync("/flows", bound.Token);
        await using var stream = await silent.GetStreamAsync("/silent", bound.Token);
        // Carol's machine is taken when her attached time is over; the others' idle times are over then as well.
        var read = stream.ReadAsync(new byte[1], bound.Token).AsTask();
        await cloud.Simulator.ReachAsync(cloud.Simulator.MachineOf("carol"), "suspended");

        await Assert.ThrowsAnyAsync<IOException>(() => read);
        Assert.False(waiting.IsCompleted);
        Assert.True(await flowing.ReadAsync(new byte[1024], bound.Token) > 0);
        Assert.Equal(1, cloud.Simulator.Calls("suspend"));
        answers.SetResult();
        Assert.Equal(HttpStatusCode.OK, (await waiting).StatusCode);
    }

    [Fact]
    public async Task MachineThatTakesNoConnection_SleepsWhileItsUserAsksForIt_AndComesBackWell()
    {
        await using var cloud = await GatewayEnvironment.StartAsync();
        // Longer than it takes to find out that nobody is there, so that she asks several times within it.
        var gateway = await cloud.StartGatewayAsync([.. Quick, ("Idling:IdleAfter", "00:00:12")]);
        using var alice = gateway.ClientOf("alice");
        await alice.GetAsync("/");
        cloud.Simulator.MachineOf("alice").Front.Set(FrontMode.Refuse);

        using var bound = new CancellationTokenSource(Eventually.Limit * 2, TimeProvider.System);
        using var refused = await alice.GetAsync("/", bound.Token);
        var answer = refused.StatusCode;
        while (answer is not HttpStatusCode.OK)
        {
            using var again = await alice.GetAsync("/again", bound.Token);
            answer = again.StatusCode;
        }

        Assert.Equal(HttpStatusCode.ServiceUnavailable, refused.StatusCode);
        Assert.Equal(1, cloud.Simulator.Calls("suspend"));
    }

    /// <summary>What a program in the workspace may answer: nothing for long, something all the time, a head and then nothing.</summary>
    private static async Task<bool> StreamAsync(HttpContext context, Task answers)
    {
        switch (context.Request.Path.Value)
        {
            case "/waits":
                await answers.WaitAsync(context.RequestAborted);
                return true;
            case "/flows":
                while (!answers.IsCompleted)
                {
                    await context.Response.WriteAsync(": something\n\n", context.RequestAborted);
                    await Task.Delay(TimeSpan.FromMilliseconds(100), TimeProvider.System, context.RequestAborted);
                }

                return true;
            case "/silent":
                context.Response.ContentType = "text/event-stream";
                await context.Response.Body.FlushAsync(context.RequestAborted);
                await Task.Delay(Timeout.InfiniteTimeSpan, TimeProvider.System, context.RequestAborted);
                return true;
            default:
                return false;
        }
    }

    [Fact]
    public async Task RequestWhileTheMachineIsStopping_WaitsAndIsAnswered()
    {
        await using var cloud = await GatewayEnvironment.StartAsync(options => options.Delays.Suspend = TimeSpan.FromSeconds(2));
        var gateway = await cloud.StartGatewayAsync(Quick);
        using var alice = gateway.ClientOf("alice");
        await alice.GetAsync("/");
        var machine = cloud.Simulator.MachineOf("alice");
        await cloud.Simulator.ReachAsync(machine, "suspending", "suspended");

        var answer = await alice.GetFromJsonAsync<JsonNode>("/meanwhile");

        Assert.Equal(machine.Id, answer!["machine"]!.GetValue<string>());
    }

    [Fact]
    public async Task OperatorsStop_ClosesSocketsOnTheOtherReplicaWithAReason_AndIsIdempotent()
    {
        await using var cloud = await GatewayEnvironment.StartAsync();
        var gateway = await cloud.StartGatewayAsync();
        var other = await cloud.StartGatewayAsync();
        using var socket = await gateway.OpenSocketAsync("alice");
        await ReceiveAsync(socket);
        var machine = cloud.Simulator.MachineOf("alice");
        using var operations = other.OperatorClient();

        using var stopped = await operations.PostAsync("/api/routes/alice/stop", null);
        var closed = await ReceiveAsync(socket);

        Assert.Equal(HttpStatusCode.Accepted, stopped.StatusCode);
        Assert.Equal((WebSocketMessageType.Close, (WebSocketCloseStatus)1001), (closed.MessageType, socket.CloseStatus));
        Assert.Contains("operator", socket.CloseStatusDescription, StringComparison.Ordinal);
        await cloud.Simulator.ReachAsync(machine, "stopped");
        using var again = await operations.PostAsync("/api/routes/alice/stop", null);
        Assert.Equal(HttpStatusCode.Accepted, again.StatusCode);
        Assert.Equal(1, cloud.Simulator.Calls("stop"));
    }

    [Fact]
    public async Task OperatorsRestart_StopsTheMachineAndWakesIt()
    {
        await using var cloud = await GatewayEnvironment.StartAsync();
        var gateway = await cloud.StartGatewayAsync();
        using var alice = gateway.ClientOf("alice");
        await alice.GetAsync("/");
        var machine = cloud.Simulator.MachineOf("alice");
        using var operations = gateway.OperatorClient();

        using var restarted = await operations.PostAsync("/api/routes/alice/restart", null);
        await cloud.Simulator.ReachAsync(machine, "stopped");
        await cloud.Simulator.ReachAsync(machine, "started");

        Assert.Equal(HttpStatusCode.Accepted, restarted.StatusCode);
        Assert.Equal(HttpStatusCode.NotFound, (await operations.PostAsync("/api/routes/nobody/stop", null)).StatusCode);
    }

    private static async Task<WebSocketReceiveResult> ReceiveAsync(ClientWebSocket socket)
    {
        using var bound = new CancellationTokenSource(Eventually.Limit, TimeProvider.System);
        return await socket.ReceiveAsync(new byte[1024], bound.Token);
    }
}
