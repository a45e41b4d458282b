using System.Globalization;
using Figures;
using Gateway.FunctionalTests.Cloud;
using LocalCloud;

namespace Benchmarks;

/// <summary>Terminals: how long a key takes to come back, and what one costs that nobody uses. The gateway reads the frames of both directions and counts them.</summary>
internal static class Terminals
{
    private const int Users = 100;

    public static async Task<IReadOnlyList<Row>> TakeAsync(Plan plan)
    {
        var backend = FreePorts.Take();
        await using var echo = await StartAsync("echo", plan.Folder, EchoBackend.Arguments(backend));
        await using var stage = await Stage.SetAsync(
            static _ => { }, 1,
            ("Proxying:WorkspacePort", backend.ToString(CultureInfo.InvariantCulture)), ("Proxying:SocketsPerUser", "1000"),
            ("Proxying:RequestsPerUser", "1000000"), ("Proxying:BurstPerUser", "1000000"), ("Logging:LogLevel:Default", "Warning"));
        var (port, operations, http2) = (FreePorts.Take(), FreePorts.Take(), FreePorts.Take());
        await using var yarp = await StartAsync("yarp", plan.Folder, [PlainYarp.Mode, $"{port}", $"{operations}", $"{http2}", $"http://127.0.0.1:{backend}"]);
        var tokens = (await stage.GiveMachinesAsync(Users)).Select(given => stage.TokenOf(given.User)).ToArray();
        var (ours, plain) = (stage.Gateway.Url, new Uri($"http://127.0.0.1:{port}"));
        await Parallel.ForEachAsync(tokens, async (token, _) => (await Terminal.OpenAsync(ours, token)).Dispose());

        using var own = await Terminal.OpenAsync(ours, tokens[0]);
        using var other = await Terminal.OpenAsync(plain, tokens[0]);
        await EchoesAsync(own, plan.WarmUp);
        await EchoesAsync(other, plan.WarmUp);
        var medians = new List<double>();
        for (var round = 0; round < plan.LatencyRounds; round++)
        {
            var first = await EchoesAsync(round % 2 == 0 ? own : other, plan.ShortSlice);
            var second = await EchoesAsync(round % 2 == 0 ? other : own, plan.ShortSlice);
            medians.Add(round % 2 == 0 ? first / second : second / first);
        }

        var bulk = new[] { new BulkPeer(ours, [stage.Gateway.Id], tokens[0]), new BulkPeer(plain, [yarp.Id], tokens[0]) };
        return
        [
            new Row("terminal echo round trip, p50, gateway against", Peers.Yarp, Sample.Of(medians), "×", 1.08, 1.0),
            new Row($"memory per idle terminal, {plan.IdleTerminals} open", Peers.Ours, await IdleAsync(ours, stage.Gateway.Id, tokens, plan), "KB", 24, 17),
            new Row($"memory per idle terminal, {plan.IdleTerminals} open", Peers.Yarp, await IdleAsync(plain, yarp.Id, tokens, plan), "KB", null, null),
            .. await Bulk.TakeAsync(bulk[0], bulk[1], plan),
        ];
    }

    private static Task<ChildProcess> StartAsync(string name, string folder, string[] arguments) =>
        ChildProcess.StartAsync(name, [Programs.Host, typeof(Terminals).Assembly.Location, .. arguments], folder, new Dictionary<string, string>(), new PrefixedConsole(Console.Error));

    /// <summary>The median, in microseconds.</summary>
    private static async Task<double> EchoesAsync(Terminal terminal, TimeSpan length)
    {
        var trips = new List<double>();
        var began = TimeProvider.System.GetTimestamp();
        while (TimeProvider.System.GetElapsedTime(began) < length)
        {
            var sent = TimeProvider.System.GetTimestamp();
            await terminal.EchoAsync();
            trips.Add(TimeProvider.System.GetElapsedTime(sent).TotalMicroseconds);
        }

        return Sample.Of(trips).Median;
    }

    /// <summary>Each has been used once, and then nothing passes.</summary>
    private static async Task<Sample> IdleAsync(Uri url, int process, string[] tokens, Plan plan)
    {
        var before = ProcessTree.Memory(process);
        var open = new Terminal[plan.IdleTerminals];
        await Parallel.ForAsync(0, open.Length, new ParallelOptions { MaxDegreeOfParallelism = 16 }, async (i, _) =>
        {
            open[i] = await Terminal.OpenAsync(url, tokens[i % tokens.Length]);
            await open[i].EchoAsync();
        });
        await Task.Delay(AtRest.Settled, TimeProvider.System);
        var each = (ProcessTree.Memory(process) - before) / 1024.0 / open.Length;
        foreach (var terminal in open)
        {
            terminal.Dispose();
        }

        return Sample.Of([each]);
    }
}
