using System.Net;
using System.Net.NetworkInformation;
using Gateway.Proxying;
using Microsoft.Extensions.Options;
using Xunit;

namespace Gateway.Tests.Proxying;

public sealed class AllowedDestinationsTests
{
    [Theory]
    [InlineData("fdaa:0:1:a7b::2", true)]
    [InlineData("fdaa:ffff::1", true)]
    [InlineData("fdab::1", false)]
    [InlineData("::1", false)]
    [InlineData("::", false)]
    [InlineData("127.0.0.1", false)]
    [InlineData("169.254.169.254", false)]
    [InlineData("10.0.0.1", false)]
    [InlineData("::ffff:169.254.169.254", false)]
    [InlineData("2001:db8::1", false)]
    [InlineData("fe80::1", false)]
    public void ByDefault_OnlyThePlatformsPrivateNetworkIsDialled(string address, bool allowed) =>
        Assert.Equal(allowed, Destinations(new ProxyingOptions()).Allow(new IPEndPoint(IPAddress.Parse(address), 10000)));

    [Fact]
    public void SeveralNetworks_AreAllAllowed_AlsoThroughMappedAddresses()
    {
        var destinations = Destinations(new ProxyingOptions { AllowedNetworks = "fdaa::/16, 127.0.0.0/8" });

        Assert.True(destinations.Allow(IPEndPoint.Parse("127.77.0.1:10000")));
        Assert.True(destinations.Allow(IPEndPoint.Parse("[::ffff:127.77.0.1]:10000")));
        Assert.True(destinations.Allow(IPEndPoint.Parse("[fdaa::9]:10000")));
    }

    [Fact]
    public void OurOwnAddress_IsNoDestination()
    {
        var own = NetworkInterface.GetAllNetworkInterfaces().SelectMany(static one => one.GetIPProperties().UnicastAddresses)
            .Select(static one => one.Address).Where(static address => !IPAddress.IsLoopback(address)).ToList();
        var destinations = Destinations(new ProxyingOptions { AllowedNetworks = "0.0.0.0/0 ::/0" });

        Assert.All(own, address => Assert.False(destinations.Allow(new IPEndPoint(new IPAddress(address.GetAddressBytes()), 10000))));
        Assert.True(destinations.Allow(IPEndPoint.Parse("192.0.2.1:10000")));
    }

    [Theory]
    [InlineData("")]
    [InlineData("fdaa::")]
    [InlineData("fdaa::/16;127.0.0.0/8")]
    [InlineData("everything")]
    public void UnusableNetworks_AreAFaultOfTheSetting(string networks)
    {
        var result = new ProxyingOptionsValidation().Validate(null, new ProxyingOptions { AllowedNetworks = networks });

        Assert.Contains("Proxying:AllowedNetworks", Assert.Single(result.Failures!), StringComparison.Ordinal);
    }

    private static AllowedDestinations Destinations(ProxyingOptions options) => new(Options.Create(options), new PublicListener(Options.Create(options)));
}
