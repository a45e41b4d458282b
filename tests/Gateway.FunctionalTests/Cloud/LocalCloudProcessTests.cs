using System.Net;
using System.Net.Sockets;
using Gateway.FunctionalTests.Sample;
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
        using var cloud = new LocalCloudProcess(("IdentityPort", port));

        Assert.Equal(1, await cloud.ExitCodeAsync());
        Assert.Equal($"port {port} is taken: stop what listens there or set LocalCloud__IdentityPort", (await cloud.ErrorAsync()).Trim());
        Assert.StartsWith("cloud", await cloud.OutputAsync(), StringComparison.Ordinal);
        Assert.False(Directory.Exists(cloud.Folder));
    }

    [Fact]
    public async Task Terminated_ItEndsWellAndTakesTheGatewayAlong()
    {
        using var cloud = new LocalCloudProcess();
        var gateway = await GatewayOfAsync(cloud);
        cloud.Signal(LocalCloudProcess.Terminate);

        Assert.Equal(0, await cloud.ExitCodeAsync());
        await ProcessTable.EndedAsync(gateway);
        Assert.Contains("stopping", await cloud.OutputAsync(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Killed_ItTakesTheGatewayAlong()
    {
        using var cloud = new LocalCloudProcess();
        var gateway = await GatewayOfAsync(cloud);
        cloud.Signal(LocalCloudProcess.Kill);

        await ProcessTable.EndedAsync(gateway);
    }

    // The tool that ties the gateway's life to the cloud's becomes the gateway when it has done so.
    private static Task<int> GatewayOfAsync(LocalCloudProcess cloud) => ProcessTable.ChildAsync(
        cloud.Id,
        command => command.Contains("Gateway.dll", StringComparison.Ordinal) && !command.Contains("pdeathsig", StringComparison.Ordinal));
}
