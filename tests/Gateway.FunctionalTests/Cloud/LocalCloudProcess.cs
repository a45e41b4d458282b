using System.Diagnostics;
using System.Runtime.InteropServices;

namespace Gateway.FunctionalTests.Cloud;

/// <summary>The local cloud as the process that a user starts, on ports and in a folder of its own.</summary>
internal sealed class LocalCloudProcess : IDisposable
{
    public const int Terminate = 15, Kill = 9;
    private static readonly TimeSpan Limit = TimeSpan.FromSeconds(90);
    private readonly string _parent = Directory.CreateTempSubdirectory("cloud-").FullName;
    private readonly Process _process;
    private readonly Task<string> _output;
    private readonly Task<string> _error;

    public LocalCloudProcess(params (string Name, int Port)[] ports)
    {
        Folder = Path.Combine(_parent, "data");
        var start = new ProcessStartInfo("dotnet", [Path.Combine(AppContext.BaseDirectory, "LocalCloud.dll")])
        {
            RedirectStandardOutput = true, RedirectStandardError = true,
        };
        start.Environment["LOCAL_CLOUD_DATA"] = Folder;
        foreach (var name in new[] { "PublicPort", "Http2Port", "OperationsPort", "IdentityPort", "MachinesPort", "RedisPort" })
        {
            start.Environment[$"LocalCloud__{name}"] = $"{FreePorts.Take()}";
        }

        foreach (var (name, port) in ports)
        {
            start.Environment[$"LocalCloud__{name}"] = $"{port}";
        }

        _process = Process.Start(start)!;
        _output = _process.StandardOutput.ReadToEndAsync();
        _error = _process.StandardError.ReadToEndAsync();
    }

    public string Folder { get; }

    public int Id => _process.Id;

    public Task<string> OutputAsync() => _output.WaitAsync(Limit);

    public Task<string> ErrorAsync() => _error.WaitAsync(Limit);

    public void Signal(int signal) => _ = Send(_process.Id, signal);

    public async Task<int> ExitCodeAsync()
    {
        await _process.WaitForExitAsync().WaitAsync(Limit);
        return _process.ExitCode;
    }

    public void Dispose()
    {
        _process.Kill(entireProcessTree: true);
        _process.WaitForExit();
        _process.Dispose();
        Directory.Delete(_parent, recursive: true);
    }

    [DllImport("libc", EntryPoint = "kill")]
    private static extern int Send(int process, int signal);
}
