using Gateway.Identity;
using Xunit;

namespace Gateway.Tests.Identity;

public sealed class ReturnPathTests
{
    [Theory]
    [InlineData("/")]
    [InlineData("/files/a%2Fb?x=1&y=%20z")]
    [InlineData("/a;b=c/d,e")]
    [InlineData("/search?next=https://elsewhere.example/")]
    [InlineData("/a//b")]
    [InlineData("/..a/.b/c..")]
    public void PathOfThisOrigin_IsKeptAsItIs(string path) => Assert.Equal(path, ReturnPath.Local(path));

    [Theory]
    [InlineData(null)]
    [InlineData("")]
    [InlineData("evil.example")]
    [InlineData("https://evil.example")]
    [InlineData("HTTPS:evil.example")]
    [InlineData("//evil.example")]
    [InlineData("///evil.example")]
    [InlineData("/\\evil.example")]
    [InlineData("\\\\evil.example")]
    [InlineData("\\/evil.example")]
    [InlineData("/\t/evil.example")]
    [InlineData("\t//evil.example")]
    [InlineData("/\r\n/evil.example")]
    [InlineData("/\0/evil.example")]
    [InlineData(" //evil.example")]
    [InlineData("/%2Fevil.example")]
    [InlineData("/%5Cevil.example")]
    [InlineData("/%09/evil.example")]
    [InlineData("/%0D%0ALocation:%20https://evil.example")]
    [InlineData("/.//evil.example")]
    [InlineData("/a/..//evil.example")]
    [InlineData("/%2e%2e//evil.example")]
    [InlineData("javascript:alert(1)")]
    [InlineData("data:text/html,x")]
    [InlineData("@evil.example")]
    [InlineData("/\u2028/evil.example")]
    [InlineData("/\uFF0Fevil.example")]
    [InlineData("/.gateway/sign-out")]
    [InlineData("/%2Egateway/sign-out")]
    public void AnythingElse_IsTheStartPage(string? path) => Assert.Equal("/", ReturnPath.Local(path));

    [Fact]
    public void OverlongPath_IsTheStartPage() => Assert.Equal("/", ReturnPath.Local("/" + new string('a', 3000)));
}
