using System.Globalization;
using Gateway.FunctionalTests.Identity;
using Gateway.FunctionalTests.Sessions;
using Gateway.FunctionalTests.Waking;
using Gateway.FunctionalTests.Workspaces;
using Gateway.Sessions;
using MachinesSimulator;
using Microsoft.Playwright;
using Xunit;

namespace Gateway.FunctionalTests.Operations;

/// <summary>A gateway whose map knows 5,000 users; one of them has a machine that is real as far as the simulator goes.</summary>
public sealed class ConsoleFixture : IAsyncLifetime
{
    public const int Users = 5000;
    public const string Watched = "user3217";
    public const string OperatorKey = "mjdops_fake-key-of-an-operator-0123456789abcdef";
    public const string ViewerKey = "mjdops_fake-key-of-a-viewer-0123456789abcdef";

    internal GatewayEnvironment Cloud { get; private set; } = null!;

    internal RunningGateway Gateway { get; private set; } = null!;

    internal MapReplica Map { get; private set; } = null!;

    internal SimulatedMachine Machine { get; private set; } = null!;

    public async Task InitializeAsync()
    {
        Assertions.SetDefaultExpectTimeout((float)Eventually.Limit.TotalMilliseconds);
        Cloud = await GatewayEnvironment.StartAsync();
        Map = await MapReplica.StartAsync(Cloud.Redis.Url, "{gateway}");
        await MakeAMonthAsync();
        foreach (var some in Enumerable.Range(0, Users).Chunk(250))
        {
            await Task.WhenAll(some.Select(AssignAsync));
        }

        // Not due before the tests are over: nobody puts them to sleep, or looks for them, meanwhile.
        var now = TimeProvider.System.GetUtcNow();
        await Map.Visits.ReportAsync([.. Enumerable.Range(0, Users).Where(static i => i % 40 == 0).Select(i => new IdleReport(MachineOf(i), now.AddMinutes(14), now.AddSeconds(-i)))], CancellationToken.None);

        Gateway = await Cloud.StartGatewayAsync(
            ("Identity:ApiKeys:0:Name", "nightly"), ("Identity:ApiKeys:0:Role", "operator"), ("Identity:ApiKeys:0:Sha256", HashOf(OperatorKey)),
            ("Identity:ApiKeys:1:Name", "screen"), ("Identity:ApiKeys:1:Role", "viewer"), ("Identity:ApiKeys:1:Sha256", HashOf(ViewerKey)));
        Machine = await SleepingWorkspace.GiveMachineAsync(Cloud, Gateway.OperationsUrl, Watched);
    }

    /// <summary>Who signs in next at the provider.</summary>
    internal void NextIs(string user, string? role)
    {
        Cloud.Authority.Person["sub"] = user;
        Cloud.Authority.Person.Remove("role");
        if (role is not null)
        {
            Cloud.Authority.Person["role"] = role;
        }
    }

    /// <summary>A browser that is signed in to the console.</summary>
    internal async Task<Browser> SignInAsync(string user, string role)
    {
        NextIs(user, role);
        var browser = new Browser(Gateway.OperationsUrl);
        var (page, _) = await browser.FollowAsync("/");
        Assert.True(page.IsSuccessStatusCode, $"Signing in to the console came to {page.StatusCode}.");
        page.Dispose();
        return browser;
    }

    public async Task DisposeAsync()
    {
        await Map.DisposeAsync();
        await Cloud.DisposeAsync();
    }

    private async Task AssignAsync(int i)
    {
        await Map.Map.WriteAsync(RecordOf(i, i % 40 == 0 ? MachineRecordState.Awake : MachineRecordState.Asleep), CancellationToken.None);
        await Map.Map.WriteAsync(SessionOf(i), CancellationToken.None);
    }

    /// <summary>The present month of twelve of those who are awake, as a ledger has it. Written before all else: the ledger counts on from the last word on a machine, and theirs stay as they are here.</summary>
    private async Task MakeAMonthAsync()
    {
        var now = TimeProvider.System.GetUtcNow();
        var first = LedgerMonth.Of(now).First;
        var time = new SetTime(first);
        await using var past = await MapReplica.StartAsync(Cloud.Redis.Url, "{gateway}", time);
        for (var i = 0; i < 480; i += 40)
        {
            time.Now = first;
            await past.Map.WriteAsync(SessionOf(i) with { Volume = new VolumeId($"vol_{i}"), VolumeGb = 5 }, CancellationToken.None);
            var record = (await past.Map.WriteAsync(RecordOf(i, MachineRecordState.Asleep), CancellationToken.None)).Current!;
            for (var day = 0; first.AddDays(day + 1) < now; day++)
            {
                var hours = ((i / 40) + (day * 3)) % 5;
                time.Now = first.AddDays(day).AddHours(9);
                record = (await past.Map.WriteAsync(record with { State = MachineRecordState.Awake }, CancellationToken.None)).Current!;
                // Every third of them has a terminal open on which nothing passes.
                var (turns, every) = i % 120 == 0 ? ("111111111111", 1) : ("222222222222", 5);
                await Task.WhenAll(Enumerable.Range(0, hours * 60 / every).Select(report =>
                    past.Ledger.ReportAsync((time.Now.ToUnixTimeSeconds() / 60) + (report * every), [new MachineUse(record.Machine, turns, every * 2_000_000, Used: true)], CancellationToken.None)));
                time.Now += TimeSpan.FromHours(hours) + TimeSpan.FromMinutes(15);
                record = (await past.Map.WriteAsync(record with { State = MachineRecordState.Asleep }, CancellationToken.None)).Current!;
            }

            time.Now = now;
            await past.Map.WriteAsync(record with { State = MachineRecordState.Awake }, CancellationToken.None);
        }
    }

    private static MachineRecord RecordOf(int i, MachineRecordState state)
    {
        var region = (i % 7) switch { 0 or 1 => "ams", 2 => "nrt", _ => "sjc" };
        return new MachineRecord { Machine = MachineOf(i), App = GatewayEnvironment.App, State = state, Region = region, Boot = 1, Address = "::1" };
    }

    private static Session SessionOf(int i) =>
        new() { User = new UserId(string.Create(CultureInfo.InvariantCulture, $"user{i:0000}")), State = SessionState.Assigned, App = GatewayEnvironment.App, Machine = MachineOf(i) };

    internal static MachineId MachineOf(int i) => new(string.Create(CultureInfo.InvariantCulture, $"m{i + 100:x13}"));

    private static string HashOf(string key) => Convert.ToHexString(System.Security.Cryptography.SHA256.HashData(System.Text.Encoding.UTF8.GetBytes(key)));
}
