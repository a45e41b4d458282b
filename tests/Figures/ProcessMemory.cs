using System.Globalization;

namespace Figures;

/// <summary>The anonymous memory of a process, and the most of it while this watches.</summary>
internal sealed class ProcessMemory : IAsyncDisposable
{
    private static readonly TimeSpan Every = TimeSpan.FromMilliseconds(20);

    private readonly int _process;
    private readonly CancellationTokenSource _end = new();
    private readonly Task _watching;

    private ProcessMemory(int process)
    {
        _process = process;
        Before = Peak = Read(process);
        _watching = WatchAsync();
    }

    public long Before { get; }

    public long Peak { get; private set; }

    public long Growth => Peak - Before;

    public long Now => Read(_process) - Before;

    public static ProcessMemory Watch(int process) => new(process);

    /// <summary>Until it has hardly changed for a while, so that what came before is not counted.</summary>
    public static async Task SettleAsync(int process)
    {
        for (var (quiet, last) = (0, Read(process)); quiet < 3;)
        {
            await Task.Delay(TimeSpan.FromSeconds(1), TimeProvider.System);
            var now = Read(process);
            quiet = Math.Abs(now - last) < 1024 * 1024 ? quiet + 1 : 0;
            last = now;
        }
    }

    public async ValueTask DisposeAsync()
    {
        _end.Cancel();
        await Task.WhenAny(_watching);
        _end.Dispose();
    }

    private async Task WatchAsync()
    {
        while (!_end.IsCancellationRequested)
        {
            Peak = Math.Max(Peak, Read(_process));
            await Task.Delay(Every, TimeProvider.System, _end.Token);
        }
    }

    private static long Read(int process)
    {
        foreach (var line in File.ReadLines($"/proc/{process}/status"))
        {
            if (line.StartsWith("RssAnon:", StringComparison.Ordinal))
            {
                return long.Parse(line["RssAnon:".Length..].Replace("kB", "", StringComparison.Ordinal), NumberStyles.AllowLeadingWhite | NumberStyles.AllowTrailingWhite, CultureInfo.InvariantCulture) * 1024;
            }
        }

        throw new InvalidOperationException($"Process {process} does not tell its memory.");
    }
}
