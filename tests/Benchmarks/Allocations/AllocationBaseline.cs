using System.Globalization;
using System.Text.Json;
using BenchmarkDotNet.Columns;
using BenchmarkDotNet.Configs;
using BenchmarkDotNet.Jobs;
using BenchmarkDotNet.Loggers;
using BenchmarkDotNet.Reports;
using BenchmarkDotNet.Running;
using BenchmarkDotNet.Toolchains.InProcess.NoEmit;

namespace Benchmarks.Allocations;

/// <summary>What the chain allocates, against what is written down beside this file; times are another machine's tomorrow, bytes are not.</summary>
internal static class AllocationBaseline
{
    private const string Update = "UPDATE_ALLOCATIONS";

    /// <summary>What the process does beside the benchmark falls into it too.</summary>
    private const double Tolerance = 0.05;

    private static readonly JsonSerializerOptions Readable = new() { WriteIndented = true };

    /// <param name="file">The figures written down: name and bytes. Written anew where <c>UPDATE_ALLOCATIONS=1</c> is set.</param>
    /// <returns>0: none is above; 1 otherwise.</returns>
    public static async Task<int> RunAsync(string file)
    {
        var measured = Measure();
        if (Environment.GetEnvironmentVariable(Update) == "1")
        {
            await File.WriteAllTextAsync(file, JsonSerializer.Serialize(measured, Readable) + "\n");
        }

        var written = JsonSerializer.Deserialize<Dictionary<string, long>>(await File.ReadAllTextAsync(file))!;
        var failed = false;
        Console.WriteLine("| bytes allocated | measured | written down | |");
        Console.WriteLine("|---|---|---|---|");
        foreach (var (name, bytes) in measured)
        {
            var known = written.TryGetValue(name, out var most);
            var above = !known || bytes > most + Math.Max(16, most * Tolerance);
            failed |= above;
            Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"| {name} | {bytes} | {(known ? most.ToString(CultureInfo.InvariantCulture) : "nothing")} | {(above ? "ABOVE" : "")} |"));
        }

        if (failed)
        {
            Console.WriteLine($"More than is written down in {file}. If that is meant, run it again with {Update}=1.");
        }

        return failed ? 1 : 0;
    }

    private static Dictionary<string, long> Measure()
    {
        var request = Run<WarmRequest>(4096);
        var wake = Run<HeldWake>(4);
        return new()
        {
            ["warm request, the gateway's own"] = Bytes(request, nameof(WarmRequest.Pipeline)) - Bytes(request, nameof(WarmRequest.Bare)),
            ["each further request held for a wake"] = (Bytes(wake, nameof(HeldWake.Thousand)) - Bytes(wake, nameof(HeldWake.One))) / (HeldWake.Requests - 1),
        };
    }

    private static Summary Run<T>(int invocations)
    {
        // In this process: what is compared is allocations, which need no process of their own.
        var job = Job.Default.WithToolchain(InProcessNoEmitToolchain.Instance).WithWarmupCount(2).WithIterationCount(3).WithInvocationCount(invocations).WithUnrollFactor(4);
        var config = ManualConfig.CreateEmpty().AddJob(job).AddLogger(ConsoleLogger.Default).AddColumnProvider(DefaultColumnProviders.Instance)
            .WithArtifactsPath(Path.Combine(Path.GetTempPath(), "gateway-allocations")).WithOptions(ConfigOptions.DisableLogFile);
        return BenchmarkRunner.Run<T>(config);
    }

    private static long Bytes(Summary summary, string benchmark) =>
        summary.Reports.Single(report => report.BenchmarkCase.Descriptor.WorkloadMethod.Name == benchmark) is { Success: true } report
            ? report.GcStats.GetBytesAllocatedPerOperation(report.BenchmarkCase) ?? throw new InvalidOperationException($"{benchmark} has no figure.")
            : throw new InvalidOperationException($"{benchmark} failed.");
}
