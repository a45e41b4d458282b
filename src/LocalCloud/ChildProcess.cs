using System.Diagnostics;
using System.Runtime.InteropServices;

namespace LocalCloud;

/// <summary>A program of its own that lives no longer than this one, however this one ends.</summary>
internal sealed partial class ChildProcess : IAsyncDisposable
{
    private const int Terminate = 15;
    private static readonly TimeSpan Grace = TimeSpan.FromSeconds(20);
    private static readonly string[] DeathSignalTools = ["/usr/bin/setpriv", "/bin/setpriv"];

    private readonly Process _process;
    private readonly TaskCompletionSource<int> _exited = new(TaskCreationOptions.RunContinuationsAsynchronously);

    private ChildProcess(Process process) => _process = process;

    public int Id => _process.Id;

    /// <summary>Its exit code, once it has ended.</summary>
    public Task<int> Exited => _exited.Task;

    public static async Task<ChildProcess> StartAsync(
        string part, IReadOnlyList<string> command, string folder, IReadOnlyDictionary<string, string> environment, PrefixedConsole console)
    {
        string[] whole = Array.Find(DeathSignalTools, File.Exists) is { } tool ? [tool, "--pdeathsig", "KILL", "--", .. command] : [.. command];
        var start = new ProcessStartInfo(whole[0], whole[1..])
        {
            WorkingDirectory = folder, RedirectStandardInput = true, RedirectStandardOutput = true, RedirectStandardError = true,
        };
        foreach (var (name, value) in environment)
        {
            start.Environment[name] = value;
        }

        // Meant for this process, if set at all; they would give the child listeners of their own.
        foreach (var name in new[] { "ASPNETCORE_URLS", "ASPNETCORE_HTTP_PORTS", "DOTNET_URLS" })
        {
            start.Environment.Remove(name);
        }

        var child = new ChildProcess(new Process { StartInfo = start });
        child._process.OutputDataReceived += (_, line) => Say(console, part, line.Data);
        child._process.ErrorDataReceived += (_, line) => Say(console, part, line.Data);
        var started = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);

        // The death signal is sent when the thread that started the child ends, not the process: so that thread waits for the child.
        new Thread(() => child.Run(started)) { IsBackground = true, Name = part }.Start();
        await started.Task;
        return child;
    }

    public async ValueTask DisposeAsync()
    {
        if (!Exited.IsCompleted)
        {
            _ = Signal(_process.Id, Terminate);
            await Task.WhenAny(Exited, Task.Delay(Grace, TimeProvider.System));
            if (!Exited.IsCompleted)
            {
                _process.Kill(entireProcessTree: true);
                await Exited;
            }
        }

        _process.Dispose();
    }

    private void Run(TaskCompletionSource started)
    {
        try
        {
            _process.Start();
            _process.StandardInput.Close();
            _process.BeginOutputReadLine();
            _process.BeginErrorReadLine();
        }
        catch (Exception exception)
        {
            started.SetException(exception);
            return;
        }

        started.SetResult();
        _process.WaitForExit();
        _exited.SetResult(_process.ExitCode);
    }

    private static void Say(PrefixedConsole console, string part, string? line)
    {
        if (!string.IsNullOrEmpty(line))
        {
            console.Say(part, line);
        }
    }

    [LibraryImport("libc", EntryPoint = "kill", SetLastError = true)]
    private static partial int Signal(int process, int signal);
}
