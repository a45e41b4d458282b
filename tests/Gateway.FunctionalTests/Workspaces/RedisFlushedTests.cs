using System.Globalization;
using System.Net;
using System.Net.Http.Json;
using System.Net.WebSockets;
using System.Text.Json.Nodes;
using Gateway.FunctionalTests.Sessions;
using Gateway.Sessions;
using MachinesSimulator;
using Xunit;
using Xunit.Abstractions;

namespace Gateway.FunctionalTests.Workspaces;

/// <summary>
/// Redis loses everything, while a fifth of all machines is in use. In CI with a quarter of a thousand machines; with a thousand:
/// <c>GATEWAY_MACHINES=1000 dotnet test tests/Gateway.FunctionalTests -c Release --filter RedisFlushed --logger "console;verbosity=detailed"</c>.
/// </summary>
public sealed class RedisFlushedTests(ITestOutputHelper output)
{
    private static readonly int Machines = int.TryParse(Environment.GetEnvironmentVariable("GATEWAY_MACHINES"), CultureInfo.InvariantCulture, out var count) ? count : 250;
    private static readonly int InUse = Machines / 5;

    private static readonly TimeSpan WholeWithin = TimeSpan.FromSeconds(30);
    private static readonly TimeSpan Limit = TimeSpan.FromMinutes(4);

    /// <summary>Quick to sleep, so that a machine in use would be taken if the loss made it look idle.</summary>
    private static readonly (string, string)[] Quick =
    [
        ("Idling:IdleAfter", "00:00:15"), ("Idling:AttachedFor", "00:00:20"), ("Idling:SweepEvery", "00:00:01"), ("Idling:ReportEvery", "00:00:02"), ("Idling:ReplicaLease", "00:00:06"),
    ];

    [Fact]
    public async Task MapThatWasLost_IsWholeAgainInTime_AndNobodyInUseNoticesIt()
    {
        using var limit = new CancellationTokenSource(Limit, TimeProvider.System);
        await using var cloud = await GatewayEnvironment.StartAsync();
        var machines = MakeMachines(cloud.Simulator);
        var gateways = new[] { await cloud.StartGatewayAsync(Quick), await cloud.StartGatewayAsync(Quick) };
        await using var map = await MapReplica.StartAsync(cloud.Redis.Url, "{gateway}");
        using var operators = gateways[0].OperatorClient();
        await IsWholeAsync(map, operators, limit.Token);
        var people = new Person[InUse];
        // A few at a time: that many wakes at once are not what is measured here, and on a busy machine not all of them end in time.
        await Parallel.ForAsync(0, InUse, new ParallelOptions { MaxDegreeOfParallelism = 20, CancellationToken = limit.Token },
            async (i, token) => people[i] = await Person.ComeAsync(gateways[i % 2], cloud, NameOf(i), socket: i % 4 < 2, token));
        Assert.All(people, person => Assert.Equal(machines[person.User].Id, person.Machine));
        using var leave = new CancellationTokenSource();
        var staying = people.Select(person => person.StayAsync(leave.Token, limit.Token)).ToList();
        await Eventually.HoldsAsync(() => people.All(person => machines[person.User].Requests >= 2));
        using var gone = gateways[0].ClientOf(NameOf(InUse));
        await gone.GetAsync("/", limit.Token);

        await cloud.Redis.FlushAsync();
        var flushed = TimeProvider.System.GetTimestamp();
        await IsWholeAsync(map, operators, limit.Token);
        var whole = TimeProvider.System.GetElapsedTime(flushed);
        output.WriteLine($"whole again after {whole.TotalSeconds.ToString("0.0", CultureInfo.InvariantCulture)} s");
        // Sweeps have begun again once they took a machine that nobody is on.
        await cloud.Simulator.ReachAsync(machines[NameOf(InUse)], "suspended");
        using var sleeper = gateways[1].ClientOf(NameOf(Machines - 1));
        var woken = await sleeper.GetFromJsonAsync<JsonNode>("/", limit.Token);
        await leave.CancelAsync();
        await Task.WhenAll(staying);

        Assert.True(whole <= WholeWithin, $"It took {whole}.");
        Assert.Equal(machines[NameOf(Machines - 1)].Id, woken!["machine"]!.GetValue<string>());
        Assert.Equal((Machines, 0), (cloud.Simulator.Machines.Count, cloud.Simulator.Calls("create")));
        Assert.All(people, person => Assert.True(machines[person.User] is { State: "started", Starts: 1 }, HistoryOf(machines[person.User])));
        Assert.All(people, person => Assert.Equal(0, cloud.Simulator.Calls("stop", machines[person.User].Id) + cloud.Simulator.Calls("suspend", machines[person.User].Id)));
    }

    private static string NameOf(int user) => string.Create(CultureInfo.InvariantCulture, $"user{user:0000}");

    /// <summary>Stopped machines, with the proofs of whose they are, as the gateway itself makes them.</summary>
    private static Dictionary<string, SimulatedMachine> MakeMachines(Simulator simulator)
    {
        var names = new WorkspaceNames(GatewayEnvironment.App, GatewayEnvironment.NameKey);
        return Enumerable.Range(0, Machines).Select(NameOf).ToDictionary(static user => user, user =>
        {
            var name = names.MachineName(new UserId(user));
            var metadata = new JsonObject([.. names.Metadata(GatewayEnvironment.App, name, new UserId(user)).Select(static entry => KeyValuePair.Create(entry.Key, (JsonNode?)entry.Value))]);
            return simulator.Cloud.Create(GatewayEnvironment.App, new JsonObject
            {
                ["name"] = name,
                ["region"] = "sjc",
                ["skip_launch"] = true,
                ["config"] = new JsonObject { ["image"] = EchoWorkspace.Image, ["metadata"] = metadata },
            });
        });
    }

    private static string HistoryOf(SimulatedMachine machine) =>
        string.Join(Environment.NewLine, machine.Events.Select(static happened => happened.ToJsonString()).Prepend($"{machine.State} after {machine.Starts} starts:"));

    /// <summary>Every route is in it, and it says of itself that nothing is missing.</summary>
    private static async Task IsWholeAsync(MapReplica map, HttpClient operators, CancellationToken cancellationToken)
    {
        while (true)
        {
            using var answer = await operators.GetAsync("/api/routes?limit=1000", cancellationToken);
            if (answer.IsSuccessStatusCode && (await map.Map.ReadGenerationAsync(cancellationToken)).Listed && (await answer.Content.ReadFromJsonAsync<JsonNode>(cancellationToken))!["routes"]!.AsArray().Count == Machines)
            {
                return;
            }

            await Task.Delay(TimeSpan.FromMilliseconds(200), TimeProvider.System, cancellationToken);
        }
    }

    /// <summary>Somebody with a terminal in which things happen, or an upload that goes on, who also asks for something now and then.</summary>
    private sealed class Person(string user, string machine, HttpClient client, ClientWebSocket? socket)
    {
        public string User => user;

        public string Machine => machine;

        public static async Task<Person> ComeAsync(RunningGateway gateway, GatewayEnvironment cloud, string user, bool socket, CancellationToken cancellationToken)
        {
            var client = RunningGateway.Client(gateway.Url, cloud.TokenOf(user));
            var machine = await AskAsync(client, user, cancellationToken);
            return new Person(user, machine, client, socket ? await gateway.OpenSocketAsync(user) : null);
        }

        public async Task StayAsync(CancellationToken leave, CancellationToken cancellationToken)
        {
            using (client)
            using (socket)
            {
                await (socket is null ? UploadAsync(leave, cancellationToken) : TypeAsync(socket, leave, cancellationToken));
                Assert.Equal(machine, await AskAsync(client, user, cancellationToken));
            }
        }

        /// <summary>Which machine answers.</summary>
        private static async Task<string> AskAsync(HttpClient client, string user, CancellationToken cancellationToken)
        {
            using var answer = await client.GetAsync("/", cancellationToken);
            var said = await answer.Content.ReadAsStringAsync(cancellationToken);
            Assert.True(answer.IsSuccessStatusCode, $"{user}: {(int)answer.StatusCode} {said} {string.Join(", ", answer.Headers.Select(static header => $"{header.Key}: {string.Join(';', header.Value)}"))}");
            return JsonNode.Parse(said)!["machine"]!.GetValue<string>();
        }

        /// <summary>The first message says which machine it is, and every later one is an echo.</summary>
        private static async Task TypeAsync(ClientWebSocket socket, CancellationToken leave, CancellationToken cancellationToken)
        {
            var buffer = new byte[256];
            await socket.ReceiveAsync(buffer, cancellationToken);
            while (!leave.IsCancellationRequested)
            {
                await socket.SendAsync(new byte[] { 1, 2, 3 }, WebSocketMessageType.Binary, true, cancellationToken);
                Assert.Equal((WebSocketMessageType.Binary, 3, null), await ReceiveAsync());
                await Task.Delay(TimeSpan.FromSeconds(1), TimeProvider.System, cancellationToken);
            }

            async Task<(WebSocketMessageType, int, string?)> ReceiveAsync()
            {
                var received = await socket.ReceiveAsync(buffer, cancellationToken);
                return (received.MessageType, received.Count, socket.CloseStatusDescription);
            }
        }

        private async Task UploadAsync(CancellationToken leave, CancellationToken cancellationToken)
        {
            using var answer = await client.PostAsync("/upload", new SlowBody(leave), cancellationToken);
            Assert.Equal(HttpStatusCode.OK, answer.StatusCode);
            Assert.Equal(machine, (await answer.Content.ReadFromJsonAsync<JsonNode>(cancellationToken))!["machine"]!.GetValue<string>());
        }
    }

    /// <summary>A piece every second, until its sender leaves.</summary>
    private sealed class SlowBody(CancellationToken leave) : HttpContent
    {
        protected override async Task SerializeToStreamAsync(Stream stream, TransportContext? context)
        {
            while (!leave.IsCancellationRequested)
            {
                await stream.WriteAsync(new byte[1024], CancellationToken.None);
                await stream.FlushAsync(CancellationToken.None);
                await Task.Delay(TimeSpan.FromSeconds(1), TimeProvider.System, CancellationToken.None);
            }
        }

        protected override bool TryComputeLength(out long length)
        {
            length = 0;
            return false;
        }
    }
}
