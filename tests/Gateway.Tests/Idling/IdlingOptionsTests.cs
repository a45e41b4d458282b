using Gateway.Idling;
using Xunit;

namespace Gateway.Tests.Idling;

public sealed class IdlingOptionsTests
{
    private static readonly IdlingOptionsValidation Validation = new();

    [Fact]
    public void Defaults_are_valid() => Assert.True(Validation.Validate(null, new IdlingOptions()).Succeeded);

    [Fact]
    public void Every_fault_is_listed_and_names_its_key()
    {
        var options = new IdlingOptions
        {
            IdleAfter = TimeSpan.Zero,
            WarnBefore = TimeSpan.FromSeconds(-1),
            BusyLimit = TimeSpan.Zero,
            AttachedFor = TimeSpan.FromSeconds(-1),
            SweepEvery = TimeSpan.Zero,
            ReportEvery = TimeSpan.Zero,
            ConsentGrace = TimeSpan.Zero,
            ReplicaLease = TimeSpan.FromSeconds(-1),
            StopGrace = TimeSpan.FromMinutes(6),
            StopsPerSweep = 0,
        };

        var faults = Validation.Validate(null, options).Failures!.ToList();

        string[] keys = ["IdleAfter", "WarnBefore", "BusyLimit", "AttachedFor", "SweepEvery", "ReportEvery", "ConsentGrace", "ReplicaLease", "StopGrace", "StopsPerSweep"];
        Assert.Equal(keys, faults.Select(fault => fault.Split(' ')[0]["Idling:".Length..]));
    }

    [Fact]
    public void Attached_time_shorter_than_the_idle_time_is_a_fault()
    {
        var result = Validation.Validate(null, new IdlingOptions { AttachedFor = TimeSpan.FromMinutes(14) });

        Assert.StartsWith("Idling:AttachedFor", Assert.Single(result.Failures!));
    }
}
