using System.Security.Claims;
using Gateway.Identity;
using Microsoft.Extensions.Time.Testing;
using Microsoft.IdentityModel.Protocols.OpenIdConnect;
using Xunit;

namespace Gateway.Tests.Identity;

public sealed class VerifiedTokensTests
{
    private static readonly ClaimsPrincipal Alice = new(new ClaimsIdentity([new Claim(UserClaims.User, "alice")], IdentitySchemes.Bearer));

    private readonly FakeTimeProvider _time = new();
    private readonly VerifiedTokens.Round _round;

    public VerifiedTokensTests() => _round = new(new OpenIdConnectConfiguration(), _time);

    [Fact]
    public void TokenNotVerifiedYet_IsNotKnown()
    {
        _round.Add("fake-token-a", Alice, _time.GetUtcNow() + TimeSpan.FromHours(1));

        Assert.Null(_round.Find("fake-token-b"));
        Assert.Same(Alice, _round.Find("fake-token-a"));
    }

    [Fact]
    public void TokenVerified_IsKnownUntilItsEndAndTheAllowanceForClocks_AndNotAfter()
    {
        _round.Add("fake-token", Alice, _time.GetUtcNow() + TimeSpan.FromSeconds(20));

        _time.Advance(TimeSpan.FromSeconds(20) + BearerSetup.ClockSkew);
        var last = _round.Find("fake-token");
        _time.Advance(TimeSpan.FromMilliseconds(1));

        Assert.Same(Alice, last);
        Assert.Null(_round.Find("fake-token"));
    }

    [Fact]
    public void TokenWithoutAnEndInOurTime_IsKnown()
    {
        _round.Add("fake-token", Alice, DateTimeOffset.MaxValue);

        Assert.Same(Alice, _round.Find("fake-token"));
    }

    [Fact]
    public void SameTokenTwice_CountsOnce()
    {
        _round.Add("fake-token", Alice, DateTimeOffset.MaxValue);
        _round.Add("fake-token", Alice, DateTimeOffset.MaxValue);

        Assert.Equal(1, _round.Count);
    }
}
