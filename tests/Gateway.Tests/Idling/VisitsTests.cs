using Gateway.Idling;
using Microsoft.Extensions.Time.Testing;
using Xunit;

namespace Gateway.Tests.Idling;

public sealed class VisitsTests
{
    private static readonly MachineId Machine = new("148e21f7a9d389");

    private readonly FakeTimeProvider _time = new();
    private readonly Visits _visits;

    public VisitsTests() => _visits = new Visits(_time);

    [Fact]
    public void Visit_opened_before_the_gate_closes_is_seen_by_the_stop()
    {
        using var visit = _visits.Open(Machine, socket: false, counts: true);

        Assert.False(_visits.CloseGate(Machine));
    }

    [Fact]
    public void Visit_opened_after_the_gate_closed_sees_the_stop()
    {
        Assert.True(_visits.CloseGate(Machine));

        using var visit = _visits.Open(Machine, socket: false, counts: true);
        Assert.True(visit.GateIsClosed);
        visit.OpenGate();
        Assert.False(visit.GateIsClosed);
    }

    [Fact]
    public void Socket_that_ends_while_a_stop_is_decided_is_no_use()
    {
        var socket = _visits.Open(Machine, socket: true, counts: true);
        socket.Traffic.SocketOpened();
        var opened = _time.GetUtcNow();
        _time.Advance(TimeSpan.FromHours(1));
        _visits.CloseGate(Machine);

        socket.Dispose();

        Assert.Equal(opened, _visits.Of(Machine)!.LastActivity);
    }

    [Fact]
    public void Machine_with_a_visit_is_not_retired()
    {
        using var visit = _visits.Open(Machine, socket: false, counts: true);
        var known = _visits.Of(Machine)!;

        _visits.Retire(known);

        Assert.Same(known, _visits.Of(Machine));
        Assert.Equal(1, known.Open);
    }

    [Fact]
    public void Machine_whose_gate_is_closed_is_not_retired_until_the_gate_lapses()
    {
        _visits.CloseGate(Machine);
        var known = _visits.Of(Machine)!;

        _visits.Retire(known);
        Assert.Same(known, _visits.Of(Machine));

        _time.Advance(TimeSpan.FromSeconds(51));
        known.LetGateLapse(TimeSpan.FromSeconds(50));
        _visits.Retire(known);
        Assert.Null(_visits.Of(Machine));
    }

    [Fact]
    public void Retired_machine_takes_no_visit_and_the_next_visit_begins_anew()
    {
        _visits.Open(Machine, socket: false, counts: true).Dispose();
        var retired = _visits.Of(Machine)!;
        _visits.Retire(retired);

        Assert.False(retired.TryEnter(socket: false, counts: true));
        Assert.Null(retired.CloseGate());
        Assert.Equal(0, retired.Open);
        using var visit = _visits.Open(Machine, socket: false, counts: true);
        Assert.NotSame(retired, _visits.Of(Machine));
    }

    [Fact]
    public void Requests_and_sockets_are_counted_apart()
    {
        using var request = _visits.Open(Machine, socket: false, counts: true);
        using var socket = _visits.Open(Machine, socket: true, counts: true);
        socket.Traffic.SocketOpened();
        var known = _visits.Of(Machine)!;

        Assert.Equal((2, 1, 1), (known.Open, known.Requests, known.Sockets));
        Assert.Equal(2, _visits.OpenInTotal);
    }

    [Fact]
    public void Only_the_end_of_a_visit_that_counts_is_activity()
    {
        var counted = _visits.Open(Machine, socket: false, counts: true);
        var poll = _visits.Open(Machine, socket: false, counts: false);
        var known = _visits.Of(Machine)!;

        _time.Advance(TimeSpan.FromMinutes(1));
        counted.Dispose();
        var ended = _time.GetUtcNow();
        _time.Advance(TimeSpan.FromMinutes(1));
        poll.Traffic.ToClient(10, isUse: true);
        poll.Dispose();

        Assert.Equal(ended, known.LastActivity);
    }

    [Fact]
    public void Visit_that_never_reached_its_machine_is_no_activity()
    {
        var visit = _visits.Open(Machine, socket: false, counts: true);
        visit.NeverReached();
        visit.Dispose();

        Assert.Equal(DateTimeOffset.UnixEpoch, _visits.Of(Machine)!.LastActivity);
    }

    [Fact]
    public void OpenVisits_AreCountedByTheKindOfTheirCredential_WhileTheyLast()
    {
        var browser = _visits.Open(Machine, socket: false, counts: true, by: VisitCredential.SignIn);
        var terminal = _visits.Open(Machine, socket: true, counts: true, by: VisitCredential.Token);
        using var own = _visits.Open(Machine, socket: false, counts: true);

        Assert.Equal((1, 1), (_visits.Of(Machine)!.BySignIn, _visits.Of(Machine)!.ByToken));

        browser.Dispose();
        terminal.Dispose();
        Assert.Equal((0, 0), (_visits.Of(Machine)!.BySignIn, _visits.Of(Machine)!.ByToken));
    }
}
