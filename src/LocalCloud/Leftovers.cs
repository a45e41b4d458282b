using System.Globalization;
using System.Runtime.InteropServices;
using System.Text;

namespace LocalCloud;

/// <summary>
/// Ends what was started from within the local cloud and belongs to nobody any more, such as a job that a user left behind in a terminal. All that is
/// started inherits a variable naming the data folder, which finds it whatever became of its parents.
/// </summary>
internal sealed partial class Leftovers(string folder) : IDisposable
{
    public const string Variable = "LOCAL_CLOUD_PROCESS_OF";
    private const int Kill = 9;

    /// <summary>Marks what this process starts from now on, and ends what is left of a local cloud that was killed.</summary>
    public static Leftovers Mark(string folder)
    {
        End(folder);
        Environment.SetEnvironmentVariable(Variable, folder);
        return new Leftovers(folder);
    }

    public void Dispose() => End(folder);

    public static void End(string folder)
    {
        var mark = Encoding.UTF8.GetBytes($"{Variable}={folder}\0");
        foreach (var process in Directory.EnumerateDirectories("/proc"))
        {
            if (int.TryParse(Path.GetFileName(process), NumberStyles.None, CultureInfo.InvariantCulture, out var id)
                && id != Environment.ProcessId && Carries(process, mark))
            {
                _ = Signal(id, Kill);
            }
        }
    }

    private static bool Carries(string process, byte[] mark)
    {
        try
        {
            return File.ReadAllBytes(Path.Combine(process, "environ")).AsSpan().IndexOf(mark) >= 0;
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            // Ended meanwhile, or somebody else's.
            return false;
        }
    }

    [LibraryImport("libc", EntryPoint = "kill", SetLastError = true)]
    private static partial int Signal(int process, int signal);
}
