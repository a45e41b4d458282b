using System.Diagnostics;
using System.Net;
using System.Net.Sockets;
using Xunit;

namespace Gateway.FunctionalTests.Cloud;

public sealed class LocalCloudProcessTests
{
    [Fact]
    public async Task TakenPort_EndsTheProgramWithAClearErrorBeforeAnythingStarted()
    {
        using var taken = new TcpListener(IPAddress.Loopback, 0);
        taken.Start();
        var port = ((IPEndPoint)taken.LocalEndpoint).Port;
        var folder = Path.Combine(Path.GetTempPath(), $"cloud-{Guid.NewGuid():N}");
        var start = new ProcessStartInfo("dotnet", [Path.Combine(AppContext.BaseDirectory, "LocalCloud.dll")])
        {
            RedirectStandardOutput = true, RedirectStandardError = true,
        };
        start.Environment["LOCAL_CLOUD_DATA"] = folder;
        start.Environment["LocalCloud__IdentityPort"] = $"{port}";

        using var process = Process.Start(start)!;
        var output = process.StandardOutput.ReadToEndAsync();
        var error = await process.StandardError.ReadToEndAsync().WaitAsync(TimeSpan.FromSeconds(60));
        await process.WaitForExitAsync().WaitAsync(TimeSpan.FromSeconds(60));

        Assert.Contains($"port {port} is taken: stop what listens there or set LocalCloud__IdentityPort", error, StringComparison.Ordinal);
        Assert.Equal(1, process.ExitCode);
        Assert.StartsWith("cloud", await output, StringComparison.Ordinal);
        Assert.False(Directory.Exists(folder));
    }
}
