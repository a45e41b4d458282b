using Gateway.Identity;
using Xunit;

namespace Gateway.Tests.Identity;

public sealed class IdentityCookiesTests
{
    [Theory]
    [InlineData("gateway", true)]
    [InlineData("__Host-gateway", true)]
    [InlineData("gateway.sign-in.abc", true)]
    [InlineData("gateway.nonce.abc", true)]
    [InlineData("gateway.console", true)]
    [InlineData("__Host-gateway.console", true)]
    [InlineData("gateways", false)]
    [InlineData("__Host-gate", false)]
    [InlineData("my-gateway", false)]
    [InlineData("GATEWAY", true)]
    [InlineData("__host-Gateway", true)]
    [InlineData("session", false)]
    public void Cookie_IsOursByName(string name, bool expected) => Assert.Equal(expected, IdentityCookies.IsOurs(name));
}
