using Gateway.FunctionalTests.Sessions;
using Gateway.Operations.Costs;
using Gateway.Provisioning;
using Gateway.Sessions;
using Microsoft.Extensions.Options;
using Xunit;

namespace Gateway.FunctionalTests.Operations;

/// <summary>A whole month over a real map, as the records of it are written; the clock is the test's.</summary>
public sealed class MonthOfCostsTests
{
    private const int Users = 100;

    private static readonly LedgerMonth June = new(2030, 6);

    /// <summary>
    /// By hand, from the platform's price list, for a month of 30 days: a shared CPU with 512 MB in sjc is (1 × $0.695 + 0.5 GB × $5) × 1.1923 = $3.809 a month, so 100 users who are awake for 2 h a day cost
    /// 100 × $3.809 × 2/24 = $31.74; their volumes 100 × 5 GB × $0.15 = $75; the images of their machines, stopped for 22 h a day, 100 × 1 GB × $0.15 × 22/24 = $13.75; together $120.49.
    /// Had no machine slept, 100 × $3.809 + $75 = $455.93. The plan says the same before a cent is spent.
    /// </summary>
    [Fact]
    public async Task AHundredUsersOfTwoHoursADay_CostWhatIsWorkedOutByHand_AndWhatThePlanSaid()
    {
        await using var server = await RedisServer.StartAsync();
        var time = new SetTime(June.First);
        await using var replica = await MapReplica.StartAsync(server.Url, "{month}", time);
        var records = await Task.WhenAll(Enumerable.Range(0, Users).Select(user => MakeAsync(replica, user)));
        for (var day = 0; day < 30; day++)
        {
            // Two hours of each day.
            time.Now = June.First.AddDays(day).AddHours(9);
            records = await Task.WhenAll(records.Select(record => WriteAsync(replica, record with { State = MachineRecordState.Awake })));
            time.Now += TimeSpan.FromHours(2);
            records = await Task.WhenAll(records.Select(record => WriteAsync(replica, record with { State = MachineRecordState.Asleep })));
        }

        time.Now = June.End;
        var (costs, template, prices) = Costs(replica, time);
        var month = await costs.TotalAsync(June, CancellationToken.None);

        AssertWithinOnePercent(100 * 3.81m * 2 / 24, month.Money.Running);
        AssertWithinOnePercent(31.74m, month.Money.Running);
        AssertWithinOnePercent(75m, month.Money.Volumes);
        AssertWithinOnePercent(13.75m, month.Money.Images);
        Assert.Equal(0, month.Money.Egress);
        AssertWithinOnePercent(120.49m, month.Money.Total);
        AssertWithinOnePercent(455.93m, month.AlwaysOn);
        AssertWithinOnePercent(455.93m - 120.49m, month.Saving);
        Assert.Equal(Users * 30 * 2 * 3600, month.Use.AwakeSeconds);
        Assert.Equal(Users * 30, month.Use.Wakes);

        var plan = CostPlan.Of(PlanQuery.Default(template, prices) with { Users = Users, HoursPerDay = 2, Region = "sjc", MemoryMb = 512, VolumeGb = 5 }, prices);
        AssertWithinOnePercent(plan.Month.Total, month.Money.Total);
        AssertWithinOnePercent(plan.AlwaysOn, month.AlwaysOn);

        // And each of them their hundredth; the days of the plot add up to the month.
        var users = new List<UserCosts>();
        await foreach (var page in costs.AllAsync(June, CancellationToken.None))
        {
            users.AddRange(page);
        }

        Assert.Equal(Users, users.Count);
        Assert.All(users, static user => AssertWithinOnePercent(1.2049m, user.Money.Total));
        AssertWithinOnePercent(120.49m, month.Days.Sum(static day => day.Money.Total));
        Assert.Equal(30, month.Days.Count);
    }

    [Fact]
    public async Task ThirdOfAMonth_IsProjectedToTheWhole()
    {
        await using var server = await RedisServer.StartAsync();
        var time = new SetTime(June.First);
        await using var replica = await MapReplica.StartAsync(server.Url, "{month}", time);
        await MakeAsync(replica, 1);
        time.Now = June.First.AddDays(10);

        var month = await Costs(replica, time).Costs.TotalAsync(June, CancellationToken.None);

        // 5 GB and 1 GB for a third of a month at $0.15.
        Assert.Equal(0.30m, month.Money.Total);
        Assert.Equal(0.90m, month.Projection);
    }

    [Fact]
    public async Task MachinesAwakeWithoutUse_AreToldWithWhatKeptThemAwake()
    {
        await using var server = await RedisServer.StartAsync();
        var time = new SetTime(June.First.AddDays(1));
        await using var replica = await MapReplica.StartAsync(server.Url, "{month}", time);
        var pinned = await WriteAsync(replica, (await MakeAsync(replica, 1)) with { State = MachineRecordState.Awake, PinnedUntil = June.End });
        var wasted = await WriteAsync(replica, (await MakeAsync(replica, 2)) with { State = MachineRecordState.Awake });
        time.Now += TimeSpan.FromHours(1);
        await WriteAsync(replica, wasted with { State = MachineRecordState.Asleep });
        time.Now += TimeSpan.FromHours(1);

        var idle = (await Costs(replica, time).Costs.MonthAsync(June, CancellationToken.None)).IdleButAwake;

        Assert.Equal([pinned.Machine.Value, wasted.Machine.Value], idle.Select(static machine => machine.Machine));
        Assert.Equal([7200, 3600], idle.Select(static machine => machine.IdleSeconds));
        Assert.Equal(["an operator pinned it", "it is woken and nobody uses it"], idle.Select(static machine => machine.Cause));
        Assert.Equal(["user1"], idle[0].Routes);
    }

    [Fact]
    public async Task UsersWhoShareAMachine_ShareItsCosts()
    {
        await using var server = await RedisServer.StartAsync();
        var time = new SetTime(June.First);
        await using var replica = await MapReplica.StartAsync(server.Url, "{month}", time);
        var shared = await MakeAsync(replica, 1);
        await replica.Map.WriteAsync(new Session { User = new("other"), State = SessionState.Assigned, App = "w", Machine = shared.Machine, Volume = new("vol1"), VolumeGb = 5, Region = "sjc" }, CancellationToken.None);
        time.Now = June.First.AddDays(10);

        var costs = Costs(replica, time).Costs;
        var one = await costs.UserAsync(June, (await replica.Map.FindSessionAsync(new("user1"), CancellationToken.None))!, CancellationToken.None);

        Assert.Equal(2, one.MachineUsers);
        Assert.Equal(0.15m, one.Money.Total);
        Assert.Equal(0.30m, (await costs.TotalAsync(June, CancellationToken.None)).Money.Total);
    }

    private static (CostLedger Costs, WorkspaceOptions Template, CostOptions Prices) Costs(MapReplica replica, TimeProvider time)
    {
        var (template, prices) = (new WorkspaceOptions(), new CostOptions());
        return (new CostLedger(replica.Ledger, new LedgerPrices(Options.Create(prices), Options.Create(template)), replica.Map, replica.Index, replica.History, Options.Create(prices), time), template, prices);
    }

    private static async Task<MachineRecord> MakeAsync(MapReplica replica, int user)
    {
        var machine = new MachineId($"machine{user}");
        Assert.True((await replica.Map.WriteAsync(
            new Session { User = new($"user{user}"), State = SessionState.Assigned, App = "w", Machine = machine, Volume = new($"vol{user}"), VolumeGb = 5, Region = "sjc" }, CancellationToken.None)).Won);
        return await WriteAsync(replica, new MachineRecord { Machine = machine, App = "w", State = MachineRecordState.Asleep, Region = "sjc", Make = new MachineMake(new MachineSpec("image", "shared", 1, 512)) });
    }

    private static async Task<MachineRecord> WriteAsync(MapReplica replica, MachineRecord next)
    {
        var write = await replica.Map.WriteAsync(next, CancellationToken.None);
        Assert.True(write.Won);
        return write.Current!;
    }

    private static void AssertWithinOnePercent(decimal expected, decimal actual) => Assert.InRange(actual, expected * 0.99m, expected * 1.01m);
}
