using Gateway.Idling;
using Microsoft.Extensions.Time.Testing;
using Xunit;

namespace Gateway.Tests.Idling;

public sealed class IdleDecisionTests
{
    private readonly FakeTimeProvider _time = new();
    private readonly IdlingOptions _options = new();
    private readonly MachineVisits _machine;
    private readonly DateTimeOffset _begin;

    public IdleDecisionTests()
    {
        _machine = new MachineVisits(new MachineId("148e21f7a9d389"), _time);
        _begin = _time.GetUtcNow();
    }

    private bool Objects => IdleDecision.Objects(_machine, _time.GetUtcNow(), _options);

    private DateTimeOffset NotIdleBefore => IdleDecision.NotIdleBefore(_machine, _time.GetUtcNow(), _options);

    [Fact]
    public void Nobody_there_is_idle_after_the_idle_time_and_no_objection()
    {
        _machine.TryEnter(socket: false, counts: true);
        _machine.Leave(socket: false, counts: true);

        Assert.Equal(_begin + _options.IdleAfter, NotIdleBefore);
        Assert.False(Objects);
    }

    [Fact]
    public void Background_poll_in_progress_stands_against_a_stop_and_puts_off_nothing()
    {
        _machine.TryEnter(socket: false, counts: true);
        _machine.Leave(socket: false, counts: true);
        _time.Advance(_options.IdleAfter);

        _machine.TryEnter(socket: false, counts: false);

        Assert.True(Objects);
        Assert.Equal(_begin + _options.IdleAfter, NotIdleBefore);
    }

    [Fact]
    public void Background_poll_is_no_activity_and_begins_nothing_anew()
    {
        _machine.TryEnter(socket: false, counts: false);
        _machine.Leave(socket: false, counts: false);

        Assert.Equal(DateTimeOffset.UnixEpoch, _machine.LastActivity);
    }

    [Fact]
    public void Request_in_progress_stands_against_a_stop_however_old_it_is()
    {
        _machine.TryEnter(socket: false, counts: true);
        _time.Advance(TimeSpan.FromHours(10));

        Assert.True(Objects);
        Assert.Equal(_time.GetUtcNow() + (_options.ReportEvery * 3), NotIdleBefore);
    }

    [Fact]
    public void Quiet_socket_stands_against_a_stop_within_its_attached_time()
    {
        _machine.TryEnter(socket: true, counts: true);
        _time.Advance(_options.AttachedFor - TimeSpan.FromSeconds(1));

        Assert.True(Objects);
        Assert.Equal(_begin + _options.AttachedFor, NotIdleBefore);
    }

    [Fact]
    public void Quiet_socket_beyond_its_attached_time_does_not_stand_against_a_stop()
    {
        _machine.TryEnter(socket: true, counts: true);
        _time.Advance(_options.AttachedFor);

        Assert.False(Objects);
        Assert.True(NotIdleBefore <= _time.GetUtcNow());
    }

    [Fact]
    public void Data_on_a_socket_begins_its_attached_time_again()
    {
        _machine.TryEnter(socket: true, counts: true);
        _time.Advance(_options.AttachedFor);
        _machine.Counted.ToClient(1, isUse: true);

        Assert.True(Objects);
    }

    [Fact]
    public void Ping_on_a_socket_is_no_activity()
    {
        _machine.TryEnter(socket: true, counts: true);
        _time.Advance(_options.AttachedFor);
        _machine.Counted.ToClient(1, isUse: false);

        Assert.False(Objects);
    }
}
