using System.ComponentModel;
using System.Diagnostics;
using System.Globalization;

namespace Gateway.FunctionalTests.Proxying.Conformance;

/// <summary>A workspace whose WebSocket is a peer of another make, in a process of its own: it answers each whole message with itself.</summary>
internal sealed class EchoingWorkspace : IAsyncDisposable
{
    private readonly Process _process;

    private EchoingWorkspace(Process process, int port)
    {
        _process = process;
        Port = port;
    }

    public int Port { get; }

    public static async Task<EchoingWorkspace> StartAsync()
    {
        try
        {
            // Debian's own Python, which has Debian's packages; its errors are of no interest, since breaking the protocol is what the test does.
            var process = Process.Start(new ProcessStartInfo("/usr/bin/python3", [Path.Combine(AppContext.BaseDirectory, "Proxying", "Conformance", "echoing_workspace.py")])
            {
                RedirectStandardOutput = true,
            })!;
            var port = await process.StandardOutput.ReadLineAsync().WaitAsync(Eventually.Limit);
            return new EchoingWorkspace(process, int.Parse(port ?? throw NotInstalled(null), CultureInfo.InvariantCulture));
        }
        catch (Win32Exception exception)
        {
            throw NotInstalled(exception);
        }
    }

    public async ValueTask DisposeAsync()
    {
        _process.Kill(entireProcessTree: true);
        await _process.WaitForExitAsync().WaitAsync(Eventually.Limit);
        _process.Dispose();
    }

    private static InvalidOperationException NotInstalled(Exception? cause) =>
        new("python3-websockets is needed for this test and is not installed: run `bash tests/run`, which installs it.", cause);
}
