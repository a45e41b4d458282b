using System.Net;
using Gateway.Proxying;
using Microsoft.Extensions.Options;
using Xunit;

namespace Gateway.Tests.Proxying;

public sealed class RequestLimitsTests
{
    private static readonly UserId Alice = new("alice");

    [Fact]
    public void RequestsAtOnce_AreCountedWhileTheyLast_AndByUser()
    {
        var limits = Limits(new() { ConcurrentPerUser = 2 });
        var first = limits.Admit(Alice, isSocket: false);
        using var second = limits.Admit(Alice, isSocket: false);

        Assert.NotNull(limits.Admit(Alice, isSocket: false).RetryAfter);
        Assert.Null(limits.Admit(new UserId("bob"), isSocket: false).RetryAfter);
        Assert.Null(limits.Admit(Alice, isSocket: true).RetryAfter);
        first.Dispose();
        Assert.Null(limits.Admit(Alice, isSocket: false).RetryAfter);
    }

    [Fact]
    public void AddressesOfOneNetwork_AreOne_AndLoopbackIsNone()
    {
        var limits = Limits(new() { RequestsPerAddress = 1, BurstPerAddress = 1 });

        Assert.Null(limits.Refuse(IPAddress.Parse("2001:db8:0:1::1")));
        Assert.NotNull(limits.Refuse(IPAddress.Parse("2001:db8:0:1::2")));
        Assert.Null(limits.Refuse(IPAddress.Parse("2001:db8:0:2::1")));
        Assert.Null(limits.Refuse(IPAddress.Parse("192.0.2.1")));
        Assert.NotNull(limits.Refuse(IPAddress.Parse("::ffff:192.0.2.1")));
        Assert.Null(limits.Refuse(IPAddress.Parse("192.0.2.2")));
        Assert.All(Enumerable.Range(0, 10), _ => Assert.Null(limits.Refuse(IPAddress.Loopback)));
    }

    [Fact]
    public void Zero_IsNoLimit()
    {
        var limits = Limits(new() { RequestsPerAddress = 0, RequestsPerUser = 0, ConcurrentPerUser = 0, SocketsPerUser = 0, BurstPerAddress = 1, BurstPerUser = 1 });

        Assert.All(Enumerable.Range(0, 100), _ => Assert.Null(limits.Refuse(IPAddress.Parse("192.0.2.1"))));
        Assert.All(Enumerable.Range(0, 100), _ => Assert.Null(limits.Admit(Alice, isSocket: false).RetryAfter));
    }

    [Fact]
    public void WarmRequest_AllocatesNothing()
    {
        var limits = Limits(new() { RequestsPerAddress = 1_000_000, BurstPerAddress = 1_000_000, RequestsPerUser = 1_000_000, BurstPerUser = 1_000_000 });
        var address = IPAddress.Parse("2001:db8::1");
        Ask(1000);

        var before = GC.GetAllocatedBytesForCurrentThread();
        Ask(1000);

        Assert.Equal(before, GC.GetAllocatedBytesForCurrentThread());

        void Ask(int times)
        {
            for (var i = 0; i < times; i++)
            {
                _ = limits.Refuse(address);
                using var admission = limits.Admit(Alice, isSocket: false);
            }
        }
    }

    private static RequestLimits Limits(ProxyingOptions options) => new(Options.Create(options), TimeProvider.System);
}
