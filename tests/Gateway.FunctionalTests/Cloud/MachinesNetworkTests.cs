using LocalCloud;
using Xunit;

namespace Gateway.FunctionalTests.Cloud;

public sealed class MachinesNetworkTests
{
    [Fact]
    public void LocalCloudsAtTheSameTime_HaveDifferentAddresses()
    {
        using var one = MachinesNetwork.Claim();
        using var other = MachinesNetwork.Claim();

        Assert.StartsWith("127.", one.Name, StringComparison.Ordinal);
        Assert.NotEqual(one.Name, other.Name);
    }
}
