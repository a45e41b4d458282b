using Gateway.Proxying;
using Microsoft.AspNetCore.Http;
using Xunit;

namespace Gateway.Tests.Proxying;

public sealed class HopHeadersTests
{
    [Theory]
    [InlineData("X-Forwarded-User")]
    [InlineData("x-forwarded-access-token")]
    [InlineData("X_Forwarded_User")]
    [InlineData("X-Forwarded_For")]
    [InlineData("X-Auth-Request-Email")]
    [InlineData("Remote-User")]
    [InlineData("REMOTE_USER")]
    [InlineData("X-Remote-Group")]
    [InlineData("X-WEBAUTH-USER")]
    [InlineData("X-Pomerium-Jwt-Assertion")]
    [InlineData("Cf-Access-Jwt-Assertion")]
    [InlineData("X-Goog-IAP-JWT-Assertion")]
    [InlineData("X-MS-CLIENT-PRINCIPAL-ID")]
    [InlineData("Tailscale-User-Login")]
    [InlineData("Fly-Client-IP")]
    [InlineData("fly-force-instance-id")]
    [InlineData("Forwarded")]
    [InlineData("True-Client-IP")]
    [InlineData("X-Real-IP")]
    [InlineData("X-Original-URL")]
    [InlineData("X-Rewrite-URL")]
    [InlineData("Proxy")]
    [InlineData("Gateway-User")]
    [InlineData("gateway_assertion")]
    [InlineData("X-Gateway-Anything")]
    [InlineData("X-Forwarded-For")]
    [InlineData("X-Forwarded-Host")]
    [InlineData("x-forwarded-proto")]
    [InlineData("Gateway-Assertion")]
    public void ClaimOfAHop_IsOne(string name) => Assert.True(HopHeaders.IsClaimed(name));

    [Theory]
    [InlineData("X-Requested-With")]
    [InlineData("X-Custom")]
    [InlineData("Referer")]
    [InlineData("Range")]
    [InlineData("Forwarded-Elsewhere")]
    [InlineData("Content-Type")]
    [InlineData("Cookie")]
    [InlineData("Proxy-Status")]
    [InlineData("x")]
    [InlineData("f")]
    public void HeaderOfTheClientsOwn_IsNone(string name) => Assert.False(HopHeaders.IsClaimed(name));

    [Theory]
    [InlineData("gateway-1", true)]
    [InlineData("other; v=1, Gateway-1 ;x=y", true)]
    [InlineData("gateway-10", false)]
    [InlineData("x=gateway-1", false)]
    [InlineData("", false)]
    public void OwnMark_IsFoundAmongThoseOfOthers(string value, bool found)
    {
        var context = new DefaultHttpContext();
        context.Request.Headers["CDN-Loop"] = value;

        Assert.Equal(found, new HopMarker("gateway-1").IsOn(context.Request));
    }

    [Fact]
    public void MarksOfOthers_GoOnWithOurs() => Assert.Equal("one, two; v=2, gateway-1", new HopMarker("gateway-1").After(new(["one", "two; v=2"])).Replace(",two", ", two", StringComparison.Ordinal));
}
