using Gateway.Machines;
using Gateway.Provisioning;
using Gateway.Sessions;
using Gateway.Tests.Simulation;
using Xunit;

namespace Gateway.Tests.Provisioning;

/// <summary>All sleeping machines are upgraded one after another, by one replica at a time.</summary>
public sealed class UpgradeRoundTests
{
    private readonly UpgradeStage _stage = new();
    private readonly SimulatedVisitStore _visits;

    public UpgradeRoundTests() => _visits = new SimulatedVisitStore(_stage.Base.Time, _stage.Base.Map);

    [Fact]
    public void Round_upgrades_those_that_sleep_and_tells_how_many_are_left()
    {
        var sessions = Sleepers(6);
        UpgradeStage.IsAwake(_stage.Wake(_stage.Waker("one"), sessions[0]));
        _stage.Base.Options.Image = UpgradeStage.After;
        var round = Round(new SimulatedReplica("one"));

        _stage.Base.World.Run(() => round.AskAsync(TimeSpan.FromSeconds(2), default));
        Assert.True(_stage.Base.World.Run(() => round.RunIfAskedAsync(default)));

        var state = _stage.Base.World.Run(() => round.ReadAsync(default))!;
        Assert.Equal((6, 5, 1, 0), (state.Looked, state.Upgraded, state.Later, state.Failed));
        Assert.NotNull(state.EndedAt);
        Assert.Equal([UpgradeStage.Before, .. Enumerable.Repeat(UpgradeStage.After, 5)], sessions.Select(_stage.ImageOf));
        Assert.All(sessions.Skip(1), session => Assert.Equal(PlatformState.Stopped, _stage.Machines.Find(session.Machine!.Value)!.State));
    }

    [Fact]
    public void Pace_lies_between_any_two_upgrades()
    {
        Sleepers(4);
        _stage.Base.Options.Image = UpgradeStage.After;
        var round = Round(new SimulatedReplica("one"));

        _stage.Base.World.Run(() => round.AskAsync(TimeSpan.FromSeconds(30), default));
        _stage.Base.World.Run(() => round.RunIfAskedAsync(default));

        var times = _stage.Machines.Calls.Where(call => call.Action == "update").Select(call => call.At).ToList();
        Assert.Equal(4, times.Count);
        Assert.All(times.Zip(times.Skip(1)), pair => Assert.True(pair.Second - pair.First >= TimeSpan.FromSeconds(30)));
    }

    [Fact]
    public void Two_replicas_go_round_once()
    {
        Sleepers(4);
        _stage.Base.Options.Image = UpgradeStage.After;
        var rounds = new[] { Round(new SimulatedReplica("one")), Round(new SimulatedReplica("two")) };

        _stage.Base.World.Run(() => rounds[0].AskAsync(TimeSpan.FromSeconds(1), default));
        var ended = _stage.Base.World.Run(() => Task.WhenAll(rounds.Select(round => round.RunIfAskedAsync(default))));

        Assert.Single(ended, went => went);
        Assert.Equal(4, _stage.Machines.CallsOf("update"));
    }

    [Fact]
    public void Round_of_a_dead_replica_is_gone_on_with()
    {
        var sessions = Sleepers(4);
        _stage.Base.Options.Image = UpgradeStage.After;
        var dying = new SimulatedReplica("dying");
        dying.DieBefore(14);
        _stage.Base.World.Run(() => Round(dying).AskAsync(TimeSpan.FromSeconds(1), default));
        _ = _stage.Base.World.Start(() => Round(dying).RunIfAskedAsync(default));
        _stage.Base.World.Pass(TimeSpan.FromSeconds(30));
        Assert.True(dying.IsDead);
        var next = Round(new SimulatedReplica("next"));
        Assert.False(_stage.Base.World.Run(() => next.RunIfAskedAsync(default)));

        _stage.Base.World.Pass(TimeSpan.FromMinutes(5), TimeSpan.FromSeconds(1));
        Assert.True(_stage.Base.World.Run(() => next.RunIfAskedAsync(default)));

        Assert.All(sessions, session => Assert.Equal(UpgradeStage.After, _stage.ImageOf(session)));
    }

    private List<Session> Sleepers(int count) => [.. Enumerable.Range(0, count).Select(n => _stage.Sleeping(new UserId($"user-{n}")))];

    private UpgradeRound Round(SimulatedReplica replica) => new(
        _stage.Base.Notes, new SimulatedVisitMap(_visits, replica), _stage.Base.Map.For(replica), _stage.Machines.For(replica), _stage.Upgrade(replica),
        new WorkspaceTemplate(_stage.Base.Options, _stage.Base.Names), _stage.Base.Names, new WorkspaceOverrides(_stage.Base.Notes), new Replica(replica.Name), _stage.Base.Time);
}
