using Gateway.Machines;
using Gateway.Provisioning;
using Gateway.Reconciling;
using Gateway.Sessions;
using Gateway.Tests.Provisioning;
using Gateway.Tests.Simulation;
using Microsoft.Extensions.Logging.Abstractions;
using Xunit;
using static Gateway.Tests.Provisioning.ProvisioningStage;

namespace Gateway.Tests.Reconciling;

/// <summary>Losing the map loses no workspace, and gains nobody one that is not theirs.</summary>
public sealed class MapRebuildTests
{
    private static readonly UserId Bob = new("bob");

    private readonly ProvisioningStage _stage = new();

    [Fact]
    public void Flushed_map_is_filled_again_and_nothing_is_made_twice()
    {
        var provisioner = Provisioner("a");
        var users = Enumerable.Range(0, 25).Select(n => new UserId($"user-{n}")).ToList();
        var before = users.ToDictionary(user => user, user => Assigned(_stage.Ensure(provisioner, user)));
        _stage.Machines.PageSize = 4;

        _stage.Map.Flush();

        Assert.All(users, user =>
        {
            var after = Assigned(_stage.Ensure(provisioner, user));
            Assert.Equal((before[user].Machine, before[user].Volume, before[user].Region, before[user].App), (after.Machine, after.Volume, after.Region, after.App));
        });
        Assert.Equal((25, 25), (_stage.Machines.Machines.Count, _stage.Machines.Volumes.Count));
        Assert.Equal(25, _stage.Map.Machines.Count);
        Assert.Equal(7 * 1, _stage.Machines.CallsOf("list"));
    }

    [Fact]
    public void Half_made_workspace_is_found_again_after_a_flush()
    {
        var dying = new SimulatedReplica("dying") { OnCall = null };
        var steps = 0;
        dying.OnCall = action =>
        {
            steps++;
            if (action == "create")
            {
                dying.DieBefore(steps);
            }
        };
        _ = _stage.World.Start(() => Provisioner(dying).EnsureAssignedAsync(Alice, LongHold, default));
        Assert.True(dying.IsDead);

        _stage.Map.Flush();
        _stage.Persist(Provisioner("heir"));

        Assert.Single(_stage.Machines.Volumes);
    }

    [Fact]
    public void Known_user_is_served_long_before_a_new_one_after_a_flush()
    {
        var provisioner = Provisioner("a");
        var alice = Assigned(_stage.Ensure(provisioner, Alice));
        _stage.Map.Flush();

        var (hers, his) = (_stage.World.Start(() => provisioner.EnsureAssignedAsync(Alice, LongHold, default)), _stage.World.Start(() => provisioner.EnsureAssignedAsync(Bob, LongHold, default)));
        _stage.World.Pass(TimeSpan.FromSeconds(1));

        Assert.True(hers.IsCompleted);
        Assert.Equal(alice.Machine, Assigned(_stage.World.Run(() => hers)).Machine);
        Assert.False(his.IsCompleted);
        Assigned(_stage.World.Run(() => his));
    }

    [Fact]
    public void Volume_still_on_its_way_when_the_map_is_lost_is_not_made_again()
    {
        var provisioner = Provisioner("a");
        _stage.Ensure(provisioner, Alice);
        _stage.Machines.Delay("volumes.create", TimeSpan.FromSeconds(8));
        _ = _stage.World.Start(() => provisioner.EnsureAssignedAsync(Bob, LongHold, default));
        _stage.World.Pass(TimeSpan.FromSeconds(1));

        _stage.Map.Flush();
        Assigned(_stage.Ensure(Provisioner("b"), Bob));
        _stage.World.Pass(TimeSpan.FromMinutes(1));

        Assert.Equal(2, _stage.Machines.Volumes.Count);
    }

    [Fact]
    public void Workspace_that_rewrote_its_metadata_to_another_user_gains_nothing()
    {
        var provisioner = Provisioner("a");
        var alice = Assigned(_stage.Ensure(provisioner, Alice));
        var bob = Assigned(_stage.Ensure(provisioner, Bob));
        var alices = _stage.Machines.Find(alice.Machine!.Value)!.Metadata;
        foreach (var (key, value) in alices)
        {
            _stage.Machines.RewriteMetadata(bob.Machine!.Value, key, value);
        }

        _stage.Map.Flush();
        var after = Assigned(_stage.Ensure(provisioner, Alice));

        Assert.Equal(alice.Machine, after.Machine);
        Assert.IsType<ProvisionOutcome.Refused>(_stage.Ensure(provisioner, Bob));
        Assert.Equal((2, 2), (_stage.Machines.Machines.Count, _stage.Machines.Volumes.Count));
    }

    [Fact]
    public void Workspace_that_adds_another_user_beside_its_own_gains_nothing()
    {
        var provisioner = Provisioner("a");
        var bob = Assigned(_stage.Ensure(provisioner, Bob));
        var name = _stage.Machines.Find(bob.Machine!.Value)!.Name;
        var forged = new WorkspaceNames(_stage.App, "another-key-that-the-guest-made-up-0123").SharedMetadata(_stage.App, name, Alice);
        foreach (var (key, value) in forged)
        {
            _stage.Machines.RewriteMetadata(bob.Machine.Value, key, value);
        }

        _stage.Map.Flush();
        Assert.True(_stage.World.Run(() => Rebuild("a").EnsureListedAsync(default)));

        Assert.Equal(Bob, Assert.Single(_stage.Map.Sessions).User);
    }

    [Fact]
    public void Machine_that_several_share_gives_each_of_them_a_session()
    {
        var shared = _stage.Machines.Add(_stage.App, "everybody", metadata: new[] { Alice, Bob }
            .SelectMany(user => _stage.Names.SharedMetadata(_stage.App, "everybody", user)).ToDictionary());
        _stage.Map.Flush();

        Assert.True(_stage.World.Run(() => Rebuild("a").EnsureListedAsync(default)));

        Assert.Equal([Alice, Bob], _stage.Map.Sessions.Select(session => session.User).OrderBy(user => user.Value));
        Assert.All(_stage.Map.Sessions, session => Assert.Equal(shared.Id, session.Machine));
    }

    [Fact]
    public void What_stands_in_the_map_is_not_overwritten()
    {
        var name = _stage.Names.MachineName(Alice);
        _stage.Machines.Add(_stage.App, name, metadata: _stage.Names.Metadata(_stage.App, name, Alice));
        _stage.Map.Flush();
        var stands = _stage.World.Run(() => _stage.Map.For("x").WriteAsync(new Session { User = Alice, State = SessionState.Assigned, App = "elsewhere", Machine = new MachineId("m") }, default)).Current;

        Assert.True(_stage.World.Run(() => Rebuild("a").EnsureListedAsync(default)));

        Assert.Equal(stands, Assert.Single(_stage.Map.Sessions));
    }

    [Theory]
    [InlineData(PlatformState.Stopped, MachineRecordState.Asleep, false)]
    [InlineData(PlatformState.Suspended, MachineRecordState.Asleep, true)]
    [InlineData(PlatformState.Started, MachineRecordState.Waking, false)]
    internal void Record_says_no_more_than_the_platform_knows(PlatformState state, MachineRecordState expected, bool suspended)
    {
        var name = _stage.Names.MachineName(Alice);
        _stage.Machines.Add(_stage.App, name, metadata: _stage.Names.Metadata(_stage.App, name, Alice), state: state);
        _stage.Map.Flush();

        Assert.True(_stage.World.Run(() => Rebuild("a").EnsureListedAsync(default)));

        var record = Assert.Single(_stage.Map.Machines);
        Assert.Equal((expected, suspended), (record.State, record.Suspended));
        Assert.Null(record.Address);
        Assert.True(record.Lease is null || record.Lease.Until <= _stage.Time.GetUtcNow());
    }

    [Fact]
    public void Boots_numbered_before_a_loss_do_not_come_again()
    {
        var name = _stage.Names.MachineName(Alice);
        _stage.Machines.Add(_stage.App, name, metadata: _stage.Names.Metadata(_stage.App, name, Alice));
        _stage.Map.Flush();
        _stage.World.Run(() => Rebuild("a").EnsureListedAsync(default));
        var boot = Assert.Single(_stage.Map.Machines).NextBoot(_stage.Time.GetUtcNow());

        _stage.World.Pass(TimeSpan.FromMinutes(1));
        _stage.Map.Flush();
        _stage.World.Run(() => Rebuild("a").EnsureListedAsync(default));

        Assert.True(Assert.Single(_stage.Map.Machines).Boot > boot);
    }

    [Fact]
    public void Listing_that_breaks_off_does_not_count()
    {
        for (var n = 0; n < 5; n++)
        {
            _stage.Machines.Add(_stage.App, $"m-{n}");
        }

        _stage.Machines.PageSize = 2;
        _stage.Map.Flush();
        var rebuild = Rebuild("a");
        _stage.Machines.FailNext("list", MachinesFailureKind.Forbidden);

        Assert.False(_stage.World.Run(() => rebuild.EnsureListedAsync(default)));
        Assert.IsType<ProvisionOutcome.Refused>(_stage.Ensure(_stage.Provisioner("b")));
        Assert.True(_stage.World.Run(() => rebuild.EnsureListedAsync(default)));
    }

    [Fact]
    public void Passing_refusals_of_the_listing_are_tried_again()
    {
        _stage.Map.Flush();
        _stage.Machines.FailNext("list", MachinesFailureKind.RateLimited, times: 2);
        _stage.Machines.FailNext("list", MachinesFailureKind.Unavailable, times: 2);

        Assert.True(_stage.World.Run(() => Rebuild("a").EnsureListedAsync(default)));
    }

    [Fact]
    public void Shared_machine_on_a_host_that_does_not_answer_keeps_the_listing_incomplete()
    {
        var shared = _stage.Machines.Add(_stage.App, "everybody", metadata: _stage.Names.SharedMetadata(_stage.App, "everybody", Alice));
        _stage.Machines.HostUnreachable(shared.Id);
        _stage.Map.Flush();
        var rebuild = Rebuild("a");

        Assert.False(_stage.World.Run(() => rebuild.EnsureListedAsync(default)));

        _stage.Machines.HostUnreachable(shared.Id, unreachable: false);
        Assert.True(_stage.World.Run(() => rebuild.EnsureListedAsync(default)));
    }

    [Fact]
    public void Map_lost_again_during_the_listing_is_listed_again()
    {
        var alice = Assigned(_stage.Ensure(Provisioner("a")));
        _stage.Map.Flush();
        _stage.Machines.Delay("list", TimeSpan.FromSeconds(5));
        var rebuilding = _stage.World.Start(() => Rebuild("a").EnsureListedAsync(default));
        _stage.World.Pass(TimeSpan.FromSeconds(2));

        _stage.Map.Flush();

        Assert.True(_stage.World.Run(() => rebuilding));
        Assert.Equal(alice.Machine, Assert.Single(_stage.Map.Sessions).Machine);
        Assert.Equal(2, _stage.Machines.CallsOf("list"));
    }

    [Fact]
    public void Failover_that_lost_the_assignment_finds_the_machine_again()
    {
        var provisioner = Provisioner("a");
        _stage.Machines.Delay("volumes.create", TimeSpan.FromSeconds(2));
        var asking = _stage.World.Start(() => provisioner.EnsureAssignedAsync(Alice, LongHold, default));
        _stage.World.Pass(TimeSpan.FromSeconds(1));
        var older = _stage.Map.Snapshot();
        var before = Assigned(_stage.World.Run(() => asking));

        _stage.Map.RollBack(older);
        Assert.Equal(SessionState.Provisioning, Assert.Single(_stage.Map.Sessions).State);

        Assert.Equal((before.Machine, before.Volume), (_stage.Persist(provisioner).Machine, _stage.Persist(provisioner).Volume));
        Assert.Equal((1, 1), (_stage.Machines.Machines.Count, _stage.Machines.Volumes.Count));
    }

    [Fact]
    public void Many_who_ask_at_once_cause_one_listing()
    {
        _stage.Map.Flush();
        var rebuild = Rebuild("a");
        _stage.Machines.Delay("list", TimeSpan.FromSeconds(1));

        var answers = _stage.World.Run(() => Task.WhenAll(Enumerable.Range(0, 50).Select(_ => rebuild.EnsureListedAsync(default))));

        Assert.All(answers, Assert.True);
        Assert.Equal(1, _stage.Machines.CallsOf("list"));
    }

    [Fact]
    public void Thousand_machines_are_adopted_by_sixteen_at_a_time()
    {
        for (var n = 0; n < 1000; n++)
        {
            var name = _stage.Names.MachineName(new UserId($"user-{n}"));
            _stage.Machines.Add(_stage.App, name, metadata: _stage.Names.Metadata(_stage.App, name, new UserId($"user-{n}")));
        }

        _stage.Map.Flush();
        _stage.Map.Latency = TimeSpan.FromMilliseconds(50);

        var rebuilding = _stage.World.Start(() => Rebuild("a").EnsureListedAsync(default));
        _stage.World.Pass(TimeSpan.FromSeconds(8));

        Assert.Equal((1000, 1000), (_stage.Map.Sessions.Count, _stage.Map.Machines.Count));
        Assert.True(_stage.World.Run(() => rebuilding));
    }

    [Fact]
    public async Task Watch_rebuilds_before_anybody_asks()
    {
        var alice = Assigned(_stage.Ensure(Provisioner("a")));
        var replica = new SimulatedReplica("watching");
        var watch = new RebuildWatch(_stage.Map.For(replica), Rebuild("watching"), TimeSpan.FromSeconds(3), _stage.Time, NullLogger<RebuildWatch>.Instance);
        await _stage.World.Start(() => watch.StartAsync(default));
        _stage.Map.Flush();
        replica.MapUnavailable = true;
        await PassAsync(() => replica.Steps >= 2);

        replica.MapUnavailable = false;
        await PassAsync(() => _stage.Map.Sessions.Count == 1);

        Assert.Equal(alice.Machine, Assert.Single(_stage.Map.Sessions).Machine);
        await watch.StopAsync(default);
    }

    // A hosted service runs on the thread pool, so here the clock is moved until what is waited for has happened.
    private async Task PassAsync(Func<bool> until)
    {
        for (var turn = 0; turn < 3000 && !until(); turn++)
        {
            _stage.World.Pass(TimeSpan.FromSeconds(1));
            await Task.Delay(TimeSpan.FromMilliseconds(10), TimeProvider.System);
        }

        Assert.True(until());
    }

    private WorkspaceProvisioner Provisioner(string replica) => Provisioner(new SimulatedReplica(replica));

    private WorkspaceProvisioner Provisioner(SimulatedReplica replica)
    {
        _stage.ReadListing = Rebuild(replica).EnsureListedAsync;
        return _stage.Provisioner(replica);
    }

    private MapRebuild Rebuild(string replica) => Rebuild(new SimulatedReplica(replica));

    private MapRebuild Rebuild(SimulatedReplica replica) => new(
        _stage.Map.For(replica),
        new MachineListing(_stage.Machines.For(replica), _stage.Names, [_stage.App], _stage.Time),
        new MachineAdoption(_stage.Map.For(replica), _stage.Time),
        TimeSpan.FromMinutes(5),
        _stage.Time,
        new ReconcilingMetrics(new NoMeters()),
        NullLogger<MapRebuild>.Instance);

    private static Session Assigned(ProvisionOutcome outcome) => Assert.IsType<ProvisionOutcome.Assigned>(outcome).Session;
}
