using Gateway.FunctionalTests.Cloud;
using Gateway.Sessions;
using LocalCloud;
using Microsoft.Extensions.Logging.Abstractions;
using Xunit;

namespace Gateway.FunctionalTests.Sessions;

/// <summary>The operators' indices, on a real Redis.</summary>
public sealed class RedisRouteIndexTests : RouteIndexTests, IAsyncLifetime
{
    private RedisServer _server = null!;

    private protected override string Url => _server.Url;

    public async Task InitializeAsync() => _server = await RedisServer.StartAsync();

    public async Task DisposeAsync() => await _server.DisposeAsync();
}

/// <summary>The same on the embedded Garnet of the local cloud.</summary>
public sealed class GarnetRouteIndexTests : RouteIndexTests, IAsyncLifetime
{
    private readonly int _port = FreePorts.Take();
    private readonly string _folder = Directory.CreateTempSubdirectory("garnet-").FullName;
    private EmbeddedRedis _server = null!;

    private protected override string Url => $"redis://127.0.0.1:{_port}";

    public Task InitializeAsync()
    {
        _server = EmbeddedRedis.Start(_port, _folder, NullLoggerProvider.Instance);
        return Task.CompletedTask;
    }

    public async Task DisposeAsync()
    {
        await _server.DisposeAsync();
        Directory.Delete(_folder, recursive: true);
    }
}

public abstract class RouteIndexTests
{
    private static readonly DateTimeOffset Noon = new(2030, 1, 31, 12, 0, 0, TimeSpan.Zero);

    private protected abstract string Url { get; }

    [Fact]
    public async Task UsersOfASharedMachine_ChangeStateWithIt()
    {
        await using var replica = await StartAsync();
        await AssignAsync(replica, "alice", "m1");
        await AssignAsync(replica, "bob", "m1");
        await AssignAsync(replica, "carol", "m10");
        await MachineAsync(replica, "m10", MachineRecordState.Asleep);
        var record = await MachineAsync(replica, "m1", MachineRecordState.Awake);

        Assert.Equal("alice bob", await InStateAsync(replica, "awake"));
        Assert.Equal("carol", await InStateAsync(replica, "asleep"));

        await replica.Map.WriteAsync(record with { State = MachineRecordState.Asleep }, CancellationToken.None);

        Assert.Equal("", await InStateAsync(replica, "awake"));
        Assert.Equal("alice bob carol", await InStateAsync(replica, "asleep"));
    }

    [Fact]
    public async Task Session_IsInTheStateOfItself_ThenOfItsMachine_ThenInNone()
    {
        await using var replica = await StartAsync();
        var session = await WriteAsync(replica, new Session { User = new UserId("alice"), State = SessionState.Provisioning, App = "w" });
        Assert.Equal("alice", await InStateAsync(replica, "provisioning"));

        session = await WriteAsync(replica, session with { State = SessionState.Assigned, Machine = new MachineId("m1") });
        Assert.Equal("", await InStateAsync(replica, "provisioning"));
        Assert.Equal("alice", await InStateAsync(replica, "unknown"));

        await MachineAsync(replica, "m1", MachineRecordState.Waking);
        Assert.Equal("", await InStateAsync(replica, "unknown"));
        Assert.Equal("alice", await InStateAsync(replica, "waking"));

        await MachineAsync(replica, "m2", MachineRecordState.Awake);
        session = await WriteAsync(replica, session with { Machine = new MachineId("m2") });
        Assert.Equal("", await InStateAsync(replica, "waking"));
        Assert.Equal("alice", await InStateAsync(replica, "awake"));
        Assert.Empty((await replica.Index.UsersOfAsync([new("m1")], null, 10, CancellationToken.None))[0]);

        Assert.True(await replica.Map.RemoveAsync(session, CancellationToken.None));
        Assert.Equal("", await InStateAsync(replica, "awake"));
        Assert.Empty((await replica.Index.UsersOfAsync([new("m2")], null, 10, CancellationToken.None))[0]);
    }

    [Fact]
    public async Task MachinesByActivity_ArePagedInBothDirections_AlsoWhenThePlaceMovedMeanwhile()
    {
        await using var replica = await StartAsync();
        foreach (var machine in new[] { "m1", "m10", "m2", "m3" })
        {
            await AssignAsync(replica, "user-of-" + machine, machine);
        }

        await replica.Visits.ReportAsync([new(new("m2"), Noon, Noon), new(new("m3"), Noon, Noon.AddMinutes(1))], CancellationToken.None);

        var first = await replica.Index.ListByActivityAsync(null, latestFirst: false, 2, CancellationToken.None);
        await replica.Visits.ReportAsync([new(new("m10"), Noon, Noon.AddMinutes(9))], CancellationToken.None);
        var rest = await replica.Index.ListByActivityAsync(first[^1], latestFirst: false, 10, CancellationToken.None);
        var latest = await replica.Index.ListByActivityAsync(null, latestFirst: true, 2, CancellationToken.None);
        var earlier = await replica.Index.ListByActivityAsync(latest[^1], latestFirst: true, 1, CancellationToken.None);

        Assert.Equal([new(new("m1"), null), new(new("m10"), null)], first);
        Assert.Equal([new(new("m2"), Noon), new(new("m3"), Noon.AddMinutes(1)), new(new("m10"), Noon.AddMinutes(9))], rest);
        Assert.Equal(["m10", "m3"], latest.Select(static machine => machine.Machine.Value));
        Assert.Equal([new(new("m2"), Noon)], earlier);
        Assert.Equal(2, await replica.Index.CountInactiveAsync(Noon, CancellationToken.None));
    }

    [Fact]
    public async Task Machines_AreCountedByStateAndRegion()
    {
        await using var replica = await StartAsync();
        await MachineAsync(replica, "m1", MachineRecordState.Awake);
        var second = await MachineAsync(replica, "m2", MachineRecordState.Awake);
        await MachineAsync(replica, "m3", MachineRecordState.Asleep);
        second = (await replica.Map.WriteAsync(second with { State = MachineRecordState.Asleep, Region = "iad" }, CancellationToken.None)).Current!;
        var counts = await replica.Index.CountMachinesAsync(CancellationToken.None);

        Assert.Equal([new("asleep", "iad", 1), new("asleep", "sjc", 1), new("awake", "sjc", 1)], counts.OrderBy(static count => (count.State, count.Region)));

        await replica.Map.WriteAsync(second with { State = MachineRecordState.Gone }, CancellationToken.None);
        Assert.Equal(2, (await replica.Index.CountMachinesAsync(CancellationToken.None)).Count);
    }

    [Fact]
    public async Task Names_AreCountedByTheirBeginning()
    {
        await using var replica = await StartAsync();
        foreach (var user in new[] { "al", "alice", "älice", "bob" })
        {
            await AssignAsync(replica, user, "m");
        }

        Assert.Equal(2, await replica.Index.CountUsersAsync(null, "al", CancellationToken.None));
        Assert.Equal(4, await replica.Index.CountUsersAsync("unknown", "", CancellationToken.None));
        Assert.Equal(1, await replica.Index.CountUsersAsync("unknown", "ä", CancellationToken.None));
    }

    [Fact]
    public async Task ChangesOfState_AreEventsInTheirOrder_AndMakeTheTimeline_RenewalsDoNot()
    {
        await using var replica = await StartAsync();
        await AssignAsync(replica, "a|b", "m1");
        var record = await MachineAsync(replica, "m1", MachineRecordState.Waking);
        record = (await replica.Map.WriteAsync(record with { Lease = new RecordLease("one", Noon) }, CancellationToken.None)).Current!;
        await replica.Map.WriteAsync(record with { State = MachineRecordState.Awake }, CancellationToken.None);

        var events = await replica.History.ReadEventsAsync(0, 10, CancellationToken.None);
        var range = await replica.History.ReadEventRangeAsync(CancellationToken.None);
        var timeline = await replica.History.ReadTimelineAsync(new("m1"), DateTimeOffset.UnixEpoch, CancellationToken.None);

        Assert.Equal(
            [("session", "a|b", null, "unknown"), ("machine", "m1", "unknown", "waking"), ("machine", "m1", "waking", "awake")],
            events.Select(static happened => (happened.Kind, happened.Id, happened.Before, happened.State)));
        Assert.Equal((events[0].Number, events[2].Number), range);
        Assert.Equal(["waking", "awake"], timeline.Select(static change => change.State));
        Assert.Equal([events[2]], await replica.History.ReadEventsAsync(events[1].Number, 10, CancellationToken.None));
    }

    [Fact]
    public async Task Causes_AreTheLastFifty_LatestFirst_AndUsesAreNoEvents()
    {
        await using var replica = await StartAsync();
        var causes = Enumerable.Range(0, 60).Select(i => new RouteCause { Machine = new("m1"), At = Noon.AddSeconds(i), Kind = "use", What = "request", Times = i + 1 }).ToList();
        var wake = new RouteCause { Machine = new("m1"), At = Noon.AddHours(1), Kind = "wake", What = "navigation", Timing = new Dictionary<string, double> { ["total"] = 1.5 } };
        await replica.History.AppendAsync([.. causes, wake], CancellationToken.None);

        var read = await replica.History.ReadCausesAsync(new("m1"), CancellationToken.None);
        var happened = Assert.Single(await replica.History.ReadEventsAsync(0, 10, CancellationToken.None));

        Assert.Equal(50, read.Count);
        Assert.Equal(1.5, read[0].Timing!["total"]);
        Assert.Equal(60, read[1].Times);
        Assert.Equal(("cause", "m1", "navigation"), (happened.Kind, happened.Id, happened.Cause!.What));
    }

    [Fact]
    public async Task OpenVisits_AreToldByReplica_AndForgottenWhenTheyClose()
    {
        await using var replica = await StartAsync();
        var one = new OpenVisits(new("m1"), "one", 2, 1, Noon, Noon.AddSeconds(3), 2, 1);
        await replica.History.ReportVisitsAsync("one", [one], CancellationToken.None);
        await replica.History.ReportVisitsAsync("two", [one with { Replica = "two", Requests = 0 }], CancellationToken.None);
        Assert.Equal([one, one with { Replica = "two", Requests = 0 }], (await replica.History.ReadVisitsAsync(new("m1"), CancellationToken.None)).OrderBy(static visits => visits.Replica));

        await replica.History.ReportVisitsAsync("two", [one with { Replica = "two", Requests = 0, Sockets = 0 }], CancellationToken.None);
        Assert.Equal([one], await replica.History.ReadVisitsAsync(new("m1"), CancellationToken.None));
    }

    private Task<MapReplica> StartAsync() => MapReplica.StartAsync(Url, $"{{test-{Guid.NewGuid():N}}}");

    private static Task<Session> AssignAsync(MapReplica replica, string user, string machine) =>
        WriteAsync(replica, new Session { User = new UserId(user), State = SessionState.Assigned, App = "w", Machine = new MachineId(machine) });

    private static async Task<Session> WriteAsync(MapReplica replica, Session session)
    {
        var write = await replica.Map.WriteAsync(session, CancellationToken.None);
        Assert.True(write.Won);
        return write.Current!;
    }

    private static async Task<MachineRecord> MachineAsync(MapReplica replica, string machine, MachineRecordState state)
    {
        var write = await replica.Map.WriteAsync(new MachineRecord { Machine = new MachineId(machine), App = "w", State = state, Region = "sjc" }, CancellationToken.None);
        Assert.True(write.Won);
        return write.Current!;
    }

    private static async Task<string> InStateAsync(MapReplica replica, string state) =>
        string.Join(' ', await replica.Index.ListUsersAsync(state, "", null, 10, CancellationToken.None));
}
