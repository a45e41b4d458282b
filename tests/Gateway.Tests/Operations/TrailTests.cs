using Gateway.Idling;
using Gateway.Operations;
using Gateway.Sessions;
using Gateway.Waking;
using Microsoft.Extensions.Time.Testing;
using Xunit;

namespace Gateway.Tests.Operations;

public sealed class TrailTests
{
    private static readonly MachineId Machine = new("148e21f7a9d389");
    private static readonly TimeSpan Minute = TimeSpan.FromMinutes(1);

    private readonly FakeTimeProvider _time = new();
    private readonly Trail _trail;

    public TrailTests() => _trail = new Trail(new Replica("one"), _time);

    [Fact]
    public void ManyRequests_AreOneCauseAMinute_WithTheirNumber()
    {
        _trail.Used(Machine, WakeCause.Request);
        Assert.Equal(1, Assert.Single(_trail.Take(Minute)).Times);

        _time.Advance(TimeSpan.FromSeconds(10));
        var first = _time.GetUtcNow();
        _trail.Used(Machine, WakeCause.Request);
        _trail.Used(Machine, WakeCause.Request);
        _trail.Used(Machine, WakeCause.Navigation);
        Assert.Equal("navigation", Assert.Single(_trail.Take(Minute)).What);

        _time.Advance(Minute);
        var cause = Assert.Single(_trail.Take(Minute));
        Assert.Equal(("use", "request", 2, first), (cause.Kind, cause.What, cause.Times, cause.At));
        _time.Advance(Minute);
        Assert.Empty(_trail.Take(Minute));
    }

    [Fact]
    public void Wake_IsTold_WithWhereItsTimeWent()
    {
        var timing = new WakeTiming(default, default, TimeSpan.FromSeconds(1), TimeSpan.FromSeconds(2), default, TimeSpan.FromSeconds(3));
        _trail.Woken(Request(WakeCause.SignIn), new WakeOutcome.Awake("::1", 2, timing, Led: true), TimeSpan.FromSeconds(3));

        var cause = Assert.Single(_trail.Take(Minute));

        Assert.Equal(("wake", "sign_in"), (cause.Kind, cause.What));
        Assert.Equal(2, cause.Timing!["boot"]);
    }

    [Fact]
    public void WakeThatOnlyFoundItAwake_IsNoNews()
    {
        _trail.Woken(Request(WakeCause.Request), new WakeOutcome.Awake("::1", 2, WakeTiming.None, Led: true), TimeSpan.Zero);

        Assert.Empty(_trail.Take(Minute));
    }

    [Fact]
    public void FailedWake_AndEachDecision_IsTold()
    {
        _trail.Woken(Request(WakeCause.Request), new WakeOutcome.Refused(WakeRefusal.HostFull, "", default), TimeSpan.Zero);
        _trail.Decided(Machine, IdleStopOutcome.Asleep);
        _trail.Decided(Machine, IdleStopOutcome.Abandoned);
        _trail.Decided(Machine, IdleStopOutcome.Abandoned);
        _trail.Decided(Machine, IdleStopOutcome.NotAwake);

        Assert.Equal(["host_full", "kept_awake", "put_to_sleep"], _trail.Take(Minute).Select(static cause => cause.What).Order());
    }

    [Fact]
    public void WhatComesTooFast_IsDropped()
    {
        for (var i = 0; i < 20_000; i++)
        {
            _trail.Decided(Machine, IdleStopOutcome.Asleep);
            _trail.Used(new MachineId(i.ToString(System.Globalization.CultureInfo.InvariantCulture)), WakeCause.Request);
        }

        Assert.InRange(_trail.Take(Minute).Count, 10_000, 20_000);
    }

    private static WakeRequest Request(WakeCause cause) => new("workspaces", Machine, new UserId("alice"), cause);
}
