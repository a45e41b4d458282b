using Gateway.Idling;
using Gateway.Operations.Costs;
using Microsoft.Extensions.Time.Testing;
using Xunit;

namespace Gateway.Tests.Operations.Costs;

public sealed class UseMeterTests
{
    private static readonly MachineId Machine = new("m1");

    private readonly FakeTimeProvider _time = new(new DateTimeOffset(2030, 1, 31, 12, 0, 2, TimeSpan.Zero));
    private readonly Visits _visits;
    private readonly UseMeter _meter;

    public UseMeterTests()
    {
        _visits = new Visits(_time);
        _meter = new UseMeter(_visits, _time);
        _visits.Retired = _meter.Left;
    }

    [Fact]
    public void Socket_IsAttached_AndActiveWhereSomethingPassed()
    {
        using var socket = _visits.Open(Machine, socket: true, counts: false);
        socket.Traffic.SocketOpened();
        Turns(2);
        socket.Traffic.ToClient(100, isUse: true);
        Turns(1);
        socket.Traffic.ToClient(2, isUse: false);
        Turns(1);

        var use = Assert.Single(_meter.Take());
        Assert.Equal("112100000000", use.Turns);
        Assert.Equal(102, use.Egress);
        Assert.True(use.Used);
    }

    [Fact]
    public void RequestInProgress_IsActive_ThoughNothingPasses()
    {
        using var request = _visits.Open(Machine, socket: false, counts: true);
        Turns(2);

        Assert.Equal("220000000000", Assert.Single(_meter.Take()).Turns);
    }

    [Fact]
    public void PollInTheBackground_IsNoUse_ButWhatItIsAnsweredIsSentOut()
    {
        using (var poll = _visits.Open(Machine, socket: false, counts: false))
        {
            poll.Traffic.ToClient(500, isUse: true);
            Turns(1);
        }

        var use = Assert.Single(_meter.Take());
        Assert.Equal(("000000000000", 500L, false), (use.Turns, use.Egress, use.Used));
    }

    [Fact]
    public void WhatPassedBetweenTwoTurns_IsCounted_ThoughTheMachineWasLetGo()
    {
        Request(700);
        _visits.Retire(_visits.Of(Machine)!);
        Turns(1);

        var use = Assert.Single(_meter.Take());
        Assert.Equal(("200000000000", 700L, true), (use.Turns, use.Egress, use.Used));
    }

    [Fact]
    public void WhatWasCountedOnce_IsNotCountedAgain()
    {
        Request(700);
        Turns(1);
        _meter.Take();
        Turns(1);
        _visits.Retire(_visits.Of(Machine)!);
        Turns(1);

        Assert.Empty(_meter.Take());
    }

    [Fact]
    public void NextVisits_AfterTheMachineWasLetGo_AreCountedFromTheBeginning()
    {
        Request(700);
        Turns(1);
        _visits.Retire(_visits.Of(Machine)!);
        Request(30);
        Turns(1);

        Assert.Equal(730, Assert.Single(_meter.Take()).Egress);
    }

    [Fact]
    public void BytesThatCouldNotBeWritten_GoWithTheNextMinute()
    {
        Request(700);
        Turns(1);
        _meter.PutBack(_meter.Take());
        Request(30);
        Turns(1);

        var use = Assert.Single(_meter.Take());
        Assert.Equal((730L, true), (use.Egress, use.Used));
    }

    private void Request(int bytes)
    {
        using var request = _visits.Open(Machine, socket: false, counts: true);
        request.Traffic.ToClient(bytes, isUse: true);
    }

    private void Turns(int turns)
    {
        for (var turn = 0; turn < turns; turn++)
        {
            _meter.Turn();
            _time.Advance(TimeSpan.FromSeconds(5));
        }
    }
}
