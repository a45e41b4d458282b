using Gateway.Waking;
using Microsoft.Extensions.Time.Testing;
using Xunit;

namespace Gateway.Tests.Waking;

public sealed class ProbePaceTests
{
    private static readonly BootKind Kind = new("image:1", "sjc", Resumed: false);

    private readonly FakeTimeProvider _time = new();
    private readonly BootTimes _times = new();

    [Fact]
    public void KindThatWasNeverSeen_IsProbedDenselyFromTheBeginning()
    {
        Assert.Null(_times.Expect(Kind));
        Assert.InRange(GridAfter(TimeSpan.Zero), TimeSpan.FromMilliseconds(1), TimeSpan.FromMilliseconds(10));
    }

    [Fact]
    public void KnownKind_IsProbedSparselyBeforeItsQuickestBootAndDenselyAround()
    {
        Learn(4, 5, 6);

        Assert.True(GridAfter(TimeSpan.FromSeconds(1)) >= TimeSpan.FromMilliseconds(25));
        Assert.True(GridAfter(TimeSpan.FromSeconds(4)) <= TimeSpan.FromMilliseconds(10));
        Assert.True(GridAfter(TimeSpan.FromSeconds(7)) <= TimeSpan.FromMilliseconds(10));
    }

    [Fact]
    public void OverdueBoot_IsProbedEverMoreSparselyAndNeverSlowerThanATenthOfASecond()
    {
        Learn(1, 1, 1);

        Assert.True(GridAfter(TimeSpan.FromSeconds(10)) > GridAfter(TimeSpan.FromSeconds(5)));
        Assert.Equal(TimeSpan.FromMilliseconds(100), GridAfter(TimeSpan.FromMinutes(5)));
    }

    [Fact]
    public void ResumeFromMemory_IsAnotherKindThanABoot()
    {
        Learn(4, 5, 6);

        Assert.Null(_times.Expect(Kind with { Resumed = true }));
    }

    [Fact]
    public void UsualTimeOfAStep_IsTheMedianOfWhatWasSeen()
    {
        Learn(1, 2, 9);

        Assert.Equal(TimeSpan.FromSeconds(2), _times.Usual(WakeStep.Booting));
    }

    private void Learn(params int[] seconds)
    {
        foreach (var boot in seconds)
        {
            _times.Learn(Kind, WakeTiming.None with { Boot = TimeSpan.FromSeconds(boot) });
        }
    }

    private TimeSpan GridAfter(TimeSpan elapsed)
    {
        var pace = new ProbePace(_time.GetTimestamp(), _times.Expect(Kind));
        _time.Advance(elapsed);
        return pace.Grid(_time);
    }
}
