using Gateway.Identity;
using Gateway.Identity.Operators;
using Xunit;

namespace Gateway.Tests.Identity;

public sealed class IdentityOptionsTests
{
    [Fact]
    public void CompleteOptions_HaveNoFault() => Assert.Empty(Faults(Complete()));

    [Fact]
    public void EmptyOptions_HaveAllTheirFaultsListedByKey()
    {
        var faults = Faults(new IdentityOptions { Scopes = "profile", CookieLifetime = TimeSpan.Zero });

        Assert.Equal(
            ["Identity:Authority", "Identity:ClientId", "Identity:Audience", "Identity:Scopes", "Identity:Allow", "Identity:CookieLifetime"],
            faults.Select(fault => fault.Split(' ')[0]));
    }

    [Fact]
    public void HttpAuthority_MustBeAskedFor()
    {
        var options = Complete();
        options.Authority = "http://localhost:8081";
        Assert.Contains(Faults(options), fault => fault.StartsWith("Identity:Authority ", StringComparison.Ordinal));

        options.AllowHttpAuthority = true;
        Assert.Empty(Faults(options));
    }

    [Fact]
    public void EveryoneBesideAList_IsAFault()
    {
        var options = Complete();
        options.Allow.Everyone = true;

        Assert.Single(Faults(options), fault => fault.StartsWith("Identity:Allow:Everyone ", StringComparison.Ordinal));
    }

    [Theory]
    [InlineData("https://gateway.example/path")]
    [InlineData("gateway.example")]
    [InlineData("ftp://gateway.example")]
    public void PublicUrlThatIsNoOrigin_IsAFault(string url)
    {
        var options = Complete();
        options.PublicUrl = url;

        Assert.Single(Faults(options), fault => fault.StartsWith("Identity:PublicUrl ", StringComparison.Ordinal));
    }

    [Theory]
    [InlineData("https://account.example/path", "an origin without a path")]
    [InlineData("account.example", "an origin without a path")]
    [InlineData("https://account.example/#x", "an origin without a path")]
    [InlineData("https://somebody@account.example", "an origin without a path")]
    [InlineData("https://gateway.example", "another host name")]
    [InlineData("https://GATEWAY.example:8443", "another host name")]
    [InlineData("https://gateway.example.", "another host name")]
    [InlineData("http://account.example", "both be https")]
    public void CredentialsOriginThatIsNoneOfItsOwn_IsAFault(string origin, string why)
    {
        var options = Complete();
        (options.PublicUrl, options.Origin) = ("https://gateway.example", origin);

        Assert.Contains(why, Assert.Single(Faults(options), fault => fault.StartsWith("Identity:Origin ", StringComparison.Ordinal)), StringComparison.Ordinal);
    }

    [Fact]
    public void CredentialsOrigin_NeedsToKnowThatOfTheWorkspaces()
    {
        var options = Complete();
        options.Origin = "https://account.example";

        Assert.Contains("needs Identity:PublicUrl", Assert.Single(Faults(options)), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("http://gateway.example", "http://account.example", 1)]
    [InlineData("http://localhost:8080", "http://account.localhost:8080", 0)]
    [InlineData("http://localhost:8080", "http://127.0.0.1:8080", 0)]
    [InlineData("https://gateway.example", "https://account.gateway.example", 0)]
    public void CredentialsOriginOverHttp_IsForThisMachineAlone(string workspaces, string origin, int faults)
    {
        var options = Complete();
        (options.PublicUrl, options.Origin) = (workspaces, origin);

        Assert.Equal(faults, Faults(options).Count(static fault => fault.StartsWith("Identity:Origin must be https", StringComparison.Ordinal)));
    }

    [Fact]
    public void ConsoleUrlThatIsNoOrigin_IsAFault()
    {
        var options = Complete();
        options.ConsoleUrl = "https://operations.example/path";

        Assert.Single(Faults(options), fault => fault.StartsWith("Identity:ConsoleUrl ", StringComparison.Ordinal));
    }

    [Fact]
    public void ApiKeyWithoutNameRoleOrHash_IsAFaultForEach()
    {
        var options = Complete();
        options.ApiKeys.Add(new ApiKeyOptions { Name = "nightly", Role = "viewer", Sha256 = new string('a', 64) });
        options.ApiKeys.Add(new ApiKeyOptions { Name = "nightly", Role = "root", Sha256 = "the key itself" });

        Assert.Equal(["Identity:ApiKeys:1:Name", "Identity:ApiKeys:1:Role", "Identity:ApiKeys:1:Sha256"], Faults(options).Select(static fault => fault.Split(' ')[0]));
    }

    [Fact]
    public void EntriesThatCannotMatch_AreFaults()
    {
        var options = Complete();
        options.Allow.Emails.Add("alice");
        options.Allow.Domains.Add("*.example.com");
        options.Allow.Groups.Add(" ");

        Assert.Equal(["Identity:Allow:Groups:0", "Identity:Allow:Emails:0", "Identity:Allow:Domains:0"], Faults(options).Select(fault => fault.Split(' ')[0]));
    }

    private static IdentityOptions Complete() => new()
    {
        Authority = "https://login.example.com",
        ClientId = "gateway",
        Audience = "gateway-api",
        Allow = { Users = { "alice" } },
    };

    private static IEnumerable<string> Faults(IdentityOptions options) => new IdentityOptionsValidation().Validate(null, options).Failures ?? [];
}
