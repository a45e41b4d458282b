namespace Benchmarks;

/// <summary>A small request on kept connections: CPU of all processes in the path, in rounds that take every peer in turn, so that what the machine does meanwhile meets all of them.</summary>
internal static class SmallRequests
{
    private const int Connections = 64;

    private static readonly Dictionary<string, (double Bar, double Goal)> Bars = new()
    {
        [Peers.Yarp] = (1.25, 1.00),
        ["nginx + auth_request"] = (0.60, 0.50),
        ["HAProxy + jwt_verify + map"] = (1.9, 1.5),
        ["Caddy + forward_auth"] = (0.22, 0.16),
        ["configurable-http-proxy"] = (0.22, 0.16),
    };

    public static async Task<IReadOnlyList<Row>> CpuAsync(Peers peers, Plan plan)
    {
        foreach (var peer in peers.All)
        {
            await Load.WarmUpAsync(peer, Connections, plan);
        }

        var rounds = new List<Dictionary<string, LoadResult>>();
        for (var round = 0; round < plan.Rounds; round++)
        {
            var results = new Dictionary<string, LoadResult>();
            // Each round begins with another, so that none always follows the same one.
            for (var i = 0; i < peers.All.Count; i++)
            {
                var peer = peers.All[(i + round) % peers.All.Count];
                results[peer.Name] = await Load.RunAsync(peer, Connections, plan.Slice, plan.Folder, round);
            }

            rounds.Add(results);
        }

        var rows = peers.All.Select(peer => new Row("CPU per small request", peer.Name, Sample.Of(rounds.Select(round => round[peer.Name].CpuMicroseconds)), "µs", null, null)).ToList();
        foreach (var peer in peers.All.Where(static peer => peer.Name != Peers.Ours))
        {
            var ratio = Sample.Of(rounds.Select(round => round[Peers.Ours].CpuMicroseconds / round[peer.Name].CpuMicroseconds));
            rows.Add(new Row("CPU per small request, gateway against", peer.Name, ratio, "×", Bars[peer.Name].Bar, Bars[peer.Name].Goal));
        }

        return rows;
    }

    public static async Task<IReadOnlyList<Row>> LatencyAsync(Peers peers, Plan plan)
    {
        var (ours, yarp) = (peers.All.Single(static peer => peer.Name == Peers.Ours), peers.All.Single(static peer => peer.Name == Peers.Yarp));
        var rows = new List<Row>();
        foreach (var connections in new[] { 1, 8, 64 })
        {
            var medians = new List<double>();
            var tails = new List<double>();
            for (var round = 0; round < plan.LatencyRounds; round++)
            {
                var first = await Load.RunAsync(round % 2 == 0 ? ours : yarp, connections, plan.ShortSlice, plan.Folder, round);
                var second = await Load.RunAsync(round % 2 == 0 ? yarp : ours, connections, plan.ShortSlice, plan.Folder, round);
                var (own, other) = round % 2 == 0 ? (first, second) : (second, first);
                medians.Add(own.Median / other.Median);
                tails.Add(own.P99 / other.P99);
            }

            rows.Add(new Row($"p50 at {connections} connections, gateway against", Peers.Yarp, Sample.Of(medians), "×", 1.15, 1.00));
            rows.Add(new Row($"p99 at {connections} connections, gateway against", Peers.Yarp, Sample.Of(tails), "×", null, null));
        }

        return rows;
    }

    /// <summary>Beside the bars: cookies, answers of 64 KB, a connection for each request, HTTP/2.</summary>
    public static async Task<IReadOnlyList<Row>> OthersAsync(Peers peers, Plan plan)
    {
        var (ours, yarp) = (peers.All.Single(static peer => peer.Name == Peers.Ours), peers.All.Single(static peer => peer.Name == Peers.Yarp));
        var cookies = await peers.SignInAsync();
        return
        [
            await RatioAsync("CPU per small request of browsers that have signed in, gateway against", (peer, round) => Load.RunAsync(peer with { CredentialsFile = cookies }, Connections, plan.ShortSlice, plan.Folder, round), plan.LatencyRounds),
            await RatioAsync("CPU per answer of 64 KB, gateway against", (peer, round) => Load.RunAsync(peer, Connections, plan.ShortSlice, plan.Folder, round, "/64k"), plan.BulkRounds),
            await RatioAsync("CPU per small request on a connection of its own, gateway against", (peer, round) => Load.RunAsync(peer, Connections, plan.ShortSlice, plan.Folder, round, keep: false), plan.BulkRounds),
            await RatioAsync("CPU per small request over HTTP/2, 8 connections of 8 streams, gateway against", (peer, _) => Load.RunHttp2Async(peer, 8, 8, plan.ShortSlice), plan.BulkRounds),
        ];

        async Task<Row> RatioAsync(string figure, Func<Peer, int, Task<LoadResult>> runAsync, int rounds)
        {
            // Once for nothing: the code of this kind of request is compiled by it.
            await runAsync(ours, 0);
            await runAsync(yarp, 0);
            var ratios = new List<double>();
            for (var round = 0; round < rounds; round++)
            {
                var first = await runAsync(round % 2 == 0 ? ours : yarp, round);
                var second = await runAsync(round % 2 == 0 ? yarp : ours, round);
                ratios.Add(round % 2 == 0 ? first.CpuMicroseconds / second.CpuMicroseconds : second.CpuMicroseconds / first.CpuMicroseconds);
            }

            return new Row(figure, Peers.Yarp, Sample.Of(ratios), "×", null, null);
        }
    }

    /// <summary>What the runtime says it has allocated, over a run in which nothing else was asked of it.</summary>
    public static async Task<IReadOnlyList<Row>> AllocationAsync(Peers peers, Plan plan)
    {
        var measured = new Dictionary<string, double>();
        foreach (var peer in peers.All.Where(static peer => peer.MetricsUrl is not null))
        {
            var before = await AllocatedAsync(peer);
            var load = await Load.RunAsync(peer, Connections, plan.Slice * 2, plan.Folder, 1);
            measured[peer.Name] = (await AllocatedAsync(peer) - before) / load.Requests;
        }

        return
        [
            .. measured.Select(static pair => new Row("allocated per warm request", pair.Key, new Sample(pair.Value, pair.Value, pair.Value, 1), "B", null, null)),
            new Row("allocated per warm request, gateway beyond", Peers.Yarp, Sample.Of([measured[Peers.Ours] - measured[Peers.Yarp]]), "B", 600, 200),
        ];
    }

    private static async Task<double> AllocatedAsync(Peer peer)
    {
        using var http = new HttpClient();
        var text = await http.GetStringAsync(peer.MetricsUrl);
        var line = Array.Find(text.Split('\n'), static line => line.StartsWith("dotnet_gc_heap_total_allocated_bytes_total", StringComparison.Ordinal)) ?? throw new InvalidOperationException($"{peer.Name} does not tell what it allocates.");
        // A moment may follow the value.
        var value = line[(line.IndexOf('}') < 0 ? line.IndexOf(' ') + 1 : line.IndexOf('}') + 2)..].Split(' ')[0];
        return double.Parse(value, System.Globalization.CultureInfo.InvariantCulture);
    }
}
