using Gateway.FunctionalTests.Cloud;
using Gateway.Sessions;
using LocalCloud;
using Microsoft.Extensions.Logging.Abstractions;
using StackExchange.Redis;
using Xunit;

namespace Gateway.FunctionalTests.Sessions;

/// <summary>What the session map promises, on a real Redis.</summary>
public sealed class RedisSessionMapTests : SessionMapTests, IAsyncLifetime
{
    private RedisServer _server = null!;

    private protected override string Url => _server.Url;

    public async Task InitializeAsync() => _server = await RedisServer.StartAsync();

    public async Task DisposeAsync() => await _server.DisposeAsync();
}

/// <summary>The same on the embedded Garnet of the local cloud.</summary>
public sealed class GarnetSessionMapTests : SessionMapTests, IAsyncLifetime
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

public abstract partial class SessionMapTests
{
    private static readonly UserId Alice = new("alice");
    private static readonly MachineId Machine = new("d8d0000000000a");

    private readonly string _prefix = $"{{test-{Guid.NewGuid():N}}}";

    private protected abstract string Url { get; }

    [Fact]
    public async Task MapInWhoseListingNoMachineWasFound_IsAsGoodAsOld()
    {
        await using var replica = await StartAsync();
        var generation = await replica.Map.ReadGenerationAsync(CancellationToken.None);
        Assert.InRange(TimeProvider.System.GetUtcNow() - generation.Since, TimeSpan.FromMinutes(-1), TimeSpan.FromMinutes(1));

        Assert.True(await replica.Map.MarkListedAsync(generation.Id, foundNothing: true, CancellationToken.None));

        Assert.Equal(DateTimeOffset.UnixEpoch, (await replica.Map.ReadGenerationAsync(CancellationToken.None)).Since);
    }

    [Fact]
    public async Task FirstWriteWins_AndASecondOneFromTheSameReading_Loses()
    {
        await using var one = await StartAsync();
        await using var two = await StartAsync();

        var won = await one.Map.WriteAsync(Session("m1"), CancellationToken.None);
        var lost = await two.Map.WriteAsync(Session("m2"), CancellationToken.None);

        Assert.True(won.Won);
        Assert.False(lost.Won);
        Assert.Equal(won.Current, lost.Current);
        Assert.Equal(new MachineId("m1"), (await two.Map.FindSessionAsync(Alice, CancellationToken.None))!.Machine);
    }

    [Fact]
    public async Task Epochs_OnlyGrow_AlsoAfterTheMapWasLost()
    {
        await using var replica = await StartAsync();
        var first = (await replica.Map.WriteAsync(Record(MachineRecordState.Waking), CancellationToken.None)).Current!;
        var second = (await replica.Map.WriteAsync(first with { State = MachineRecordState.Awake, Address = "127.0.0.1" }, CancellationToken.None)).Current!;
        await ForgetAllAsync();
        var third = (await replica.Map.WriteAsync(Record(MachineRecordState.Asleep), CancellationToken.None)).Current!;

        Assert.True(first.Epoch < second.Epoch && second.Epoch < third.Epoch);
    }

    [Fact]
    public async Task FieldsOfANewerVersion_SurviveAWrite_AndItsStatesReadAsUnknown()
    {
        await using var replica = await StartAsync();
        var written = (await replica.Map.WriteAsync(Record(MachineRecordState.Asleep), CancellationToken.None)).Current!;
        await using var raw = await ConnectAsync();
        RedisKey key = $"{_prefix}:machine:{Machine.Value}";
        await raw.GetDatabase().HashSetAsync(key, "b", """{"machine":"d8d0000000000a","app":"a","state":"levitating","boot":3,"tomorrow":{"x":1},"changed_at":"2030-01-01T00:00:00+00:00"}""");

        var read = (await replica.Map.FindMachineAsync(Machine, CancellationToken.None))!;
        await replica.Map.WriteAsync(read with { State = MachineRecordState.Asleep }, CancellationToken.None);

        Assert.Equal(MachineRecordState.Unknown, read.State);
        Assert.Equal(written.Epoch, read.Epoch);
        Assert.Contains("\"tomorrow\":{\"x\":1}", (await raw.GetDatabase().HashGetAsync(key, "b")).ToString(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task LostMap_IsOfANewGeneration_ThatIsNotListed()
    {
        await using var replica = await StartAsync();
        var before = await replica.Map.ReadGenerationAsync(CancellationToken.None);
        Assert.True(await replica.Map.MarkListedAsync(before.Id, foundNothing: false, CancellationToken.None));
        Assert.True((await replica.Map.ReadGenerationAsync(CancellationToken.None)).Listed);
        Assert.Equal(before.Since, (await replica.Map.ReadGenerationAsync(CancellationToken.None)).Since);
        await ForgetAllAsync();

        var after = await replica.Map.ReadGenerationAsync(CancellationToken.None);

        Assert.NotEqual(before.Id, after.Id);
        Assert.True(after.Since >= before.Since);
        Assert.False(after.Listed);
        Assert.False(await replica.Map.MarkListedAsync(before.Id, foundNothing: false, CancellationToken.None));
    }

    [Fact]
    public async Task ChangeByAnotherReplica_WakesWhoWaitsForIt()
    {
        await using var one = await StartAsync(("Sessions:SlowPoll", "00:01:00"));
        await using var two = await StartAsync();
        var written = (await two.Map.WriteAsync(Record(MachineRecordState.Waking), CancellationToken.None)).Current!;
        var waiting = one.Map.WaitForChangeAsync(Machine, written.Epoch, TimeSpan.FromMinutes(5), CancellationToken.None);

        await two.Map.WriteAsync(written with { State = MachineRecordState.Awake }, CancellationToken.None);

        Assert.Equal(MachineRecordState.Awake, (await waiting.WaitAsync(Eventually.Limit))!.State);
    }

    [Fact]
    public async Task RecordThatNeverWas_IsWaitedForUntilItAppears()
    {
        await using var replica = await StartAsync();
        var user = new UserId("newcomer");
        var waiting = replica.Map.WaitForChangeAsync(user, 0, TimeSpan.FromMinutes(5), CancellationToken.None);

        // A read that begins after the waiter's has found nothing either: the waiter has been told so too.
        Assert.Null(await replica.Map.FindSessionAsync(user, CancellationToken.None));
        Assert.False(waiting.IsCompleted);
        await replica.Map.WriteAsync(Session("m") with { User = user }, CancellationToken.None);

        Assert.Equal(user, (await waiting.WaitAsync(Eventually.Limit))!.User);
    }

    [Fact]
    public async Task ChangeWhoseMessageIsLost_IsFoundByTheSlowPoll()
    {
        await using var replica = await StartAsync(("Sessions:SlowPoll", "00:00:00.1"));
        var written = (await replica.Map.WriteAsync(Record(MachineRecordState.Waking), CancellationToken.None)).Current!;
        var waiting = replica.Map.WaitForChangeAsync(Machine, written.Epoch, TimeSpan.FromMinutes(5), CancellationToken.None);
        await using var raw = await ConnectAsync();

        await raw.GetDatabase().HashSetAsync($"{_prefix}:machine:{Machine.Value}", "e", written.Epoch + 1);

        Assert.Equal(written.Epoch + 1, (await waiting.WaitAsync(Eventually.Limit))!.Epoch);
    }

    [Fact]
    public async Task Sessions_AreListedInOrder_PageByPage_AndByTheBeginningOfTheName()
    {
        await using var replica = await StartAsync();
        foreach (var user in new[] { "bob", "alice", "al", "carol", "Ünal/..|x" })
        {
            await replica.Map.WriteAsync(Session("m") with { User = new UserId(user) }, CancellationToken.None);
        }

        var first = (await replica.Map.PageAsync(null, null, 2, CancellationToken.None)).Sessions;
        var rest = (await replica.Map.PageAsync(first[^1].User.Value, null, 10, CancellationToken.None)).Sessions;
        var al = (await replica.Map.PageAsync(null, "al", 10, CancellationToken.None)).Sessions;

        Assert.Equal(["al", "alice"], first.Select(static session => session.User.Value));
        Assert.Equal(["bob", "carol", "Ünal/..|x"], rest.Select(static session => session.User.Value));
        Assert.Equal(["al", "alice"], al.Select(static session => session.User.Value));
    }

    [Fact]
    public async Task RemovedSession_IsGone_UnlessItChangedMeanwhile()
    {
        await using var replica = await StartAsync();
        var old = (await replica.Map.WriteAsync(Session("m"), CancellationToken.None)).Current!;
        var now = (await replica.Map.WriteAsync(old with { Region = "iad" }, CancellationToken.None)).Current!;

        Assert.False(await replica.Map.RemoveAsync(old, CancellationToken.None));
        Assert.True(await replica.Map.RemoveAsync(now, CancellationToken.None));
        Assert.Null(await replica.Map.FindSessionAsync(Alice, CancellationToken.None));
        Assert.Empty((await replica.Map.PageAsync(null, null, 10, CancellationToken.None)).Sessions);
    }

    [Fact]
    public async Task SuspendedMachines_AreListedFromTheirSuspensionUntilTheyWake()
    {
        await using var replica = await StartAsync();
        var later = DateTimeOffset.FromUnixTimeSeconds(4_000_000_000);
        var record = await WriteAsync(new MachineRecord { Machine = Machine, App = "app", State = MachineRecordState.Asleep, Suspended = true });
        Assert.Equal([Machine], await replica.Visits.ReadSuspendedAsync(later, 10, CancellationToken.None));
        Assert.Empty(await replica.Visits.ReadSuspendedAsync(DateTimeOffset.UnixEpoch, 10, CancellationToken.None));

        // A stop that is under way may come to nothing.
        record = await WriteAsync(record with { State = MachineRecordState.Stopping });
        await replica.Visits.ForgetSuspendedAsync(Machine, DateTimeOffset.UnixEpoch, CancellationToken.None);
        Assert.Equal([Machine], await replica.Visits.ReadSuspendedAsync(later, 10, CancellationToken.None));

        record = await WriteAsync(record with { State = MachineRecordState.Waking });
        Assert.Empty(await replica.Visits.ReadSuspendedAsync(later, 10, CancellationToken.None));

        record = await WriteAsync(record with { State = MachineRecordState.Asleep });
        await WriteAsync(record with { Suspended = false });
        Assert.Empty(await replica.Visits.ReadSuspendedAsync(later, 10, CancellationToken.None));

        async Task<MachineRecord> WriteAsync(MachineRecord next) => (await replica.Map.WriteAsync(next, CancellationToken.None)).Current!;
    }

    [Fact]
    public async Task DueMachines_ComeWhenTheirMomentHasCome_WhichNeverGoesBack()
    {
        await using var replica = await StartAsync();
        var now = DateTimeOffset.FromUnixTimeSeconds(1_900_000_000);
        var other = new MachineId("other");
        await replica.Visits.ReportAsync([new(Machine, now, now), new(other, now.AddMinutes(1), now)], CancellationToken.None);
        await replica.Visits.ReportAsync([new(other, now, now.AddSeconds(5))], CancellationToken.None);

        Assert.Equal([Machine], await replica.Visits.ReadDueAsync(now, 10, CancellationToken.None));
        Assert.Equal([Machine, other], await replica.Visits.ReadDueAsync(now.AddMinutes(1), 10, CancellationToken.None));
        Assert.Equal([now, now.AddSeconds(5), null], await replica.Visits.LastActivityAsync([Machine, other, new("unknown")], CancellationToken.None));
        await replica.Visits.ForgetDueAsync(Machine, now.AddSeconds(-1), CancellationToken.None);
        Assert.Equal(now, await replica.Visits.DueAtAsync(Machine, CancellationToken.None));
        await replica.Visits.ForgetDueAsync(Machine, now, CancellationToken.None);
        Assert.Null(await replica.Visits.DueAtAsync(Machine, CancellationToken.None));
        Assert.Equal([other], await replica.Visits.ReadDueAsync(now.AddMinutes(1), 10, CancellationToken.None));
    }

    [Fact]
    public async Task ConsentAsked_IsHeardByEveryReplica_AndTheirAnswersAreRead()
    {
        await using var one = await StartAsync();
        await using var two = await StartAsync();
        foreach (var (replica, name) in new[] { (one, "one"), (two, "two") })
        {
            await replica.Visits.HeartbeatAsync(name, TimeSpan.FromMinutes(1), CancellationToken.None);
            replica.Visits.OnConsentAsked((machine, epoch) => replica.Visits.ConsentAsync(machine, epoch, name, CancellationToken.None));
        }

        var due = DateTimeOffset.FromUnixTimeSeconds(1_900_000_000);
        await one.Visits.ReportAsync([new(Machine, due, due)], CancellationToken.None);
        var record = (await one.Map.WriteAsync(new MachineRecord { Machine = Machine, App = "app", State = MachineRecordState.Draining }, CancellationToken.None)).Current!;
        Assert.Equal(new StopQuestion(Stands: true, Agreed: false, due), await one.Visits.ReadQuestionAsync(Machine, record.Epoch, CancellationToken.None));

        // A question before a replica has subscribed is lost, and so is its consent: it is asked again.
        await Eventually.HoldsAsync(async () =>
        {
            await one.Visits.AskConsentAsync(Machine, record.Epoch, CancellationToken.None);
            return (await one.Visits.ReadQuestionAsync(Machine, record.Epoch, CancellationToken.None)).Agreed;
        });

        await two.Visits.SayGoodbyeAsync("two", CancellationToken.None);
        Assert.True((await one.Visits.ReadQuestionAsync(Machine, record.Epoch, CancellationToken.None)).Agreed);
        await one.Visits.HeartbeatAsync("three", TimeSpan.FromMinutes(1), CancellationToken.None);
        Assert.False((await one.Visits.ReadQuestionAsync(Machine, record.Epoch, CancellationToken.None)).Agreed);
        await one.Map.WriteAsync(record with { State = MachineRecordState.Awake }, CancellationToken.None);
        Assert.False((await one.Visits.ReadQuestionAsync(Machine, record.Epoch, CancellationToken.None)).Stands);
    }

    [Fact]
    public async Task Duty_IsOneReplicasAtATime()
    {
        await using var replica = await StartAsync();

        Assert.True(await replica.Visits.HoldDutyAsync("sweep", "one", TimeSpan.FromMinutes(5), CancellationToken.None));
        Assert.False(await replica.Visits.HoldDutyAsync("sweep", "two", TimeSpan.FromMinutes(5), CancellationToken.None));
        Assert.True(await replica.Visits.HoldDutyAsync("sweep", "one", TimeSpan.FromMinutes(5), CancellationToken.None));
    }

    [Fact]
    public async Task WarmRoute_IsTheSameObject_UntilAnotherReplicaChangesIt()
    {
        await using var one = await StartAsync();
        await using var two = await StartAsync();
        await two.Map.WriteAsync(Session(Machine.Value), CancellationToken.None);
        var asleep = (await two.Map.WriteAsync(Record(MachineRecordState.Asleep), CancellationToken.None)).Current!;
        var first = await one.Routes.FindAsync(Alice, CancellationToken.None);

        await Eventually.HoldsAsync(async () => ReferenceEquals((await one.Routes.FindAsync(Alice, CancellationToken.None)).Route, (await one.Routes.FindAsync(Alice, CancellationToken.None)).Route));
        await two.Map.WriteAsync(asleep with { State = MachineRecordState.Awake, Address = "127.0.0.1" }, CancellationToken.None);

        Assert.False(first.Route!.IsAwake);
        await Eventually.HoldsAsync(async () => (await one.Routes.FindAsync(Alice, CancellationToken.None)).Route!.IsAwake);
        Assert.Equal(RouteKnown.None, (await one.Routes.FindAsync(new UserId("bob"), CancellationToken.None)).Known);
    }

    private Task<MapReplica> StartAsync(params (string, string)[] settings) => MapReplica.StartAsync(Url, _prefix, settings);

    private Task<ConnectionMultiplexer> ConnectAsync() => ConnectionMultiplexer.ConnectAsync(Url["redis://".Length..]);

    private async Task ForgetAllAsync()
    {
        await using var raw = await ConnectAsync();
        await raw.GetDatabase().KeyDeleteAsync([$"{_prefix}:machine:{Machine.Value}", $"{_prefix}:session:{Alice.Value}", $"{_prefix}:generation", $"{_prefix}:sequence", $"{_prefix}:users"]);
    }

    private static Session Session(string machine) => new() { User = Alice, State = SessionState.Assigned, App = "a", Machine = new MachineId(machine) };

    private static MachineRecord Record(MachineRecordState state) => new() { Machine = Machine, App = "a", State = state };
}
