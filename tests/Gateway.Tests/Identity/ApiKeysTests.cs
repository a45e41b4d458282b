using System.Security.Cryptography;
using System.Text;
using Gateway.Identity;
using Gateway.Identity.Operators;
using Microsoft.Extensions.Options;
using Xunit;

namespace Gateway.Tests.Identity;

public sealed class ApiKeysTests
{
    private const string Key = "mjdops_fake-key-for-tests-0123456789abcdef0123";

    private readonly IdentityOptions _options = new() { OperatorRole = "chief", ViewerRole = "guest" };

    [Theory]
    [InlineData("operator", "chief")]
    [InlineData("viewer", "guest")]
    public void Key_IsItsNameWithTheRoleAsTheProviderCallsIt(string role, string called)
    {
        Add(Key, role);

        var found = new ApiKeys(Options.Create(_options)).Find(Key)!;

        Assert.Equal("api-key:nightly", found.GetUserId().Value);
        Assert.True(found.IsInRole(called));
    }

    [Theory]
    [InlineData("mjdops_fake-key-for-tests-0123456789abcdef0124")]
    [InlineData("mjdops_fake-key-for-tests-0123456789abcdef012")]
    [InlineData("")]
    public void AnythingElse_IsNone(string text)
    {
        Add(Key, "operator");

        Assert.Null(new ApiKeys(Options.Create(_options)).Find(text));
    }

    [Fact]
    public void KeyThatCouldBeGuessed_IsNoneEvenIfItsHashIsConfigured()
    {
        Add("mjdops_1234", "operator");

        Assert.Null(new ApiKeys(Options.Create(_options)).Find("mjdops_1234"));
    }

    private void Add(string key, string role) =>
        _options.ApiKeys.Add(new ApiKeyOptions { Name = "nightly", Role = role, Sha256 = Convert.ToHexString(SHA256.HashData(Encoding.UTF8.GetBytes(key))) });
}
