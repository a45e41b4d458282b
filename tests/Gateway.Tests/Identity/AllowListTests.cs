using System.Security.Claims;
using Gateway.Identity;
using Microsoft.Extensions.Options;
using Xunit;

namespace Gateway.Tests.Identity;

public sealed class AllowListTests
{
    private static readonly IdentityOptions Settings = new();

    [Fact]
    public void Everyone_LetsEverybodySignedInIn()
    {
        Assert.True(Allows(new AllowOptions { Everyone = true }, ("sub", "anybody")));
    }

    [Fact]
    public void UserId_IsComparedExactly()
    {
        var allow = new AllowOptions { Users = { "alice" } };

        Assert.True(Allows(allow, ("sub", "alice")));
        Assert.False(Allows(allow, ("sub", "Alice")));
    }

    [Theory]
    [InlineData("Alice@Example.COM", null, true)]
    [InlineData("alice@example.com", "true", true)]
    [InlineData("alice@example.com", "false", false)]
    [InlineData("bob@example.com", null, false)]
    public void Email_CountsUnlessTheProviderCallsItUnverified(string email, string? verified, bool expected)
    {
        var allow = new AllowOptions { Emails = { "alice@example.com" } };
        var claims = new List<(string, string)> { ("sub", "1"), ("email", email) };
        if (verified is not null)
        {
            claims.Add(("email_verified", verified));
        }

        Assert.Equal(expected, Allows(allow, [.. claims]));
    }

    [Theory]
    [InlineData("alice@example.com", true)]
    [InlineData("alice@EXAMPLE.com", true)]
    [InlineData("alice@sub.example.com", false)]
    [InlineData("alice@notexample.com", false)]
    [InlineData("\"a@example.com\"@evil.example", false)]
    public void Domain_IsTheWholePartAfterTheLastAt(string email, bool expected)
    {
        Assert.Equal(expected, Allows(new AllowOptions { Domains = { "example.com" } }, ("sub", "1"), ("email", email)));
    }

    [Fact]
    public void AnyGroupOfTheirs_LetsIn()
    {
        Assert.True(Allows(new AllowOptions { Groups = { "staff" } }, ("sub", "1"), ("groups", "other"), ("groups", "staff")));
    }

    [Fact]
    public void NobodySignedIn_IsNotEveryone()
    {
        Assert.False(List(new AllowOptions { Everyone = true }).Allows(new ClaimsPrincipal(new ClaimsIdentity())));
    }

    [Theory]
    [InlineData()]
    [InlineData("")]
    [InlineData("a", "b")]
    [InlineData("line\nbreak")]
    public void TokenWithoutExactlyOneUsableUser_IsNobody(params string[] subs)
    {
        Assert.Null(UserClaims.From(Token([.. subs.Select(sub => ("sub", sub))]), Settings, "test"));
    }

    [Fact]
    public void ClaimsNamedAsOurs_AreNotTakenFromAToken()
    {
        var user = UserClaims.From(Token(("sub", "mallory"), (UserClaims.User, "alice"), (UserClaims.Role, "operator")), Settings, "test")!;

        Assert.Equal(new UserId("mallory"), user.GetUserId());
        Assert.False(user.IsInRole("operator"));
    }

    private static bool Allows(AllowOptions allow, params (string Type, string Value)[] claims) =>
        List(allow).Allows(UserClaims.From(Token(claims), Settings, "test")!);

    private static AllowList List(AllowOptions allow) => new(Options.Create(new IdentityOptions { Allow = allow }));

    private static ClaimsPrincipal Token(params (string Type, string Value)[] claims) =>
        new(new ClaimsIdentity(claims.Select(claim => new Claim(claim.Type, claim.Value)), "test"));
}
