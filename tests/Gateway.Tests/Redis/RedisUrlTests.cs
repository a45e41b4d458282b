using System.Net;
using Gateway.Redis;
using Xunit;

namespace Gateway.Tests.Redis;

public sealed class RedisUrlTests
{
    [Fact]
    public void UserPasswordPortAndDatabase_AreRead()
    {
        Assert.True(RedisUrl.TryParse("redis://gateway:fake%2Fpass%40word@map.internal:7000/3", out var options, out _));

        Assert.Equal(new DnsEndPoint("map.internal", 7000), options.EndPoints.Single());
        Assert.Equal("gateway", options.User);
        Assert.Equal("fake/pass@word", options.Password);
        Assert.Equal(3, options.DefaultDatabase);
        Assert.False(options.Ssl);
    }

    [Fact]
    public void SecureUrl_AsksForTlsUnderTheHostsName()
    {
        Assert.True(RedisUrl.TryParse("rediss://:fake@map.example", out var options, out _));

        Assert.True(options.Ssl);
        Assert.Equal("map.example", options.SslHost);
        Assert.Null(options.User);
        Assert.Equal(new DnsEndPoint("map.example", 6379), options.EndPoints.Single());
    }

    [Fact]
    public void AddressOfVersionSix_IsAnAddress()
    {
        Assert.True(RedisUrl.TryParse("redis://[fdaa::3]:6380", out var options, out _));

        Assert.Equal(new IPEndPoint(IPAddress.Parse("fdaa::3"), 6380), options.EndPoints.Single());
    }

    [Fact]
    public void Gateway_StartsWithoutRedis_AndNeverWaitsLong()
    {
        Assert.True(RedisUrl.TryParse("redis://map", out var options, out _));

        Assert.False(options.AbortOnConnectFail);
        Assert.InRange(options.AsyncTimeout, 1000, 2000);
        Assert.InRange(options.ConnectTimeout, 1000, 2000);
    }

    [Theory]
    [InlineData("redis://user:fake-secret@map/not-a-number")]
    [InlineData("redis://user:fake-secret@map:port")]
    [InlineData("http://user:fake-secret@map")]
    [InlineData("redis://user:fake-secret@")]
    [InlineData("fake-secret")]
    [InlineData("")]
    [InlineData(null)]
    public void WhatIsNoUrlOfRedis_IsRefused_WithoutRepeatingThePassword(string? text)
    {
        Assert.False(RedisUrl.TryParse(text, out _, out var fault));

        Assert.NotEmpty(fault);
        Assert.DoesNotContain("fake-secret", fault, StringComparison.Ordinal);
    }

    [Fact]
    public void UrlOfSentinels_NamesThemAndThePrimary()
    {
        Assert.True(RedisUrl.TryParse("redis+sentinel://gateway:fake%2Fpass%40word@one:26380,10.0.0.2,[fdaa::3]:26381/my.map/3", out var options, out _));

        Assert.Equal<EndPoint>([new DnsEndPoint("one", 26380), new IPEndPoint(IPAddress.Parse("10.0.0.2"), 26379), new IPEndPoint(IPAddress.Parse("fdaa::3"), 26381)], options.EndPoints);
        Assert.Equal(("my.map", 3, false), (options.ServiceName, options.DefaultDatabase, options.Ssl));
        Assert.Equal(("gateway", "fake/pass@word"), (options.User, options.Password));
    }

    [Theory]
    [InlineData("redis+sentinel://:fake@one/map", "", "")]
    [InlineData("redis+sentinel://:fake@one/map?sentinel_password=fake%26own", "", "fake&own")]
    [InlineData("rediss+sentinel://one/map/0?sentinel_username=watch&sentinel_password=fake", "watch", "fake")]
    public void Sentinel_IsGivenOnlyAPasswordOfItsOwn(string text, string user, string password)
    {
        Assert.True(RedisUrl.TryParse(text, out var options, out _));

        Assert.Equal((user, password), (options.SentinelUser, options.SentinelPassword));
    }

    [Fact]
    public void SecureUrlOfSentinels_AsksEachServerForTlsUnderItsOwnName()
    {
        Assert.True(RedisUrl.TryParse("rediss+sentinel://one,two/map", out var options, out _));

        Assert.True(options.Ssl);
        Assert.Null(options.SslHost);
    }

    [Theory]
    [InlineData("redis+sentinel://user:fake-secret@one:26379", "does not name the primary")]
    [InlineData("redis+sentinel://user:fake-secret@one:26379/", "does not name the primary")]
    [InlineData("redis+sentinel://user:fake-secret@one/map#fake-secret", "does not name the primary")]
    [InlineData("redis+sentinel://user:fake-secret@/map", "no host")]
    [InlineData("redis+sentinel://user:fake-secret@one,/map", "no host")]
    [InlineData("redis+sentinel://user:fake-secret@one:port/map", "no host")]
    [InlineData("redis+sentinel://user:fake-secret@one:99999/map", "no host")]
    [InlineData("redis+sentinel://user:fake-secret@one/map/first", "database")]
    [InlineData("redis+sentinel://user:fake-secret@one/map/-1", "database")]
    [InlineData("redis+sentinel://one/map?password=fake-secret", "option")]
    public void WhatIsNoUrlOfSentinels_IsRefused_WithoutRepeatingThePassword(string text, string about)
    {
        Assert.False(RedisUrl.TryParse(text, out _, out var fault));

        Assert.Contains(about, fault, StringComparison.Ordinal);
        Assert.DoesNotContain("fake-secret", fault, StringComparison.Ordinal);
    }
}
