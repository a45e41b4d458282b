using System.Globalization;
using System.Net.Http.Headers;
using System.Text.Json.Nodes;
using Figures;
using Gateway.Sessions;

namespace Benchmarks;

/// <summary>Routes that change: what a thousand changes a second cost the requests beside them, and how soon every replica routes by one.</summary>
internal static class Changes
{
    private const int EachSecond = 1_000;
    private const int Connections = 64;
    private const int Replicas = 3;

    /// <summary>Not counted: code is compiled, and connections are made.</summary>
    private const int FirstChanges = 20;

    private static readonly TimeSpan Beat = TimeSpan.FromMilliseconds(10);
    private static readonly TimeSpan AtMost = TimeSpan.FromSeconds(10);

    /// <summary>All changes are of the users whose requests are measured, so each must be heard, and the session read again.</summary>
    public static async Task<IReadOnlyList<Row>> CostAsync(Peers peers, Plan plan)
    {
        var ours = peers.All.Single(static peer => peer.Name == Peers.Ours);
        await using var writer = await SessionWriter.ConnectAsync(peers.Stage.Redis.Url);
        var sessions = new Session[Peers.Users];
        for (var i = 0; i < sessions.Length; i++)
        {
            sessions[i] = await writer.FindAsync(string.Create(CultureInfo.InvariantCulture, $"user{i}"));
        }

        var (ratios, rates) = (new List<double>(), new List<double>());
        for (var round = 0; round < plan.LatencyRounds; round++)
        {
            var first = await RunAsync(changing: round % 2 == 0, round);
            var second = await RunAsync(changing: round % 2 != 0, round);
            ratios.Add(round % 2 == 0 ? first.CpuMicroseconds / second.CpuMicroseconds : second.CpuMicroseconds / first.CpuMicroseconds);
        }

        return
        [
            new Row("CPU per small request with session changes against none of", Peers.Ours, Sample.Of(ratios), "×", 1.15, 1.05),
            new Row("session changes meanwhile, of the users who ask", "", Sample.Of(rates), "/s", null, null),
        ];

        async Task<LoadResult> RunAsync(bool changing, int seed)
        {
            using var end = new CancellationTokenSource();
            var began = TimeProvider.System.GetTimestamp();
            var changes = changing ? ChangeAsync(writer, sessions, end.Token) : Task.FromResult(0);
            var load = await Load.RunAsync(ours, Connections, plan.ShortSlice, plan.Folder, seed);
            var took = TimeProvider.System.GetElapsedTime(began);
            await end.CancelAsync();
            var written = await changes;
            if (changing)
            {
                rates.Add(written / took.TotalSeconds);
            }

            return load;
        }
    }

    /// <summary>One user's session is moved to and fro between two machines that are awake, while a client asks each replica all the time whose machine answers.</summary>
    public static async Task<IReadOnlyList<Row>> PropagationAsync(Plan plan)
    {
        await using var stage = await Stage.SetAsync(static _ => { }, Replicas);
        var given = await stage.GiveMachinesAsync(2);
        await using var writer = await SessionWriter.ConnectAsync(stage.Redis.Url);
        foreach (var (user, _) in given)
        {
            using var client = ClientOf(stage.Gateway.Url, stage.TokenOf(user));
            await WhereAsync(client);
        }

        var clients = stage.Gateways.Select(gateway => ClientOf(gateway.Url, stage.TokenOf(given[0].User))).ToArray();

        var session = await writer.FindAsync(given[0].User);
        var times = new List<double>();
        for (var change = 0; change < FirstChanges + plan.Changes; change++)
        {
            var next = given[(change + 1) % 2].Machine.Id;
            var seen = clients.Select(client => SeenAsync(client, next)).ToArray();
            var written = TimeProvider.System.GetTimestamp();
            session = await writer.WriteAsync(session with { Machine = new Gateway.MachineId(next) });
            times.Add((await Task.WhenAll(seen)).Max(at => TimeProvider.System.GetElapsedTime(written, at).TotalMilliseconds));
        }

        foreach (var client in clients)
        {
            client.Dispose();
        }

        times.RemoveRange(0, FirstChanges);
        times.Sort();
        // The interval is of the distribution: the median, and the latest of all.
        return [new Row($"from before the write of a session to its first answer on all {Replicas} replicas, p99 (median to latest)", "", new Sample(times[(int)(times.Count * 0.99)], times[times.Count / 2], times[^1], times.Count), "ms", 50, 10)];
    }

    private static async Task<int> ChangeAsync(SessionWriter writer, Session[] sessions, CancellationToken end)
    {
        var (written, began) = (0, TimeProvider.System.GetTimestamp());
        using var beat = new PeriodicTimer(Beat, TimeProvider.System);
        while (!end.IsCancellationRequested)
        {
            var due = Math.Min(sessions.Length, (int)(TimeProvider.System.GetElapsedTime(began).TotalSeconds * EachSecond) - written);
            // One user's changes come one after another, of different users at once.
            await Parallel.ForAsync(0, due, CancellationToken.None, async (i, _) =>
            {
                var place = (written + i) % sessions.Length;
                sessions[place] = await writer.WriteAsync(sessions[place]);
            });
            written += Math.Max(0, due);
            await beat.WaitForNextTickAsync(CancellationToken.None);
        }

        return written;
    }

    private static async Task<long> SeenAsync(HttpClient client, string machine)
    {
        var began = TimeProvider.System.GetTimestamp();
        while (await WhereAsync(client) != machine)
        {
            if (TimeProvider.System.GetElapsedTime(began) > AtMost)
            {
                throw new InvalidOperationException("A replica never heard of a session's change.");
            }
        }

        return TimeProvider.System.GetTimestamp();
    }

    private static async Task<string?> WhereAsync(HttpClient client) =>
        JsonNode.Parse(await client.GetStringAsync("/"))!["machine"]!.GetValue<string>();

    private static HttpClient ClientOf(Uri url, string token)
    {
        var client = new HttpClient { BaseAddress = url };
        client.DefaultRequestHeaders.Authorization = new AuthenticationHeaderValue("Bearer", token);
        client.DefaultRequestHeaders.Accept.ParseAdd("application/json");
        return client;
    }
}
