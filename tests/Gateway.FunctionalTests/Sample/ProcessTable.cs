using Xunit;

namespace Gateway.FunctionalTests.Sample;

/// <summary>What the kernel knows about processes.</summary>
internal static class ProcessTable
{
    private static readonly TimeSpan Limit = TimeSpan.FromSeconds(60);

    /// <summary>Waits until the process has ended and its parent has taken note.</summary>
    public static Task ReapedAsync(int process) => UntilAsync(() => !Directory.Exists($"/proc/{process}"), $"Process {process} is still there.");

    /// <summary>Waits until the process has ended. One whose parent ended before it may stay on as a zombie: that is up to the machine's first process.</summary>
    public static Task EndedAsync(int process) => UntilAsync(() => StateOf(process) is null or 'Z' or 'X', $"Process {process} still runs.");

    /// <summary>Waits for a child with such a command line.</summary>
    public static async Task<int> ChildAsync(int parent, Func<string, bool> command)
    {
        var found = 0;
        await UntilAsync(() => (found = ChildrenOf(parent).FirstOrDefault(child => command(CommandOf(child)))) != 0, "No such child.");
        return found;
    }

    private static IEnumerable<int> ChildrenOf(int parent) => Directory.GetDirectories($"/proc/{parent}/task")
        .SelectMany(thread => Read($"{thread}/children").Split(' ', StringSplitOptions.RemoveEmptyEntries))
        .Select(int.Parse);

    private static string CommandOf(int process) => Read($"/proc/{process}/cmdline");

    private static char? StateOf(int process)
    {
        var stat = Read($"/proc/{process}/stat");
        return stat.Length == 0 ? null : stat[stat.LastIndexOf(')') + 2];
    }

    private static string Read(string path)
    {
        try
        {
            return File.ReadAllText(path);
        }
        catch (IOException)
        {
            return "";
        }
    }

    private static async Task UntilAsync(Func<bool> condition, string otherwise)
    {
        var time = TimeProvider.System;
        for (var since = time.GetTimestamp(); !condition(); await Task.Delay(TimeSpan.FromMilliseconds(50), time))
        {
            Assert.True(time.GetElapsedTime(since) < Limit, otherwise);
        }
    }
}
