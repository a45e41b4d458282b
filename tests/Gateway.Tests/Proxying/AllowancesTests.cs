using Gateway.Proxying;
using Microsoft.Extensions.Time.Testing;
using Xunit;

namespace Gateway.Tests.Proxying;

public sealed class AllowancesTests
{
    private readonly FakeTimeProvider _time = new();

    [Fact]
    public void Burst_IsTakenAtOnce_AndThenOneAsEachComesBack()
    {
        var allowances = new Allowances<int>(perSecond: 10, burst: 3, _time);

        Assert.All(Enumerable.Range(0, 3), _ => Assert.Null(Take(allowances)));
        Assert.Equal(TimeSpan.FromMilliseconds(100), Take(allowances));
        _time.Advance(TimeSpan.FromMilliseconds(99));
        Assert.Equal(TimeSpan.FromMilliseconds(1), Take(allowances));
        _time.Advance(TimeSpan.FromMilliseconds(1));
        Assert.Null(Take(allowances));
        Assert.NotNull(Take(allowances));
    }

    [Fact]
    public void Pause_FillsTheBucket_AndNotMore()
    {
        var allowances = new Allowances<int>(perSecond: 10, burst: 3, _time);
        Take(allowances);

        _time.Advance(TimeSpan.FromHours(1));

        Assert.All(Enumerable.Range(0, 3), _ => Assert.Null(Take(allowances)));
        Assert.NotNull(Take(allowances));
    }

    [Fact]
    public void RefusedRequest_TakesNothing()
    {
        var allowances = new Allowances<int>(perSecond: 1, burst: 1, _time);
        Take(allowances);
        Assert.All(Enumerable.Range(0, 100), _ => Assert.NotNull(Take(allowances)));

        _time.Advance(TimeSpan.FromSeconds(1));

        Assert.Null(Take(allowances));
    }

    [Fact]
    public void ManyKeysSeenOnce_AreForgotten_AndThoseInUseAreNot()
    {
        var allowances = new Allowances<int>(perSecond: 1, burst: 1, _time);
        var open = allowances.Of(-1);
        Assert.True(open.TryOpen(socket: true, most: 1));

        for (var key = 0; key < 100_000; key++)
        {
            allowances.Take(allowances.Of(key));
            _time.Advance(TimeSpan.FromMilliseconds(1));
        }

        // A second's worth of keys is not full again, and as many may wait to be looked at.
        Assert.InRange(allowances.Count, 1, 4000);
        Assert.Same(open, allowances.Of(-1));
    }

    [Fact]
    public void RetiredAllowance_OpensNothingMore()
    {
        var allowance = new Allowance();
        Assert.True(allowance.TryRetire(now: 0));

        Assert.Null(allowance.TryOpen(socket: false, most: 0));
        Assert.Null(allowance.TryOpen(socket: true, most: 0));
    }

    [Fact]
    public async Task ManyThreads_OpenAsManyAsMayBe_AndLeaveNothingOpen()
    {
        var allowance = new Allowance();
        var (atOnce, most) = (0, 0);
        await Task.WhenAll(Enumerable.Range(0, 4).Select(_ => Task.Run(() =>
        {
            for (var i = 0; i < 20_000; i++)
            {
                if (allowance.TryOpen(socket: false, most: 2) is not true)
                {
                    continue;
                }

                var now = Interlocked.Increment(ref atOnce);
                InterlockedMax(ref most, now);
                Interlocked.Decrement(ref atOnce);
                allowance.Close(socket: false);
            }
        }))).WaitAsync(TimeSpan.FromSeconds(30));

        Assert.InRange(most, 1, 2);
        Assert.True(allowance.TryRetire(now: 0));
    }

    private static TimeSpan? Take(Allowances<int> allowances) => allowances.Take(allowances.Of(0));

    private static void InterlockedMax(ref int target, int value)
    {
        int seen;
        while ((seen = Volatile.Read(ref target)) < value && Interlocked.CompareExchange(ref target, value, seen) != seen)
        {
        }
    }
}
