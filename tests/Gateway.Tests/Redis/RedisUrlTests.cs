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
}
