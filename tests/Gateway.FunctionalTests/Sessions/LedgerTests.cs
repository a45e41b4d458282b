using Gateway.FunctionalTests.Cloud;
using Gateway.Sessions;
using LocalCloud;
using Microsoft.Extensions.Logging.Abstractions;
using Xunit;

namespace Gateway.FunctionalTests.Sessions;

/// <summary>The ledger, on a real Redis.</summary>
public sealed class RedisLedgerTests : LedgerTests, IAsyncLifetime
{
    private RedisServer _server = null!;

    private protected override string Url => _server.Url;

    public async Task InitializeAsync() => _server = await RedisServer.StartAsync();

    public async Task DisposeAsync() => await _server.DisposeAsync();
}

/// <summary>The same on the embedded Garnet of the local cloud.</summary>
public sealed class GarnetLedgerTests : LedgerTests, IAsyncLifetime
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

public abstract class LedgerTests
{
    private static readonly DateTimeOffset Noon = new(2030, 1, 30, 12, 0, 0, TimeSpan.Zero);
    private static readonly MachineId Machine = new("m1");
    private static readonly LedgerMonth January = new(2030, 1);
    private static readonly LedgerMonth February = new(2030, 2);

    private readonly SetTime _time = new(Noon);

    private protected abstract string Url { get; }

    [Fact]
    public async Task StatesOfAMachine_AreCountedByWhatTheyArePaidAs()
    {
        await using var replica = await StartAsync();
        var record = await WriteAsync(replica, New(MachineRecordState.Asleep));
        record = await AfterAsync(replica, TimeSpan.FromHours(3), record with { State = MachineRecordState.Waking });
        record = await AfterAsync(replica, TimeSpan.FromSeconds(2), record with { State = MachineRecordState.Awake });
        record = await AfterAsync(replica, TimeSpan.FromMinutes(30), record with { State = MachineRecordState.Draining });
        record = await AfterAsync(replica, TimeSpan.FromSeconds(3), record with { State = MachineRecordState.Stopping });
        record = await AfterAsync(replica, TimeSpan.FromSeconds(5), record with { State = MachineRecordState.Asleep, Suspended = true });
        record = await AfterAsync(replica, TimeSpan.FromHours(1), record with { State = MachineRecordState.Asleep, Suspended = false });
        await AfterAsync(replica, TimeSpan.FromHours(1), record with { State = MachineRecordState.Gone });
        _time.Now += TimeSpan.FromHours(1);

        await AssertBothAsync(replica, January, new()
        {
            [Is(LedgerEntry.Running)] = TimeSpan.FromSeconds(1810),
            [Is(LedgerEntry.Suspended)] = TimeSpan.FromHours(1),
            [Is(LedgerEntry.Stopped)] = TimeSpan.FromHours(4),
        });
    }

    [Fact]
    public async Task WhatGoesOn_IsCountedUpToNow_WithoutAWrite()
    {
        await using var replica = await StartAsync();
        var record = await WriteAsync(replica, New(MachineRecordState.Asleep));
        await AfterAsync(replica, TimeSpan.FromHours(1), record with { State = MachineRecordState.Awake });
        _time.Now += TimeSpan.FromHours(2);

        await AssertBothAsync(replica, January, new() { [Is(LedgerEntry.Stopped)] = TimeSpan.FromHours(1), [Is(LedgerEntry.Running)] = TimeSpan.FromHours(2) });
    }

    [Fact]
    public async Task SleepOverMonths_IsCountedInEach()
    {
        await using var replica = await StartAsync();
        var record = await WriteAsync(replica, New(MachineRecordState.Asleep));
        _time.Now = February.End + TimeSpan.FromDays(3);

        await AssertBothAsync(replica, January, new() { [Is(LedgerEntry.Stopped)] = TimeSpan.FromHours(36) });
        await AssertBothAsync(replica, February, new() { [Is(LedgerEntry.Stopped)] = TimeSpan.FromDays(28) });

        await WriteAsync(replica, record with { State = MachineRecordState.Awake });

        await AssertBothAsync(replica, January, new() { [Is(LedgerEntry.Stopped)] = TimeSpan.FromHours(36) });
        await AssertBothAsync(replica, February, new() { [Is(LedgerEntry.Stopped)] = TimeSpan.FromDays(28) });
        await AssertBothAsync(replica, new(2030, 3), new() { [Is(LedgerEntry.Stopped)] = TimeSpan.FromDays(3) });
    }

    [Fact]
    public async Task AnotherSize_IsCountedApart()
    {
        await using var replica = await StartAsync();
        var record = await WriteAsync(replica, New(MachineRecordState.Awake));
        await AfterAsync(replica, TimeSpan.FromHours(1), record with { Make = new MachineMake(new MachineSpec("image", "performance", 2, 4096)) });
        _time.Now += TimeSpan.FromHours(1);

        await AssertBothAsync(replica, January, new()
        {
            [Is(LedgerEntry.Running)] = TimeSpan.FromHours(1),
            [new LedgerEntry(LedgerEntry.Running, "sjc", "performance", 2, 4096)] = TimeSpan.FromHours(1),
        });
    }

    [Fact]
    public async Task AnUpgradeInItsSleep_IsSleep()
    {
        await using var replica = await StartAsync();
        var record = await WriteAsync(replica, New(MachineRecordState.Asleep));
        record = await AfterAsync(replica, TimeSpan.FromHours(1), record with { State = MachineRecordState.Updating });
        await AfterAsync(replica, TimeSpan.FromMinutes(1), record with { State = MachineRecordState.Asleep });

        await AssertBothAsync(replica, January, new() { [Is(LedgerEntry.Stopped)] = TimeSpan.FromMinutes(61) });
    }

    [Fact]
    public async Task ARefusedWrite_CountsNothing()
    {
        await using var replica = await StartAsync();
        var record = await WriteAsync(replica, New(MachineRecordState.Asleep));
        _time.Now += TimeSpan.FromHours(1);
        Assert.False((await replica.Map.WriteAsync(record with { Epoch = 1, State = MachineRecordState.Awake }, CancellationToken.None)).Won);

        await AssertBothAsync(replica, January, new() { [Is(LedgerEntry.Stopped)] = TimeSpan.FromHours(1) });
    }

    [Fact]
    public async Task AVolume_IsCountedOnce_HoweverManyShareIt_UntilNobodyHasIt()
    {
        await using var replica = await StartAsync();
        var entry = new LedgerEntry(LedgerEntry.Volume, "sjc", VolumeGb: 5);
        var alice = await WriteAsync(replica, Of("alice", 5));
        var bob = await WriteAsync(replica, Of("bob", 5));
        Assert.Equal([2], await replica.Ledger.CountSharersAsync([new VolumeId("vol1")], CancellationToken.None));
        _time.Now += TimeSpan.FromHours(1);
        Assert.True(await replica.Map.RemoveAsync(alice, CancellationToken.None));
        _time.Now += TimeSpan.FromHours(1);
        Assert.True(await replica.Map.RemoveAsync(bob, CancellationToken.None));
        _time.Now += TimeSpan.FromHours(1);

        Assert.Equal(new() { [entry] = TimeSpan.FromHours(2) }, (await TotalAsync(replica, January)).Entries);
        Assert.Equal(new() { [entry] = TimeSpan.FromHours(2) }, (await replica.Ledger.ReadVolumesAsync(January, [new VolumeId("vol1")], _time.Now, CancellationToken.None))[0].Entries);
    }

    [Fact]
    public async Task AVolumeThatGrew_IsCountedByBothSizes()
    {
        await using var replica = await StartAsync();
        var session = await WriteAsync(replica, Of("alice", 5));
        _time.Now += TimeSpan.FromHours(1);
        await WriteAsync(replica, session with { VolumeGb = 9 });
        _time.Now += TimeSpan.FromHours(2);

        var total = await TotalAsync(replica, January);
        Assert.Equal(TimeSpan.FromHours(1), total.Entries[new LedgerEntry(LedgerEntry.Volume, "sjc", VolumeGb: 5)]);
        Assert.Equal(TimeSpan.FromHours(2), total.Entries[new LedgerEntry(LedgerEntry.Volume, "sjc", VolumeGb: 9)]);
    }

    [Fact]
    public async Task Use_OfOneTurnSeenByTwoReplicas_IsCountedOnce_AndBytesAreAdded()
    {
        await using var replica = await StartAsync();
        await WriteAsync(replica, New(MachineRecordState.Awake));
        var minute = Noon.ToUnixTimeSeconds() / 60;

        await replica.Ledger.ReportAsync(minute, [new MachineUse(Machine, "112200000000", 1000, Used: true)], CancellationToken.None);
        await replica.Ledger.ReportAsync(minute, [new MachineUse(Machine, "021210000000", 500, Used: true)], CancellationToken.None);
        await replica.Ledger.ReportAsync(minute + 1, [new MachineUse(Machine, "200000000001", 1, Used: true)], CancellationToken.None);
        _time.Now += TimeSpan.FromMinutes(2);

        foreach (var sum in new[] { await TotalAsync(replica, January), await OfMachineAsync(replica, January) })
        {
            // Turn by turn of the first minute: attached, active, active, active, attached.
            Assert.Equal(TimeSpan.FromSeconds((3 + 1) * 5), sum.Active);
            Assert.Equal(TimeSpan.FromSeconds((2 + 1) * 5), sum.Attached);
            Assert.Equal(1501, Assert.Single(sum.Egress, static sent => sent.Key == "sjc").Value);
        }
    }

    [Fact]
    public async Task AWakeThatNobodyUsed_IsWasted_AndOneThatWasUsedIsNot()
    {
        await using var replica = await StartAsync();
        var record = await WriteAsync(replica, New(MachineRecordState.Asleep));
        for (var wakes = 0; wakes < 3; wakes++)
        {
            record = await AfterAsync(replica, TimeSpan.FromHours(1), record with { State = MachineRecordState.Awake });
            if (wakes == 1)
            {
                await replica.Ledger.ReportAsync(_time.Now.ToUnixTimeSeconds() / 60, [new MachineUse(Machine, "200000000000", 10, Used: true)], CancellationToken.None);
            }

            record = await AfterAsync(replica, TimeSpan.FromMinutes(15), record with { State = MachineRecordState.Asleep });
        }

        foreach (var sum in new[] { await TotalAsync(replica, January), await OfMachineAsync(replica, January) })
        {
            Assert.Equal((3, 2), (sum.Wakes, sum.Wasted));
        }
    }

    [Fact]
    public async Task IdleMachines_AreThoseOfLivesThatAreOver_AndThoseAwakeNow()
    {
        await using var replica = await StartAsync();
        var record = await WriteAsync(replica, New(MachineRecordState.Awake));
        await WriteAsync(replica, New(MachineRecordState.Awake) with { Machine = new("awake") });
        await WriteAsync(replica, New(MachineRecordState.Asleep) with { Machine = new("asleep") });
        await AfterAsync(replica, TimeSpan.FromHours(1), record with { State = MachineRecordState.Asleep });

        Assert.Equal(["awake", "m1"], (await replica.Ledger.ListIdleAsync(January, 5, CancellationToken.None)).Select(static machine => machine.Value).Order());
    }

    [Fact]
    public async Task MachinesAreOverdue_WhenTheirMomentIsLongPast()
    {
        await using var replica = await StartAsync();
        await replica.Visits.ReportAsync([new(new("late"), Noon.AddMinutes(-20), Noon), new(new("soon"), Noon.AddMinutes(-10), Noon), new(new("used"), Noon.AddMinutes(5), Noon)], CancellationToken.None);

        Assert.Equal(1, await replica.Ledger.CountOverdueAsync(Noon.AddMinutes(-15), CancellationToken.None));
    }

    private async Task<MapReplica> StartAsync() => await MapReplica.StartAsync(Url, "{test}", _time);

    private static MachineRecord New(MachineRecordState state) =>
        new() { Machine = Machine, App = "w", State = state, Region = "sjc", Make = new MachineMake(new MachineSpec("image", "shared", 1, 512)) };

    private static Session Of(string user, int gb) =>
        new() { User = new UserId(user), State = SessionState.Assigned, App = "w", Machine = Machine, Volume = new VolumeId("vol1"), VolumeGb = gb, Region = "sjc" };

    private static LedgerEntry Is(string what) => new(what, "sjc", "shared", 1, 512);

    private async Task<MachineRecord> AfterAsync(MapReplica replica, TimeSpan span, MachineRecord next)
    {
        _time.Now += span;
        return await WriteAsync(replica, next);
    }

    private static async Task<MachineRecord> WriteAsync(MapReplica replica, MachineRecord next)
    {
        var write = await replica.Map.WriteAsync(next, CancellationToken.None);
        Assert.True(write.Won);
        return write.Current!;
    }

    private static async Task<Session> WriteAsync(MapReplica replica, Session next)
    {
        var write = await replica.Map.WriteAsync(next, CancellationToken.None);
        Assert.True(write.Won);
        return write.Current!;
    }

    private async Task AssertBothAsync(MapReplica replica, LedgerMonth month, Dictionary<LedgerEntry, TimeSpan> expected)
    {
        Assert.Equal(expected, (await TotalAsync(replica, month)).Entries);
        Assert.Equal(expected, (await OfMachineAsync(replica, month)).Entries);
    }

    private async Task<LedgerSum> OfMachineAsync(MapReplica replica, LedgerMonth month) => (await replica.Ledger.ReadMachinesAsync(month, [Machine], _time.Now, CancellationToken.None))[0];

    private async Task<LedgerSum> TotalAsync(MapReplica replica, LedgerMonth month)
    {
        var sum = new LedgerSum();
        foreach (var day in (await replica.Ledger.ReadDaysAsync(DateOnly.FromDateTime(month.First.UtcDateTime), DateOnly.FromDateTime(month.End.AddTicks(-1).UtcDateTime), _time.Now, CancellationToken.None)).Days)
        {
            sum.Add(day);
        }

        return sum;
    }
}
