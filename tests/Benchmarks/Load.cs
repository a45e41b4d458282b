using System.Diagnostics;
using System.Globalization;
using System.Text;
using System.Text.RegularExpressions;

namespace Benchmarks;

/// <summary>What one run of the load generator saw.</summary>
internal sealed record LoadResult(long Requests, double CpuSeconds, TimeSpan Median, TimeSpan P99)
{
    public double CpuMicroseconds => CpuSeconds * 1e6 / Requests;
}

/// <summary>wrk over keep-alive connections, each request with the credential of a user drawn from a file; a wrong answer ends the benchmark.</summary>
internal static partial class Load
{
    /// <summary>Every user's request is made before the run, so that what is drawn costs the generator the same for all peers. wrk counts the statuses.</summary>
    private const string Script =
        """
        local requests = {}
        function init(args)
          for line in io.lines(args[1]) do
            local name, credential = line:match("^([^:]+): (.+)$")
            requests[#requests + 1] = wrk.format("GET", args[3], { ["Host"] = wrk.host .. ":" .. wrk.port, [name] = credential, ["Accept"] = "application/json", ["Connection"] = args[4] })
          end
          math.randomseed(tonumber(args[2]))
        end
        function request()
          return requests[math.random(#requests)]
        end
        """;

    private const int MostWarmUps = 10;

    /// <param name="peer">Whom.</param>
    /// <param name="connections">How many at once.</param>
    /// <param name="length">How long, in whole seconds.</param>
    /// <param name="folder">For the generator's script.</param>
    /// <param name="seed">Which users are drawn.</param>
    /// <param name="path">What is asked for.</param>
    /// <param name="keep">Connections are kept; otherwise each request has one of its own.</param>
    public static async Task<LoadResult> RunAsync(Peer peer, int connections, TimeSpan length, string folder, int seed, string path = "/small", bool keep = true)
    {
        var script = Path.Combine(folder, "load.lua");
        if (!File.Exists(script))
        {
            await File.WriteAllTextAsync(script, Script);
        }

        string[] arguments =
        [
            "-t", "1", "-c", connections.ToString(CultureInfo.InvariantCulture), "-d", string.Create(CultureInfo.InvariantCulture, $"{Math.Max(1, (int)length.TotalSeconds)}s"),
            "--timeout", "30s", "--latency", "-s", script, peer.Url, "--", peer.CredentialsFile, seed.ToString(CultureInfo.InvariantCulture), path, keep ? "keep-alive" : "close",
        ];
        var before = ProcessTree.CpuSeconds(peer.Processes);
        var text = await Command.RunAsync("wrk", arguments);
        var spent = ProcessTree.CpuSeconds(peer.Processes) - before;
        if (text.Contains("Non-2xx", StringComparison.Ordinal) || text.Contains("Socket errors", StringComparison.Ordinal))
        {
            throw new InvalidOperationException($"{peer.Name} gave wrong answers:\n{text}");
        }

        return new LoadResult(long.Parse(Total().Match(text).Groups[1].Value, CultureInfo.InvariantCulture), spent, Percentile(text, "50%"), Percentile(text, "99%"));
    }

    /// <summary>Runs until they are no longer cheaper than those before: code is compiled again and again while it runs, and on a slow machine for long.</summary>
    public static async Task WarmUpAsync(Peer peer, int connections, Plan plan)
    {
        var cheapest = double.MaxValue;
        for (var run = 0; run < MostWarmUps; run++)
        {
            var cost = (await RunAsync(peer, connections, plan.WarmUp, plan.Folder, 0)).CpuMicroseconds;
            if (cost > cheapest * 0.95)
            {
                return;
            }

            cheapest = cost;
        }
    }

    /// <summary>The same over HTTP/2 without TLS, with one user and streams at once on each connection.</summary>
    public static async Task<LoadResult> RunHttp2Async(Peer peer, int connections, int streams, TimeSpan length)
    {
        var credential = File.ReadLines(peer.CredentialsFile).First();
        string[] arguments =
        [
            "-c", connections.ToString(CultureInfo.InvariantCulture), "-m", streams.ToString(CultureInfo.InvariantCulture), "-D", ((int)length.TotalSeconds).ToString(CultureInfo.InvariantCulture),
            "-H", credential, "-H", "Accept: application/json", peer.Http2Url + "/small",
        ];
        var before = ProcessTree.CpuSeconds(peer.Processes);
        var text = await Command.RunAsync("h2load", arguments);
        var spent = ProcessTree.CpuSeconds(peer.Processes) - before;
        var done = Http2Total().Match(text);
        if (!done.Success || done.Groups[1].Value == "0" || Http2Wrong().IsMatch(text))
        {
            throw new InvalidOperationException($"{peer.Name} gave wrong answers over HTTP/2:\n{text}");
        }

        return new LoadResult(long.Parse(done.Groups[1].Value, CultureInfo.InvariantCulture), spent, default, default);
    }

    private static TimeSpan Percentile(string text, string name)
    {
        var match = Regex.Match(text, $@"^\s+{name}\s+([0-9.]+)(us|ms|s)", RegexOptions.Multiline);
        var value = double.Parse(match.Groups[1].Value, CultureInfo.InvariantCulture);
        return match.Groups[2].Value switch { "us" => TimeSpan.FromMicroseconds(value), "ms" => TimeSpan.FromMilliseconds(value), _ => TimeSpan.FromSeconds(value) };
    }

    [GeneratedRegex(@"status codes: (\d+) 2xx")]
    private static partial Regex Http2Total();

    [GeneratedRegex(@"[1-9]\d* (3xx|4xx|5xx|failed|errored)")]
    private static partial Regex Http2Wrong();

    [GeneratedRegex(@"(\d+) requests in")]
    private static partial Regex Total();
}

/// <summary>A program that is run to its end.</summary>
internal static class Command
{
    public static async Task<string> RunAsync(string program, params string[] arguments)
    {
        using var process = Process.Start(new ProcessStartInfo(program, arguments) { RedirectStandardOutput = true, RedirectStandardError = true })!;
        var (output, error) = (process.StandardOutput.ReadToEndAsync(), process.StandardError.ReadToEndAsync());
        await process.WaitForExitAsync();
        return process.ExitCode == 0 ? await output : throw new InvalidOperationException(new StringBuilder().Append(program).Append(" failed: ").Append(await error).Append(await output).ToString());
    }
}
