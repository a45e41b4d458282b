using System.Globalization;

namespace Benchmarks;

/// <summary>A process and all that it started, as the kernel accounts for them.</summary>
internal static class ProcessTree
{
    // USER_HZ, which /proc counts in on every Linux.
    private const double TicksPerSecond = 100;

    /// <summary>Seconds of CPU, in user mode and in the kernel, of all of them together.</summary>
    public static double CpuSeconds(IEnumerable<int> roots)
    {
        var all = Directory.GetDirectories("/proc").Select(static folder => Path.GetFileName(folder)).Where(static name => int.TryParse(name, out _)).Select(Read).OfType<Row>().ToList();
        var wanted = roots.ToHashSet();
        while (all.Any(row => wanted.Contains(row.Parent) && wanted.Add(row.Id)))
        {
        }

        return all.Where(row => wanted.Contains(row.Id)).Sum(static row => row.Ticks) / TicksPerSecond;
    }

    /// <summary>Anonymous and shared memory, in bytes: what nobody else could be using the pages of.</summary>
    public static long Memory(int process) =>
        File.ReadLines($"/proc/{process}/status")
            .Where(static line => line.StartsWith("RssAnon:", StringComparison.Ordinal) || line.StartsWith("RssShmem:", StringComparison.Ordinal))
            .Sum(static line => long.Parse(line.Split([' ', '\t'], StringSplitOptions.RemoveEmptyEntries)[1], CultureInfo.InvariantCulture) * 1024);

    private static Row? Read(string process)
    {
        try
        {
            // The name, in parentheses, may hold anything.
            var text = File.ReadAllText($"/proc/{process}/stat");
            var fields = text[(text.LastIndexOf(')') + 2)..].Split(' ');
            return new Row(int.Parse(process, CultureInfo.InvariantCulture), int.Parse(fields[1], CultureInfo.InvariantCulture), long.Parse(fields[11], CultureInfo.InvariantCulture) + long.Parse(fields[12], CultureInfo.InvariantCulture));
        }
        catch (IOException)
        {
            // It has ended.
            return null;
        }
    }

    private sealed record Row(int Id, int Parent, long Ticks);
}
