using System.Collections.Concurrent;
using System.Net;
using System.Net.WebSockets;
using Gateway.Idling;
using LocalCloud;
using MachinesSimulator;
using Microsoft.Extensions.DependencyInjection;
using Xunit;

namespace Gateway.FunctionalTests.Workspaces;

/// <summary>One gateway loses its connection to Redis, the others keep theirs.</summary>
[Collection(nameof(Alone))]
public sealed class PartitionTests
{
    private static readonly TimeSpan Lease = TimeSpan.FromSeconds(15);

    /// <summary>Quick to sleep: without reports the machine is due at once.</summary>
    private static readonly (string, string)[] Quick =
    [
        ("Idling:IdleAfter", "00:00:02"), ("Idling:AttachedFor", "00:00:02"), ("Idling:SweepEvery", "00:00:01"), ("Idling:ReportEvery", "00:00:00.2"), ("Idling:ConsentGrace", "00:00:01"),
        ("Idling:ReplicaLease", $"{Lease}"),
    ];

    [Fact]
    public async Task TerminalsOfAGatewayCutOffFromRedis_StayUpForItsLease_AndTheirMachineSleepsAfterIt()
    {
        await using var cloud = await GatewayEnvironment.StartAsync();
        using var network = MachinesNetwork.Claim();
        using var line = new MachinesSimulator.Front(IPEndPoint.Parse(network.Name + ".0.1:10000"));
        line.Set(FrontMode.Open, IPEndPoint.Parse(new Uri(cloud.Redis.Url).Authority));
        var cut = await cloud.StartGatewayAsync([.. Quick, ("REDIS_URL", $"redis://{line.Address}")]);
        var other = await cloud.StartGatewayAsync(Quick);
        using var socket = await cut.OpenSocketAsync("alice");
        await EchoAsync(socket, first: true);
        var machine = cloud.Simulator.MachineOf("alice");
        // Sweeps begin one lease after the map.
        var began = TimeProvider.System.GetTimestamp();
        await TypeUntilAsync(socket, () => TimeProvider.System.GetElapsedTime(began) > Lease);
        var decided = new ConcurrentQueue<IdleStopOutcome>();
        other.Services.GetRequiredService<IdleSweeper>().Decided = (_, outcome) => decided.Enqueue(outcome);

        line.Set(FrontMode.Refuse);
        await TypeUntilAsync(socket, () => decided.Count(static outcome => outcome is IdleStopOutcome.Abandoned) >= 2);

        Assert.Equal(("started", 0), (machine.State, cloud.Simulator.Calls("suspend") + cloud.Simulator.Calls("stop")));
        await cloud.Simulator.ReachAsync(machine, "suspended");
    }

    private static async Task TypeUntilAsync(ClientWebSocket socket, Func<bool> enough) => await Eventually.HoldsAsync(async () =>
    {
        await EchoAsync(socket);
        return enough();
    });

    private static async Task EchoAsync(ClientWebSocket socket, bool first = false)
    {
        using var bound = new CancellationTokenSource(Eventually.Limit, TimeProvider.System);
        var buffer = new byte[256];
        if (first)
        {
            // Which machine it is.
            await socket.ReceiveAsync(buffer, bound.Token);
        }

        await socket.SendAsync(new byte[] { 1 }, WebSocketMessageType.Binary, true, bound.Token);
        Assert.Equal(WebSocketMessageType.Binary, (await socket.ReceiveAsync(buffer, bound.Token)).MessageType);
    }
}
