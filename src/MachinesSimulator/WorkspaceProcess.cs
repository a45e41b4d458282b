using System.Collections.Concurrent;
using System.Diagnostics;
using System.Net;
using System.Net.Sockets;
using System.Runtime.InteropServices;

namespace MachinesSimulator;

/// <summary>The real process of one boot of one machine, in a process group of its own.</summary>
internal sealed partial class WorkspaceProcess : IAsyncDisposable
{
    private const int Kill9 = 9;
    private const int Terminate = 15;
    private const int Continue = 18;
    private const int Stop = 19;

    private static readonly PortRange Listening = new(30_000, 2_500);

    private readonly Process _process;
    private readonly int _group;

    private WorkspaceProcess(Process process, IPEndPoint listens) => (_process, _group, Listens) = (process, process.Id, listens);

    /// <summary>Where the process was told to listen.</summary>
    public IPEndPoint Listens { get; }

    public int Id => _group;

    public Task Exited => _process.WaitForExitAsync();

    public int ExitCode => _process.HasExited ? _process.ExitCode : 0;

    public static async Task<WorkspaceProcess> StartAsync(ImageCommand image, IReadOnlyDictionary<string, string> environment, Action<string>? log)
    {
        var port = Listening.Take();
        var start = new ProcessStartInfo("setsid") { RedirectStandardOutput = true, RedirectStandardError = true, RedirectStandardInput = true, UseShellExecute = false };
        // Both replace themselves by what follows, so the process we hold is the workspace's own, and the leader of its group.
        foreach (var word in new[] { "setpriv", "--pdeathsig", "KILL", "--", image.Program }.Concat(image.Arguments))
        {
            start.ArgumentList.Add(word);
        }

        foreach (var (name, value) in environment)
        {
            start.Environment[name] = value;
        }

        foreach (var name in new[] { "ASPNETCORE_URLS", "ASPNETCORE_HTTP_PORTS", "DOTNET_URLS" })
        {
            start.Environment.Remove(name);
        }

        start.Environment["SIMULATOR_LISTEN"] = $"127.0.0.1:{port}";
        var process = await Spawner.StartAsync(start);
        process.StandardInput.Close();
        process.OutputDataReceived += (_, line) => Say(line.Data);
        process.ErrorDataReceived += (_, line) => Say(line.Data);
        process.BeginOutputReadLine();
        process.BeginErrorReadLine();
        return new WorkspaceProcess(process, new IPEndPoint(IPAddress.Loopback, port));

        void Say(string? line)
        {
            if (line is not null)
            {
                log?.Invoke(line);
            }
        }
    }

    /// <summary>Whether it takes connections yet.</summary>
    public async Task<bool> ListensAsync()
    {
        using var socket = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        try
        {
            await socket.ConnectAsync(Listens);
            return true;
        }
        catch (SocketException)
        {
            return false;
        }
    }

    public void Freeze() => Signal(Stop);

    public void Thaw() => Signal(Continue);

    public void Kill() => Signal(Kill9);

    /// <summary>Asks it to end, and ends it when it did not.</summary>
    public async Task StopAsync(TimeSpan grace, TimeProvider time)
    {
        Signal(Terminate);
        Signal(Continue);
        try
        {
            await _process.WaitForExitAsync().WaitAsync(grace, time);
        }
        catch (TimeoutException)
        {
            // The rest of the group is ended below, with the process itself.
        }

        Signal(Kill9);
        await _process.WaitForExitAsync();
    }

    public async ValueTask DisposeAsync()
    {
        Signal(Kill9);
        await _process.WaitForExitAsync();
        _process.Dispose();
    }

    /// <summary>To the whole group; children of a process that has ended are still in it.</summary>
    private void Signal(int signal) => _ = SendSignal(-_group, signal);

    [LibraryImport("libc", EntryPoint = "kill", SetLastError = true)]
    private static partial int SendSignal(int process, int signal);

    /// <summary>
    /// Starts processes on one thread that never ends: the kernel sends the death signal when the thread that started a process ends, not when its process does.
    /// </summary>
    private static class Spawner
    {
        private static readonly BlockingCollection<(ProcessStartInfo Start, TaskCompletionSource<Process> Started)> Requests = [];

        static Spawner() => new Thread(Run) { IsBackground = true, Name = "spawner" }.Start();

        public static Task<Process> StartAsync(ProcessStartInfo start)
        {
            var started = new TaskCompletionSource<Process>(TaskCreationOptions.RunContinuationsAsynchronously);
            Requests.Add((start, started));
            return started.Task;
        }

        private static void Run()
        {
            foreach (var (start, started) in Requests.GetConsumingEnumerable())
            {
                try
                {
                    started.SetResult(Process.Start(start) ?? throw new InvalidOperationException("The workspace's process did not start."));
                }
                catch (Exception exception) when (exception is InvalidOperationException or System.ComponentModel.Win32Exception)
                {
                    started.SetException(exception);
                }
            }
        }
    }
}
