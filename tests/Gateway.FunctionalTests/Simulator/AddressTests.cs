using System.Net;
using System.Net.Sockets;
using System.Text;
using MachinesSimulator;
using Xunit;

namespace Gateway.FunctionalTests.Simulating;

/// <summary>What a machine's own address says to those who connect: nothing while it sleeps, nothing at all while it boots.</summary>
public sealed class AddressTests
{
    // Long enough for a connection on loopback to be taken or refused, were it going to be; too short would hide a fault, never invent one.
    private static readonly TimeSpan Silence = TimeSpan.FromSeconds(1);

    [Fact]
    public async Task AStoppedMachine_Refuses()
    {
        await using var stage = await SimulatorStage.StartAsync();
        var id = await stage.CreateAsync("one");

        Assert.Equal(SocketError.ConnectionRefused, await ConnectAsync(stage.Machine(id)));
    }

    [Fact]
    public async Task ABootingMachine_IsSilentToEveryoneAndAnswersNewConnectionsWhenItIsUp()
    {
        await using var stage = await SimulatorStage.StartAsync(static options => options.Delays.Start = TimeSpan.FromHours(1));
        var id = await stage.CreateAsync("one");
        await stage.DoAsync(id, "start", "starting");
        var machine = stage.Machine(id);

        var attempts = Enumerable.Range(0, 8).Select(_ => ConnectAsync(machine)).ToArray();
        await Assert.ThrowsAsync<TimeoutException>(() => Task.WhenAny(attempts).WaitAsync(Silence, TimeProvider.System));

        machine.Front.Set(FrontMode.Cut);
        Assert.Equal(SocketError.Success, await ConnectAsync(machine));
        Assert.All(await Task.WhenAll(attempts), static ended => Assert.Equal(SocketError.Success, ended));
    }

    [Fact]
    public async Task AConnectionTriedDuringTheBoot_EndsWellWhenTheMachineIsUp()
    {
        await using var stage = await SimulatorStage.StartAsync(static options => options.Delays.EchoBoot = TimeSpan.FromMilliseconds(500));
        var id = await stage.CreateAsync("one", launch: true);

        using var workspace = stage.WorkspaceOf(id);

        Assert.Equal(HttpStatusCode.OK, (await workspace.GetAsync("/api/health")).StatusCode);
    }

    [Fact]
    public async Task AMachineThatStopped_CutsItsConnectionsAndRefusesNewOnes()
    {
        await using var stage = await SimulatorStage.StartAsync();
        var id = await stage.CreateAsync("one", launch: true);
        using var _ = await stage.AnsweringAsync(id);
        using var open = await OpenAsync(stage.Machine(id).Front.Address);

        await stage.DoAsync(id, "stop", "stopped");

        Assert.True(await EndsAsync(open));
        Assert.Equal(SocketError.ConnectionRefused, await ConnectAsync(stage.Machine(id)));
    }

    [Fact]
    public async Task AClientThatEndsItsHalf_StillGetsTheAnswer()
    {
        // A listener of the test's own, because an HTTP server takes the end of one half for the end of all.
        using var network = LocalCloud.MachinesNetwork.Claim();
        using var workspace = new TcpListener(IPAddress.Loopback, 0);
        workspace.Start();
        using var front = new Front(IPEndPoint.Parse(network.Name + ".0.1:10000"));
        front.Set(FrontMode.Open, (IPEndPoint)workspace.LocalEndpoint);

        using var client = await OpenAsync(front.Address);
        await client.SendAsync(Encoding.ASCII.GetBytes("question"));
        client.Shutdown(SocketShutdown.Send);
        using var served = await workspace.AcceptSocketAsync().WaitAsync(Eventually.Limit, TimeProvider.System);
        Assert.Equal("question", await ReadToEndAsync(served));
        await served.SendAsync(Encoding.ASCII.GetBytes("answer"));
        served.Shutdown(SocketShutdown.Send);

        Assert.Equal("answer", await ReadToEndAsync(client));
    }

    [Fact]
    public async Task AnAddressThatAnotherProcessHas_IsSaidSo_AndTheCallThatNeedsItIs500()
    {
        var broken = new System.Collections.Concurrent.ConcurrentQueue<string>();
        await using var stage = await SimulatorStage.StartAsync(options => options.OnBroken = broken.Enqueue);
        var id = await stage.CreateAsync("one", launch: false);
        await stage.Simulator.ReachAsync(stage.Machine(id), "stopped");
        using var other = new TcpListener(stage.Machine(id).Front.Address);
        other.Start();

        Assert.Equal(HttpStatusCode.InternalServerError, (await stage.DoAsync(id, "start")).Status);
        Assert.Contains("another simulator", Assert.Single(broken), StringComparison.Ordinal);
    }

    [Fact]
    public async Task AnAddress_IsListenedOnAgain_ThoughAProcessIsStartedMeanwhile()
    {
        using var network = LocalCloud.MachinesNetwork.Claim();
        using var front = new Front(IPEndPoint.Parse(network.Name + ".0.1:10000"));
        for (var i = 0; i < 100; i++)
        {
            var starting = Task.Run(static () => System.Diagnostics.Process.Start("/bin/true"));
            // Bounded: each time takes memory, and the more a process has the longer it takes to start another.
            for (var turn = 0; turn < 20 && !starting.IsCompleted; turn++)
            {
                front.Set(FrontMode.Silent);
                front.Set(FrontMode.Cut);
            }

            using var process = await starting.WaitAsync(Eventually.Limit, TimeProvider.System);
            await process.WaitForExitAsync().WaitAsync(Eventually.Limit, TimeProvider.System);
        }
    }

    [Fact]
    public async Task TheEcho_TellsTheTargetAsItWasSent()
    {
        await using var stage = await SimulatorStage.StartAsync();
        var id = await stage.CreateAsync("one", launch: true);
        using var _ = await stage.AnsweringAsync(id);
        using var client = await OpenAsync(stage.Machine(id).Front.Address);

        await client.SendAsync(Encoding.ASCII.GetBytes("POST /a%2Fb?c=%20 HTTP/1.1\r\nHost: a\r\nConnection: close\r\nContent-Length: 3\r\n\r\nabc"));

        var answer = await ReadToEndAsync(client);
        Assert.Contains("\"/a%2Fb?c=%20\"", answer, StringComparison.Ordinal);
        Assert.Contains("ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad", answer, StringComparison.Ordinal);
        Assert.Contains(id, answer, StringComparison.Ordinal);
    }

    [Fact]
    public async Task TwoMachines_HaveAnAddressEachAndAnswerForThemselves()
    {
        await using var stage = await SimulatorStage.StartAsync();
        var (one, other) = (await stage.CreateAsync("one", launch: true), await stage.CreateAsync("two", launch: true));
        using var first = await stage.AnsweringAsync(one);
        using var second = await stage.AnsweringAsync(other);

        Assert.NotEqual(stage.Machine(one).Address, stage.Machine(other).Address);
        Assert.Contains(one, await first.GetStringAsync("/"), StringComparison.Ordinal);
        Assert.Contains(other, await second.GetStringAsync("/"), StringComparison.Ordinal);
    }

    [Fact]
    public async Task AForcedMode_HoldsAcrossABootUntilItIsLifted()
    {
        await using var stage = await SimulatorStage.StartAsync();
        var id = await stage.CreateAsync("one");
        await stage.SendAsync(HttpMethod.Post, $"/_simulator/machines/{id}/refuse");

        await stage.DoAsync(id, "start", "started");
        Assert.Equal(SocketError.ConnectionRefused, await ConnectAsync(stage.Machine(id)));

        await stage.SendAsync(HttpMethod.Post, $"/_simulator/machines/{id}/follow");
        await stage.DoAsync(id, "stop", "stopped");
        await stage.DoAsync(id, "start", "started");
        using var workspace = await stage.AnsweringAsync(id);
        Assert.Equal(HttpStatusCode.OK, (await workspace.GetAsync("/api/health")).StatusCode);
    }

    private static async Task<SocketError> ConnectAsync(SimulatedMachine machine)
    {
        using var socket = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        try
        {
            await socket.ConnectAsync(machine.Front.Address).WaitAsync(Eventually.Limit, TimeProvider.System);
            return SocketError.Success;
        }
        catch (SocketException refused)
        {
            return refused.SocketErrorCode;
        }
    }

    private static async Task<Socket> OpenAsync(IPEndPoint address)
    {
        var socket = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        await socket.ConnectAsync(address).WaitAsync(Eventually.Limit, TimeProvider.System);
        return socket;
    }

    /// <summary>Whether the other side ends the connection, in either way.</summary>
    private static async Task<bool> EndsAsync(Socket socket)
    {
        try
        {
            return await socket.ReceiveAsync(new byte[1]).WaitAsync(Eventually.Limit, TimeProvider.System) == 0;
        }
        catch (SocketException)
        {
            return true;
        }
    }

    private static async Task<string> ReadToEndAsync(Socket socket)
    {
        var (text, buffer) = (new StringBuilder(), new byte[4096]);
        while (await socket.ReceiveAsync(buffer).WaitAsync(Eventually.Limit, TimeProvider.System) is > 0 and var read)
        {
            text.Append(Encoding.ASCII.GetString(buffer, 0, read));
        }

        return text.ToString();
    }
}
