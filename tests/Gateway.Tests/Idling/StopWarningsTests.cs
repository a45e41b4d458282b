using Gateway.Idling;
using Gateway.Sessions;
using Gateway.Tests.Simulation;
using Microsoft.Extensions.Options;
using Xunit;

namespace Gateway.Tests.Idling;

public sealed class StopWarningsTests
{
    private static readonly MachineId Machine = new("148e21f7a9d389");

    private readonly SimulatedWorld _world = new();
    private readonly IdlingOptions _options = new();
    private readonly SimulatedVisitMap _map;
    private readonly Visits _visits;
    private readonly StopWarnings _warnings;

    public StopWarningsTests()
    {
        _map = new SimulatedVisitMap(new SimulatedVisitStore(_world.Time, new SimulatedMap(_world.Time)), new SimulatedReplica("one"));
        _visits = new Visits(_world.Time);
        _warnings = new StopWarnings(_map, _visits, Options.Create(_options), _world.Time);
    }

    private TimeSpan? SleepsIn => _world.Run(() => _warnings.SleepsInAsync(Machine, CancellationToken.None).AsTask());

    [Fact]
    public void Machine_due_within_the_warning_time_is_warned_of_once_the_moment_stands_still()
    {
        Report(TimeSpan.FromMinutes(10));
        Assert.Null(SleepsIn);

        _world.Pass(TimeSpan.FromMinutes(8) + TimeSpan.FromSeconds(20), TimeSpan.FromSeconds(1));

        Assert.InRange(SleepsIn!.Value, TimeSpan.FromSeconds(95), TimeSpan.FromSeconds(101));
    }

    [Fact]
    public void Moment_that_another_replica_moves_ahead_again_and_again_is_no_warning()
    {
        for (var report = 0; report < 20; report++)
        {
            Report(TimeSpan.FromSeconds(30));
            Assert.Null(SleepsIn);
            _world.Pass(_options.ReportEvery, TimeSpan.FromSeconds(1));
        }
    }

    [Fact]
    public void Silent_terminal_is_warned_of_before_its_attached_time_ends()
    {
        using var socket = _visits.Open(Machine, socket: true, counts: true);
        socket.Traffic.SocketOpened();
        Assert.Null(SleepsIn);

        _world.Pass(_options.AttachedFor - TimeSpan.FromMinutes(1), TimeSpan.FromMinutes(1));

        Assert.InRange(SleepsIn!.Value, TimeSpan.FromSeconds(55), TimeSpan.FromSeconds(60));
    }

    [Fact]
    public void Request_in_progress_is_no_warning()
    {
        using var request = _visits.Open(Machine, socket: false, counts: true);
        Report(TimeSpan.FromMinutes(1));
        _world.Pass(TimeSpan.FromSeconds(40), TimeSpan.FromSeconds(1));

        Assert.Null(SleepsIn);
    }

    private void Report(TimeSpan ahead) =>
        _world.Run(() => _map.ReportAsync([new IdleReport(Machine, _world.Time.GetUtcNow() + ahead, DateTimeOffset.UnixEpoch)], CancellationToken.None));
}
