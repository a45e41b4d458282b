using System.Globalization;
using Benchmarks;
using Benchmarks.Allocations;

if (args is [PlainYarp.Mode, var port, var operationsPort, var http2Port, var backend])
{
    return await PlainYarp.RunAsync(int.Parse(port, CultureInfo.InvariantCulture), int.Parse(operationsPort, CultureInfo.InvariantCulture), int.Parse(http2Port, CultureInfo.InvariantCulture), backend);
}

const string Against = "--against=";
const string Load = "--load=";
const string Suite = "--suite=";
if (args is [EchoBackend.Mode, var echoPort])
{
    return await EchoBackend.RunAsync(int.Parse(echoPort, CultureInfo.InvariantCulture));
}

if (args is ["--allocations", .. var written])
{
    return await AllocationBaseline.RunAsync(Path.GetFullPath(written.FirstOrDefault() ?? "tests/Benchmarks/Allocations/allocations.json"));
}

var output = Path.GetFullPath(args.FirstOrDefault(static argument => !argument.StartsWith('-')) ?? "benchmarks");
var against = Array.Find(args, static argument => argument.StartsWith(Against, StringComparison.Ordinal))?[Against.Length..];
Directory.CreateDirectory(output);
// Configurations and credentials of this run are nobody's to keep.
var work = Directory.CreateTempSubdirectory("benchmarks-").FullName;
try
{
    if (Array.Find(args, static argument => argument.StartsWith(Load, StringComparison.Ordinal)) is { } load)
    {
        return await UnderLoad.RunAsync(load[Load.Length..], work);
    }

    var plan = args.Contains("--quick") ? Plan.Quick(work) : Plan.Whole(work);
    var rows = new List<Row>();
    if (Array.Find(args, static argument => argument.StartsWith(Suite, StringComparison.Ordinal)) is { } one)
    {
        rows.AddRange(one[Suite.Length..] switch
        {
            "small" => await WithPeersAsync(async static (peers, plan) => [.. await SmallRequests.CpuAsync(peers, plan), .. await SmallRequests.LatencyAsync(peers, plan)]),
            "terminals" => await Terminals.TakeAsync(plan),
            "many-users" => await ManyUsers.TakeAsync(plan),
            "propagation" => await Changes.PropagationAsync(plan),
            "at-rest" => await AtRest.TakeAsync(plan),
            "changes" => await WithPeersAsync(Changes.CostAsync),
            "others" => await WithPeersAsync(SmallRequests.OthersAsync),
            _ => throw new ArgumentException("A suite is one of small, terminals, many-users, propagation, at-rest, changes, others."),
        });
        Console.WriteLine(Report.Table(rows));
        return 0;
    }

    rows.AddRange([.. await Terminals.TakeAsync(plan), .. await ManyUsers.TakeAsync(plan), .. await Changes.PropagationAsync(plan), .. await AtRest.TakeAsync(plan)]);
    await using var peers = await Peers.StartAsync(work, against);
    rows.InsertRange(0, [.. await SmallRequests.CpuAsync(peers, plan), .. await SmallRequests.LatencyAsync(peers, plan), .. await SmallRequests.AllocationAsync(peers, plan), .. await Changes.CostAsync(peers, plan), .. await SmallRequests.OthersAsync(peers, plan)]);
    await Report.WriteAsync(output, peers, rows);
    Console.WriteLine(Report.Markdown(peers, rows));
    Console.WriteLine($"In {output}: benchmarks.md, benchmarks.json, benchmarks.svg");
    return 0;

    async Task<IReadOnlyList<Row>> WithPeersAsync(Func<Peers, Plan, Task<IReadOnlyList<Row>>> takeAsync)
    {
        await using var peers = await Peers.StartAsync(work, "none");
        return await takeAsync(peers, plan);
    }
}
finally
{
    Directory.Delete(work, recursive: true);
}
