using System.Net;
using System.Net.Sockets;
using LocalCloud;
using Xunit;

namespace Gateway.FunctionalTests.Cloud;

public sealed class PortsTests
{
    [Fact]
    public void TakenPorts_AreAllNamed_WithTheSettingsThatMoveThem()
    {
        using var first = Listen();
        using var second = Listen();
        var free = FreePorts.Take(4);
        var options = new LocalCloudOptions
        {
            IdentityPort = Port(first), RedisPort = Port(second), PublicPort = free[0], Http2Port = free[1], OperationsPort = free[2], MachinesPort = free[3],
        };

        var fault = Assert.Throws<LocalCloudException>(() => Ports.Require(options));
        Assert.Contains($"port {Port(first)} is taken: stop what listens there or set LocalCloud__IdentityPort", fault.Message, StringComparison.Ordinal);
        Assert.Contains($"port {Port(second)} is taken: stop what listens there or set LocalCloud__RedisPort", fault.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void RedisPort_DoesNotMatter_WhenThereIsARedisAlready()
    {
        using var taken = Listen();
        var free = FreePorts.Take(5);
        var options = new LocalCloudOptions
        {
            RedisUrl = "redis://localhost", RedisPort = Port(taken),
            IdentityPort = free[0], PublicPort = free[1], Http2Port = free[2], OperationsPort = free[3], MachinesPort = free[4],
        };

        Ports.Require(options);
    }

    [Fact]
    public void Folder_IsOneLocalCloudsAtATime()
    {
        var folder = Directory.CreateTempSubdirectory("cloud-").FullName;
        using (FolderLock.Take(folder))
        {
            Assert.Contains("LOCAL_CLOUD_DATA", Assert.Throws<LocalCloudException>(() => FolderLock.Take(folder)).Message, StringComparison.Ordinal);
        }

        FolderLock.Take(folder).Dispose();
        Directory.Delete(folder, recursive: true);
    }

    private static TcpListener Listen()
    {
        var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        return listener;
    }

    private static int Port(TcpListener listener) => ((IPEndPoint)listener.LocalEndpoint).Port;
}
