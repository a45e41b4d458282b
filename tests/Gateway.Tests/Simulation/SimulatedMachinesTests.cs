using Gateway.Machines;
using Gateway.Sessions;
using Microsoft.Extensions.Time.Testing;
using Xunit;

namespace Gateway.Tests.Simulation;

/// <summary>What the other tests stand on.</summary>
public sealed class SimulatedMachinesTests
{
    private static readonly TimeSpan Bound = TimeSpan.FromSeconds(30);

    private readonly SimulatedWorld _world = new();
    private readonly FakeTimeProvider _time;
    private readonly SimulatedMachines _machines;

    public SimulatedMachinesTests()
    {
        _time = _world.Time;
        _machines = new SimulatedMachines(_time);
    }

    [Fact]
    public async Task Second_start_of_a_starting_machine_is_refused_as_already_starting()
    {
        var machine = _machines.Add("app", "ws-1").Id;

        Assert.True((await _machines.StartAsync("app", machine, null, default)).IsOk);
        Assert.Equal(MachinesFailureKind.AlreadyStarting, (await _machines.StartAsync("app", machine, null, default)).Failure?.Kind);
        Assert.Equal(1, _machines.AcceptedStarts(machine));
        _time.Advance(_machines.StartDelay);
        Assert.False(_machines.IsReady(machine));
        _time.Advance(_machines.ReadyDelay);
        Assert.True(_machines.IsReadyAt(_machines.Find(machine)!.PrivateAddress!));
    }

    [Fact]
    public async Task Wait_answers_when_the_state_is_reached()
    {
        var machine = _machines.Add("app", "ws-1").Id;
        await _machines.StartAsync("app", machine, null, default);

        Assert.True(_world.Run(() => _machines.WaitAsync("app", machine, "started", null, TimeSpan.FromSeconds(60), default)).IsOk);
    }

    [Fact]
    public async Task Stop_with_the_nonce_of_a_lease_that_passed_to_another_is_refused()
    {
        var machine = _machines.Add("app", "ws-1", state: PlatformState.Started).Id;
        var first = (await _machines.LeaseAsync("app", machine, TimeSpan.FromSeconds(5), "first", default)).Value!;
        Assert.Equal(MachinesFailureKind.LeaseHeld, (await _machines.LeaseAsync("app", machine, TimeSpan.FromSeconds(5), "second", default)).Failure?.Kind);

        _time.Advance(TimeSpan.FromSeconds(6));
        var second = (await _machines.LeaseAsync("app", machine, TimeSpan.FromSeconds(5), "second", default)).Value!;

        Assert.Equal(MachinesFailureKind.LeaseHeld, (await _machines.StopAsync("app", machine, null, first.Nonce, default)).Failure?.Kind);
        Assert.True((await _machines.StopAsync("app", machine, null, second.Nonce, default)).IsOk);
        Assert.Equal(MachinesFailureKind.NotYet, (await _machines.StartAsync("app", machine, second.Nonce, default)).Failure?.Kind);
    }

    [Fact]
    public async Task Answer_lost_is_ambiguous_and_carried_out()
    {
        _machines.LoseAnswerOf("create");

        var created = await _machines.CreateAsync("app", new NewMachine("ws-1", "sjc", new MachineConfig()), launch: false, default);

        Assert.Equal(MachinesFailureKind.Ambiguous, created.Failure?.Kind);
        Assert.Single(_machines.Machines);
    }

    [Fact]
    public async Task Listing_follows_cursors_to_the_end()
    {
        _machines.PageSize = 3;
        for (var n = 0; n < 8; n++)
        {
            _machines.Add("app", $"ws-{n}");
        }

        var names = new List<string>();
        string? cursor = null;
        do
        {
            var page = (await _machines.ListAsync("app", new Dictionary<string, string>(), cursor, default)).Value!;
            names.AddRange(page.Machines.Select(machine => machine.Name));
            cursor = page.Next;
        }
        while (cursor is not null);

        Assert.Equal(8, names.Distinct().Count());
    }

    [Fact]
    public async Task Stale_epoch_loses_and_reads_what_stands()
    {
        var map = new SimulatedMap(_time);
        var (a, b) = (map.For("a"), map.For("b"));
        var session = new Session { User = new UserId("alice"), State = SessionState.Provisioning, App = "app" };
        var first = await a.WriteAsync(session, default);

        var second = await b.WriteAsync(session with { App = "other" }, default);

        Assert.True(first.Won);
        Assert.False(second.Won);
        Assert.Equal(first.Current, second.Current);
    }

    [Fact]
    public async Task Change_wakes_a_waiter_without_any_time_passing()
    {
        var map = new SimulatedMap(_time);
        var (a, b) = (map.For("a"), map.For("b"));
        var user = new UserId("alice");
        var waiting = b.WaitForChangeAsync(user, 0, TimeSpan.FromSeconds(5), default);
        await a.WriteAsync(new Session { User = user, State = SessionState.Provisioning, App = "app" }, default);

        Assert.Equal(SessionState.Provisioning, (await waiting.WaitAsync(Bound))?.State);
    }

    [Fact]
    public async Task Lost_message_is_made_up_for_by_the_slow_poll()
    {
        var map = new SimulatedMap(_time);
        var deaf = new SimulatedReplica("deaf") { LosesMessages = true };
        var user = new UserId("alice");
        var waiting = _world.Start(() => map.For(deaf).WaitForChangeAsync(user, 0, TimeSpan.FromSeconds(60), default));
        await map.For("a").WriteAsync(new Session { User = user, State = SessionState.Provisioning, App = "app" }, default);

        Assert.NotNull(_world.Run(() => waiting));
    }
}
