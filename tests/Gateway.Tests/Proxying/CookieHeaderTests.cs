using Gateway.Identity;
using Gateway.Proxying;
using Microsoft.Extensions.Primitives;
using Xunit;

namespace Gateway.Tests.Proxying;

public sealed class CookieHeaderTests
{
    [Theory]
    [InlineData("a=1; gateway=secret; b=2", "a=1; b=2")]
    [InlineData("gateway=secret", "")]
    [InlineData("__Host-gateway=x; a=1", "a=1")]
    [InlineData("gateway.sign-in.x=1;a=\"q u\"", "a=\"q u\"")]
    [InlineData("a=1; gateway =secret", "a=1")]
    public void Own_cookies_are_taken_out_and_the_others_stay_as_they_were(string header, string left) =>
        Assert.Equal(left, CookieHeader.Without(header, IdentityCookies.IsOurs));

    [Theory]
    [InlineData("a=1; b=2")]
    [InlineData("gatewayx=1")]
    [InlineData("xgateway=1;;  ")]
    public void Header_without_own_cookies_is_left_alone(string header) => Assert.Null(CookieHeader.Without(header, IdentityCookies.IsOurs));

    [Fact]
    public void Answers_that_set_own_cookies_lose_just_those()
    {
        var left = SetCookieHeader.Without(new StringValues(["a=1; Path=/", "GATEWAY=planted", "gateway=stolen; Path=/", "__Host-gateway=x"]), IdentityCookies.IsOurs);

        Assert.Equal(new StringValues("a=1; Path=/"), left);
    }

    [Fact]
    public void Answers_that_set_none_are_left_alone() => Assert.Null(SetCookieHeader.Without(new StringValues(["a=1", "b"]), IdentityCookies.IsOurs));
}
