using System.Collections.Concurrent;
using System.Globalization;

namespace SampleWorkspace.Terminal;

/// <summary>
/// What was started in terminals and outlives them, as <c>nohup</c> lets it, ends with the machine. A real machine sees to that itself; a simulated one
/// is just this process.
/// </summary>
internal sealed class ShellSessions
{
    private readonly ConcurrentDictionary<int, byte> _leaders = [];

    public ShellSessions(IHostApplicationLifetime lifetime) => lifetime.ApplicationStopped.Register(EndAll);

    public void Add(Pty pty) => _leaders.TryAdd(pty.Process, 0);

    private void EndAll()
    {
        foreach (var folder in _leaders.IsEmpty ? [] : Directory.EnumerateDirectories("/proc"))
        {
            if (int.TryParse(Path.GetFileName(folder), NumberStyles.None, CultureInfo.InvariantCulture, out var process)
                && SessionOf(folder) is { } session && _leaders.ContainsKey(session)
                && !Directory.Exists($"/proc/{session}")) // the shells have ended: one of this number now is somebody else's
            {
                _ = PtyNative.Signal(process, PtyNative.Kill);
            }
        }
    }

    // pid (name) state parent group session ...; the name may hold anything, closing brackets too.
    private static int? SessionOf(string folder)
    {
        try
        {
            var stat = File.ReadAllText(Path.Combine(folder, "stat"));
            return int.Parse(stat[(stat.LastIndexOf(')') + 2)..].Split(' ')[3], CultureInfo.InvariantCulture);
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            return null;
        }
    }
}
