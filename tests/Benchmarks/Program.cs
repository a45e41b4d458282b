using System.Globalization;
using Benchmarks;

if (args is [PlainYarp.Mode, var port, var operationsPort, var backend])
{
    return await PlainYarp.RunAsync(int.Parse(port, CultureInfo.InvariantCulture), int.Parse(operationsPort, CultureInfo.InvariantCulture), backend);
}

const string Against = "--against=";
const string Load = "--load=";
if (args is [EchoBackend.Mode, var echoPort])
{
    return await EchoBackend.RunAsync(int.Parse(echoPort, CultureInfo.InvariantCulture));
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
    var rows = new List<Row>([.. await Terminals.TakeAsync(plan), .. await AtRest.TakeAsync(plan)]);
    await using var peers = await Peers.StartAsync(work, against);
    rows.InsertRange(0, [.. await SmallRequests.CpuAsync(peers, plan), .. await SmallRequests.LatencyAsync(peers, plan), .. await SmallRequests.AllocationAsync(peers, plan)]);
    await Report.WriteAsync(output, peers, rows);
    Console.WriteLine(Report.Markdown(peers, rows));
    Console.WriteLine($"In {output}: benchmarks.md, benchmarks.json, benchmarks.svg");
    return 0;
}
finally
{
    Directory.Delete(work, recursive: true);
}
