using Gateway.Operations;
using Xunit;

namespace Gateway.Tests.Operations;

public sealed class RouteIdTests
{
    [Theory]
    [InlineData("alice")]
    [InlineData("alice.b-c_d9")]
    public void PlainUserName_IsItsOwnId(string user) => Assert.Equal(user, RouteId.Of(new UserId(user)));

    [Theory]
    [InlineData("auth0|12/34")]
    [InlineData("..")]
    [InlineData("~alice")]
    [InlineData("Ünïcode ☃")]
    [InlineData("a+b@example.com")]
    public void AnyOtherUser_HasASafeId_ThatLeadsBack(string user)
    {
        var id = RouteId.Of(new UserId(user));

        Assert.Matches("^~[A-Za-z0-9_-]+$", id);
        Assert.True(RouteId.TryParse(id, out var back));
        Assert.Equal(new UserId(user), back);
    }

    [Fact]
    public void LongName_IsNotPlain() => Assert.StartsWith("~", RouteId.Of(new UserId(new string('a', 65))), StringComparison.Ordinal);

    [Theory]
    [InlineData("")]
    [InlineData("~")]
    [InlineData("~!!")]
    [InlineData("~YWxpY2U")]
    [InlineData("~gIA")]
    [InlineData("a b")]
    [InlineData(".alice")]
    public void TextThatIsNobodysId_IsRefused(string id) => Assert.False(RouteId.TryParse(id, out _));
}
