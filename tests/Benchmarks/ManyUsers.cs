using System.Collections.Concurrent;
using System.Globalization;
using System.Net;
using System.Net.Http.Headers;
using Figures;
using Gateway;
using Gateway.FunctionalTests.Cloud;
using Gateway.Sessions;
using StackExchange.Redis;

namespace Benchmarks;

/// <summary>
/// How the cost of a request grows with the users: a session map of all of them, and requests drawn by Zipf over all, against requests of a hundred. Who
/// was drawn is warm before the measured rounds; what a first request costs is a row of its own. Every user has a machine, a credential and connections
/// of their own, so the sockets towards machines grow with those who were drawn.
/// </summary>
internal static class ManyUsers
{
    private const int Few = 100;
    private const int Connections = 64;
    private const int Addresses = 200;
    private const int AtOnce = 16;

    public static async Task<IReadOnlyList<Row>> TakeAsync(Plan plan)
    {
        var backend = FreePorts.Take();
        await using var process = await Peers.StartSmallBackendAsync(plan.Folder, "many", backend);
        await using var stage = await Stage.SetAsync(static _ => { }, 1,
            ("Proxying:WorkspacePort", backend.ToString(CultureInfo.InvariantCulture)),
            ("Proxying:RequestsPerUser", "1000000"), ("Proxying:BurstPerUser", "1000000"), ("Proxying:ConcurrentPerUser", "1000"), ("Logging:LogLevel:Default", "Warning"));
        await FillAsync(stage.Redis.Url, plan.Users);

        var draws = Draw(plan.Users, plan.Draws);
        var tokens = new ConcurrentDictionary<int, string>();
        Parallel.ForEach(draws.Concat(Spread(plan.Users)).Distinct(), user => tokens[user] = stage.TokenOf(NameOf(user)));
        var url = stage.Gateway.Url.ToString().TrimEnd('/');
        var few = await PeerAsync("few", Spread(plan.Users));
        var many = await PeerAsync("many", draws);

        await FirstRequestsAsync(Spread(plan.Users));
        await Load.WarmUpAsync(few, Connections, plan);
        var cold = draws.Distinct().Except(Spread(plan.Users)).ToArray();
        var before = ProcessTree.CpuSeconds(many.Processes);
        await FirstRequestsAsync(cold);
        var first = (ProcessTree.CpuSeconds(many.Processes) - before) * 1e6 / cold.Length;
        await Load.WarmUpAsync(many, Connections, plan);

        var ratios = new List<double>();
        for (var round = 0; round < plan.LatencyRounds; round++)
        {
            var one = await Load.RunAsync(round % 2 == 0 ? many : few, Connections, plan.ShortSlice, plan.Folder, round);
            var other = await Load.RunAsync(round % 2 == 0 ? few : many, Connections, plan.ShortSlice, plan.Folder, round);
            ratios.Add(round % 2 == 0 ? one.CpuMicroseconds / other.CpuMicroseconds : other.CpuMicroseconds / one.CpuMicroseconds);
        }

        return
        [
            new Row(string.Create(CultureInfo.InvariantCulture, $"CPU per small request, Zipf over {plan.Users:N0} users ({cold.Length:N0} of them drawn), against {Few} users of"), Peers.Ours, Sample.Of(ratios), "×", 1.10, 1.02),
            new Row("CPU per first request of a user (token verified, route read, connection made)", Peers.Ours, Sample.Of([first]), "µs", null, null),
        ];

        async Task<Peer> PeerAsync(string name, IEnumerable<int> users)
        {
            var file = Path.Combine(plan.Folder, "credentials-" + name);
            await File.WriteAllLinesAsync(file, users.Select(user => Peers.Bearer(tokens[user])));
            return new Peer(Peers.Ours, "", url, [stage.Gateway.Id], file);
        }

        async Task FirstRequestsAsync(IEnumerable<int> users)
        {
            using var http = new HttpClient(new SocketsHttpHandler { MaxConnectionsPerServer = AtOnce });
            await Parallel.ForEachAsync(users, new ParallelOptions { MaxDegreeOfParallelism = AtOnce }, async (user, cancellation) =>
            {
                using var request = new HttpRequestMessage(HttpMethod.Get, url + "/small");
                request.Headers.Authorization = new AuthenticationHeaderValue("Bearer", tokens[user]);
                using var answer = await http.SendAsync(request, cancellation);
                if (answer.StatusCode != HttpStatusCode.OK)
                {
                    throw new InvalidOperationException($"A first request was answered {answer.StatusCode}.");
                }
            });
        }
    }

    private static string NameOf(int user) => string.Create(CultureInfo.InvariantCulture, $"many{user}");

    /// <summary>A hundred from all over the map.</summary>
    private static IEnumerable<int> Spread(int users) => Enumerable.Range(0, Few).Select(i => i * (users / Few));

    /// <summary>The sessions and the machines' records as replicas leave them that woke all machines: in the map and in nobody's memory.</summary>
    private static async Task FillAsync(string redisUrl, int users)
    {
        var keys = new MapKeys("{gateway}");
        await using var redis = await ConnectionMultiplexer.ConnectAsync(new Uri(redisUrl).Authority);
        var (database, now) = (redis.GetDatabase(), TimeProvider.System.GetUtcNow());
        var epoch = now.ToUnixTimeMilliseconds() * 1000;
        for (var user = 0; user < users; user++)
        {
            var name = new UserId(NameOf(user));
            var machine = new MachineId(string.Create(CultureInfo.InvariantCulture, $"d{user:x13}"));
            var session = new Session { User = name, State = SessionState.Assigned, App = "figures", Machine = machine, Region = "sjc" };
            var record = new MachineRecord { Machine = machine, App = "figures", State = MachineRecordState.Awake, Address = string.Create(CultureInfo.InvariantCulture, $"127.0.9.{(user % Addresses) + 1}"), Boot = 1, Region = "sjc", ChangedAt = now };
            Write(keys.Session(name), RecordJson.Print(session));
            Write(keys.Machine(machine), RecordJson.Print(record));
            if (user % 10_000 == 0)
            {
                // So that what waits to be sent stays small.
                await database.PingAsync();
            }
        }

        await database.PingAsync();

        void Write(RedisKey key, string body) => database.HashSet(key, [new("e", epoch), new("b", body)], CommandFlags.FireAndForget);
    }

    /// <summary>Users by rank, with the exponent 1; the ranks are spread over the map.</summary>
    private static int[] Draw(int users, int draws)
    {
        var sums = new double[users];
        var sum = 0.0;
        for (var rank = 0; rank < users; rank++)
        {
            sums[rank] = sum += 1.0 / (rank + 1);
        }

        var random = new Random(1);
        var drawn = new int[draws];
        for (var i = 0; i < draws; i++)
        {
            var place = Array.BinarySearch(sums, random.NextDouble() * sum);
            drawn[i] = (int)((place < 0 ? ~place : place) * 7919L % users);
        }

        return drawn;
    }
}
