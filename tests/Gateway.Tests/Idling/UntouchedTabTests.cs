using System.Diagnostics.Metrics;
using Gateway.Idling;
using Gateway.Sessions;
using Gateway.Tests.Simulation;
using Gateway.Tests.Waking;
using Gateway.Waking;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Options;
using Xunit;

namespace Gateway.Tests.Idling;

/// <summary>A tab that nobody looks at, over the real waker, budget, visits and idle stop, on virtual time.</summary>
public sealed class UntouchedTabTests : IDisposable
{
    private const string App = "my-jarvis-workspaces";

    private static readonly UserId Alice = new("alice");
    private static readonly TimeSpan Second = TimeSpan.FromSeconds(1);

    /// <summary>Short beside what a stop takes, or each stop would seem to last until the next poll.</summary>
    private static readonly TimeSpan Tick = TimeSpan.FromMilliseconds(250);

    private readonly SimulatedWorld _world = new();
    private readonly SimulatedMap _map;
    private readonly SimulatedMachines _machines;
    private readonly MachineId _machine;
    private readonly SimulatedMapView _view;
    private readonly Visits _visits;
    private readonly VisitReports _reports;
    private readonly IdleSweeper _sweeper;
    private readonly MachineWaker _waker;
    private readonly BackgroundWakes _background;
    private readonly WakingOptions _waking = new();
    private readonly IdlingOptions _idling = new();

    public UntouchedTabTests()
    {
        _map = new SimulatedMap(_world.Time).Listed();
        _machines = new SimulatedMachines(_world.Time);
        _machine = _machines.Add(App, "ws-one").Id;
        var replica = new SimulatedReplica("one");
        _view = _map.For(replica);
        var meters = new ServiceCollection().AddMetrics().BuildServiceProvider().GetRequiredService<IMeterFactory>();
        var (self, time, waking, idling) = (new Replica("one"), _world.Time, Options.Create(_waking), Options.Create(_idling));
        var held = new HeldRequests(_waking);
        _waker = new MachineWaker(
            _view, _machines.For(replica), new SimulatedProbe(_machines, time), self, held, new BootTimes(), new WakingMetrics(meters, held), waking, time, Random.Shared, NullLoggerFactory.Instance);
        _background = new BackgroundWakes(_view, _waker, waking, time);
        _visits = new Visits(time);
        _waker.Woken = _visits.Begin;
        var visitMap = new SimulatedVisitMap(new SimulatedVisitStore(time, _map), replica);
        var consents = new Consents(_visits, visitMap, self, new NoSockets(), idling, time, NullLogger<Consents>.Instance);
        visitMap.OnConsentAsked((machine, epoch) => consents.AnswerAsync(machine, epoch, CancellationToken.None));
        _reports = new VisitReports(_visits, visitMap, consents, self, idling, time, NullLogger<VisitReports>.Instance);
        var machineStop = new MachineStop(_view, _machines.For(replica), self, idling, time, NullLogger<MachineStop>.Instance);
        var stop = new IdleStop(_view, visitMap, machineStop, self, idling, time, NullLogger<IdleStop>.Instance);
        var suspended = new LongSuspended(_view, visitMap, machineStop, idling, time);
        _sweeper = new IdleSweeper(visitMap, _view, stop, suspended, self, idling, time, new IdlingMetrics(meters, _visits), NullLogger<IdleSweeper>.Instance);
        _world.Run(() => _view.WriteAsync(new Session { User = Alice, State = SessionState.Assigned, App = App, Machine = _machine }, CancellationToken.None));
    }

    [Fact]
    public void Tab_that_polls_for_a_day_wakes_its_machine_twice_an_hour_and_no_more()
    {
        RunReplica();
        var polls = _world.Start(() => EveryAsync(TimeSpan.FromSeconds(5), () => AskAsync(WakeRight.WithinBudget)));
        var (seconds, startsAt) = (new List<bool>(), new List<int>());
        for (var passed = TimeSpan.Zero; passed < TimeSpan.FromDays(1); passed += Second)
        {
            _world.Pass(Second, Tick);
            seconds.Add(_map.Machines.SingleOrDefault()?.State is MachineRecordState.Awake);
            startsAt.Add(_machines.AcceptedStarts(_machine));
        }

        var hour = (int)TimeSpan.FromHours(1).TotalSeconds;
        // A poll at the very moment of a stop is a visit like any other and puts it off by a sweep; in steps of a second that moment is a second long.
        var most = 2 * (_idling.IdleAfter + _idling.SweepEvery).TotalSeconds;
        for (var from = 0; from + hour < seconds.Count; from += 60)
        {
            Assert.InRange(startsAt[from + hour] - startsAt[from], 0, _waking.BackgroundWakesPerHour);
            Assert.InRange(seconds.Skip(from).Take(hour).Count(awake => awake), 0, most);
        }

        // It is a budget, and not a ban.
        Assert.InRange(startsAt[^1], 40, 48);
        Assert.False(polls.IsCompleted);
    }

    [Fact]
    public void Refused_poll_says_when_the_budget_has_room_again_and_asks_nobody()
    {
        RunReplica();
        _world.Run(SpendBudgetAsync);

        var calls = _machines.Calls.Count;
        Assert.False(_world.Run(() => AskAsync(WakeRight.WithinBudget)));
        var refused = _background.Refused(Alice);
        Assert.Equal(WakeRefusal.Asleep, refused.Reason);
        Assert.InRange(refused.RetryAfter, TimeSpan.FromMinutes(10), TimeSpan.FromMinutes(60));
        Assert.Equal(calls, _machines.Calls.Count);
    }

    [Fact]
    public void Navigation_wakes_the_machine_of_a_user_whose_budget_is_spent()
    {
        RunReplica();
        _world.Run(SpendBudgetAsync);

        Assert.True(_world.Run(() => AskAsync(WakeRight.Freely)));
    }

    [Fact]
    public void Background_wake_followed_by_a_person_is_not_charged()
    {
        RunReplica();
        for (var wakes = 0; wakes < 4; wakes++)
        {
            Assert.True(_world.Run(() => AskAsync(WakeRight.WithinBudget)));
            Assert.True(_world.Run(() => AskAsync(WakeRight.Freely)));
            _world.Run(() => SleepAsync());
        }
    }

    [Fact]
    public void Wake_that_somebody_else_began_is_joined_for_nothing()
    {
        _waking.BackgroundWakesPerHour = 0;

        var navigation = _world.Start(() => AskAsync(WakeRight.Freely));
        Assert.True(_world.Run(() => AskAsync(WakeRight.WithinBudget)));
        Assert.True(_world.Run(() => navigation));
    }

    [Fact]
    public void Monitor_never_wakes() => Assert.False(_world.Run(() => AskAsync(WakeRight.Never)));

    public void Dispose()
    {
        _reports.Dispose();
        _sweeper.Dispose();
    }

    private async Task SpendBudgetAsync()
    {
        for (var wakes = 0; wakes < _waking.BackgroundWakesPerHour; wakes++)
        {
            Assert.True(await AskAsync(WakeRight.WithinBudget));
            await SleepAsync();
        }
    }

    /// <summary>Until the machine has been put to sleep for idleness.</summary>
    private async Task SleepAsync()
    {
        while (_map.Machines.Single().State is not MachineRecordState.Asleep)
        {
            await Task.Delay(TimeSpan.FromSeconds(1), _world.Time);
        }
    }

    /// <summary>The path of a request, as far as waking and idling are concerned: false when it is refused.</summary>
    private async Task<bool> AskAsync(WakeRight right)
    {
        using var visit = _visits.Open(_machine, socket: false, counts: right is WakeRight.Freely);
        var record = await _view.FindMachineAsync(_machine, CancellationToken.None);
        if (visit.GateIsClosed || record is not { State: MachineRecordState.Awake, Address: not null })
        {
            var asked = new WakeRequest(App, _machine, Alice, WakeCause.Request);
            if (await _background.PermitAsync(asked, right, record, CancellationToken.None) is not { } wake
                || await _waker.EnsureAwakeAsync(wake, TimeSpan.FromSeconds(50), CancellationToken.None) is not WakeOutcome.Awake awake)
            {
                return false;
            }

            visit.OpenGate();
            _background.Unused(wake, awake);
            record = (await _view.FindMachineAsync(_machine, CancellationToken.None))!;
        }

        _background.Settle(record, right is WakeRight.Freely);
        return true;
    }

    private void RunReplica()
    {
        _ = _world.Start(() => EveryAsync(_idling.ReportEvery, () => _reports.ReportAsync(CancellationToken.None)));
        _ = _world.Start(() => EveryAsync(_idling.SweepEvery, () => _sweeper.SweepAsync(CancellationToken.None)));
    }

    private async Task EveryAsync(TimeSpan period, Func<Task> work)
    {
        while (true)
        {
            await Task.Delay(period, _world.Time);
            await work();
        }
    }

    private sealed class NoSockets : ISocketsOfMachine
    {
        public Task CloseAsync(MachineId machine, CancellationToken cancellationToken) => Task.CompletedTask;
    }
}
