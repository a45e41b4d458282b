using System.Text.Json.Serialization;
using Gateway.Operations.Costs;
using Gateway.Provisioning;
using Gateway.Reconciling;
using Gateway.Sessions;

namespace Gateway.Operations;

/// <summary>One user's afternoon, for the examples of <see cref="ApiDescription"/>.</summary>
internal static class ApiExamples
{
    private static readonly DateTimeOffset Noon = new(2030, 1, 31, 12, 0, 0, TimeSpan.Zero);
    private static readonly MachineSpec Spec = new("registry.fly.io/my-jarvis-workspaces:42", "shared", 1, 512);
    private static readonly OpenVisitsView Visits = new("148e21a2", 0, 1, Noon.AddMinutes(4), Noon.AddMinutes(5), 1, 0);
    private static readonly PlannedAction Next = new("stop", Noon.AddMinutes(64), "visits are open: this moment moves on as long as they are");

    private static readonly RouteCause Woken = new()
    {
        At = Noon, Kind = "wake", What = "navigation", Rule = "a request, a sign-in or an operator wanted it awake", Replica = "148e21a2",
        Timing = new Dictionary<string, double> { ["start"] = 0.3, ["boot"] = 0.9, ["probe"] = 0.1, ["total"] = 1.3 },
    };

    private static readonly CostUse Use = new(201_600, 120_000, 40_000, 0, 2_390_400, 4.83m, 0.92m, 1_200_000_000, 31, 2);
    private static readonly CostParts Money = new(0.3m, 0.72m, 0.14m, 0.02m);

    public static readonly RouteView Route = new()
    {
        Id = "alice", User = "alice", State = "awake", App = "my-jarvis-workspaces", Machine = "148e2193f12089", Volume = "vol_4ol2m9wz3k1r7d6p", Region = "sjc", Address = "fdaa:0:1::3", Boot = 31,
        SessionEpoch = 1896091200000000, MachineEpoch = 1896091201300000, LastActivity = Noon.AddMinutes(4),
    };

    public static readonly RouteView Detailed = Route with
    {
        Detail = new RouteDetail
        {
            SessionState = "assigned", SessionChangedAt = Noon.AddDays(-30), VolumeGb = 5, MachineState = "awake", MachineChangedAt = Noon.AddSeconds(1.3), Make = new MachineMake(Spec), Visits = [Visits],
            Timers = new RouteTimers(900, 3600, Next.At, null), LastWake = Woken, Next = Next,
        },
    };

    public static readonly RouteList Routes = new([Route], "cjIudWFsaWNl");

    public static readonly RouteWhy Why = new()
    {
        Id = Route.Id, State = Route.State, Summary = "Awake: 0 requests and 1 sockets or streams are open.", BlockedBy = [Visits], Next = Next, Causes = [Woken],
        Timeline = [new(Noon.AddHours(-5), "asleep"), new(Noon, "waking"), new(Noon.AddSeconds(1.3), "awake")],
    };

    public static readonly EventView Event = new(1896091201300000, Noon.AddSeconds(1.3), "state", [Route.Id], Route.Machine, "waking", "awake", null);
    public static readonly AssignmentJson Assignment = new(Route.App, Route.Machine);
    public static readonly PinRequest Pin = new(Noon.AddDays(1));
    public static readonly UpgradeRequest Upgrade = new("registry.fly.io/my-jarvis-workspaces:43", null);
    public static readonly UpgradeAnswer Upgraded = new("upgraded", "It has the new image and size, and sleeps.", Spec with { Image = Upgrade.Image! }, new MachineMake(Spec with { Image = Upgrade.Image! }, Spec, OnTrial: true));
    public static readonly UpgradeRoundRequest Round = new(2);
    public static readonly UpgradeRoundState RoundState = new(Noon, Spec, 2, null, 120, 98, 22, 0);
    public static readonly VolumeAnswer Volume = new(Route.Volume!, "created", "sjc", 5, 1_400_000_000, 5_000_000_000);
    public static readonly ExtendRequest Extend = new(8);
    public static readonly SnapshotsAnswer Snapshots = new(Route.Volume!, [new("vs_9Nmq3kZ1a", 1_100_000_000, Noon.AddHours(-9), 9 * 3600, "created")]);
    public static readonly SnapshotAsked SnapshotAsked = new(Route.Volume!);
    public static readonly RestoreRequest Restore = new(Snapshots.Snapshots[0].Id);
    public static readonly RestoreAnswer Restored = new("restored", "The workspace is on a volume made of the snapshot.", true, "148e2193f12090", "vol_7zr1q8x5n2b4c6v9");
    public static readonly WorkspaceOverride Override = new() { MemoryMb = 1024, Regions = ["ams"] };
    public static readonly AuditEntry Audited = new("0f8b1c2d3e4f", Noon, "override-written", Route.User, "ops", "memory_mb 1024", "148e21a2");
    public static readonly AuditAnswer Audit = new([Audited]);
    public static readonly Export Export = new(1, Noon, new Dictionary<string, WorkspaceOverride> { [Route.User] = Override }, [Audited]);

    public static readonly DriftAnswer Drift = new(
        new ReconcilePass(Noon, 3.2, 100, 100, 101, null, "148e21a2"),
        [new("orphan-volume", Route.App, "vol_2", [], "Volume data in sjc belongs to no machine and no session.", "It is never destroyed by itself: an operator does that, or restores from it.", "operator", false, Noon.AddDays(-1), Noon, 86_400, null)]);

    public static readonly UserEndpoints.AccessWish AccessWish = new("deny", "left the company");
    public static readonly UserEndpoints.AccessView Access = new(Route.Id, Route.User, "deny", "left the company", "ops", Noon);

    public static readonly MonthCosts Month = new(
        "2030-01", Noon, Noon.AddMonths(-3), Use, Money, 4.53m, 3.35m, 1.2m, 120, [new(new DateOnly(2030, 1, 31), new(0.01m, 0.03m, 0.01m, 0), 7200)],
        [new(Route.Machine!, [Route.Id], 81_600, 201_600, 40_000, 31, 2, "what follows each use until it counts as idle (Idling:IdleAfter)")]);

    public static readonly string CostsCsv = CostCsv.Header + CostCsv.Write([new("2030-01", Route.Id, Route.User, Route.Machine, 1, Use, Money, 4.53m, 3.35m)]);

    public static readonly CostPlan Plan = CostPlan.Of(new PlanQuery(100, 2, "sjc", "shared", 1, 512, 5, 1, 0), new CostOptions());
}

[JsonSerializable(typeof(string))]
internal sealed partial class ApiText : JsonSerializerContext;
