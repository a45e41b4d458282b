using Gateway.Idling;
using Microsoft.Extensions.Time.Testing;
using Xunit;

namespace Gateway.Tests.Idling;

public sealed class IdleDecisionTests
{
    private readonly SkewedTime _time = new();
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

    private Traffic Ask()
    {
        _machine.TryEnter(socket: false, counts: true);
        return new Traffic(_time, _machine.Counted);
    }

    private void Attach()
    {
        _machine.TryEnter(socket: true, counts: true);
        new Traffic(_time, _machine.Counted).SocketOpened();
    }

    [Fact]
    public void Nobody_there_is_idle_after_the_idle_time_and_no_objection_from_then_on()
    {
        _machine.TryEnter(socket: false, counts: true);
        _machine.Leave(socket: false, counts: true);

        Assert.Equal(_begin + _options.IdleAfter, NotIdleBefore);
        Assert.True(Objects);
        _time.Advance(_options.IdleAfter);
        Assert.False(Objects);
    }

    [Fact]
    public void Machine_of_which_nothing_was_seen_here_is_no_objection() => Assert.False(Objects);

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
    public void Silent_answer_is_attached_like_a_socket_from_the_moment_it_began()
    {
        var answer = Ask();
        _time.Advance(TimeSpan.FromHours(10));
        answer.AnswerBegan();
        var began = _time.GetUtcNow();
        _time.Advance(_options.AttachedFor - TimeSpan.FromSeconds(1));

        Assert.Equal((0, 1), (_machine.Requests, _machine.Lasting));
        Assert.True(Objects);
        Assert.Equal(began + _options.AttachedFor, NotIdleBefore);
        _time.Advance(TimeSpan.FromSeconds(1));
        Assert.False(Objects);
    }

    [Fact]
    public void Bytes_of_an_answer_begin_its_attached_time_again()
    {
        var answer = Ask();
        answer.AnswerBegan();
        _time.Advance(_options.AttachedFor);
        answer.ToClient(1, isUse: true);

        Assert.True(Objects);
    }

    [Fact]
    public void Silent_answer_hides_no_request_that_waits_for_its_own()
    {
        Ask().AnswerBegan();
        Ask();
        _time.Advance(TimeSpan.FromHours(10));

        Assert.Equal((1, 1), (_machine.Requests, _machine.Lasting));
        Assert.True(Objects);
    }

    [Fact]
    public void Answer_that_ends_begins_the_idle_time_anew_unless_it_was_ended_for_a_stop()
    {
        var (one, other) = (Ask(), Ask());
        one.AnswerBegan();
        other.AnswerBegan();
        _time.Advance(TimeSpan.FromMinutes(1));
        _machine.Leave(socket: false, counts: true, one);
        var ended = _time.GetUtcNow();
        Assert.Equal(ended, _machine.LastActivity);

        _time.Advance(TimeSpan.FromMinutes(1));
        _machine.CloseGate();
        _machine.Leave(socket: false, counts: true, other);
        Assert.Equal((ended, 0), (_machine.LastActivity, _machine.Lasting));
    }

    [Fact]
    public void Answer_of_a_poll_puts_off_nothing_and_the_event_stream_of_a_page_is_attached()
    {
        Ask();
        _machine.Leave(socket: false, counts: true);
        _machine.TryEnter(socket: false, counts: false);
        var stream = new Traffic(_time, _machine.Uncounted);
        stream.AnswerBegan();
        Assert.Equal(_begin + _options.IdleAfter, NotIdleBefore);

        _time.Advance(_options.AttachedFor - TimeSpan.FromSeconds(1));
        stream.ToClient(1, isUse: true);

        Assert.Equal(_begin + _options.AttachedFor, NotIdleBefore);
        Assert.True(Objects);
        _time.Advance(TimeSpan.FromSeconds(1));
        Assert.False(Objects);
    }

    [Fact]
    public void Request_that_found_nobody_is_no_activity_and_stands_against_a_stop_while_it_is_forwarded()
    {
        Ask();
        _machine.Leave(socket: false, counts: true);
        _time.Advance(_options.IdleAfter);
        var request = Ask();
        Assert.True(Objects);

        request.NeverReached = true;
        _machine.Leave(socket: false, counts: true, request);

        Assert.Equal(_begin + _options.IdleAfter, NotIdleBefore);
        Assert.False(Objects);
    }

    [Fact]
    public void Socket_that_the_workspace_has_not_taken_yet_is_a_request_that_waits()
    {
        _machine.TryEnter(socket: true, counts: true);
        var socket = new Traffic(_time, _machine.Counted);
        _time.Advance(_options.AttachedFor);
        Assert.Equal((1, 0, true), (_machine.Requests, _machine.Sockets, Objects));

        socket.SocketOpened();
        Assert.Equal((0, 1), (_machine.Requests, _machine.Sockets));
        Assert.Equal(_begin + (_options.AttachedFor * 2), _machine.AttachedSince + _options.AttachedFor);

        _machine.Leave(socket: true, counts: true, socket);
        Assert.Equal((0, 0), (_machine.Requests, _machine.Sockets));
    }

    [Fact]
    public void Clock_put_forward_takes_no_machine_on_which_something_just_passed()
    {
        Ask().AnswerBegan();
        _time.Skew = TimeSpan.FromDays(1);
        Assert.True(Objects);

        _time.Advance(_options.AttachedFor);
        Assert.False(Objects);
    }

    [Fact]
    public void Attached_time_counts_from_what_passed_through_another_replica()
    {
        Attach();
        _time.Advance(_options.AttachedFor);
        _machine.HeardOf(_time.GetUtcNow() - TimeSpan.FromMinutes(1));

        Assert.True(Objects);
    }

    [Fact]
    public void Quiet_socket_stands_against_a_stop_within_its_attached_time()
    {
        Attach();
        _time.Advance(_options.AttachedFor - TimeSpan.FromSeconds(1));

        Assert.True(Objects);
        Assert.Equal(_begin + _options.AttachedFor, NotIdleBefore);
    }

    [Fact]
    public void Quiet_socket_beyond_its_attached_time_does_not_stand_against_a_stop()
    {
        Attach();
        _time.Advance(_options.AttachedFor);

        Assert.False(Objects);
        Assert.True(NotIdleBefore <= _time.GetUtcNow());
    }

    [Fact]
    public void Data_on_a_socket_begins_its_attached_time_again()
    {
        Attach();
        _time.Advance(_options.AttachedFor);
        _machine.Counted.ToClient(1, isUse: true);

        Assert.True(Objects);
    }

    [Fact]
    public void Ping_on_a_socket_is_no_activity()
    {
        Attach();
        _time.Advance(_options.AttachedFor);
        _machine.Counted.ToClient(1, isUse: false);

        Assert.False(Objects);
    }

    /// <summary>The clock on the wall may be wrong; the one that measures durations is not.</summary>
    private sealed class SkewedTime : FakeTimeProvider
    {
        public TimeSpan Skew { get; set; }

        public override DateTimeOffset GetUtcNow() => base.GetUtcNow() + Skew;

        public override long GetTimestamp() => base.GetUtcNow().Ticks;
    }
}
