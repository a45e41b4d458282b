using System.Globalization;
using System.Text.Json.Serialization;

namespace Gateway.Operations.Costs;

/// <summary>What a month will cost, in dollars, and by which sums.</summary>
/// <param name="PerUser">The month's total, for each of them.</param>
/// <param name="AlwaysOn">The same if no machine ever slept.</param>
/// <param name="Saving">What sleeping saves of it.</param>
/// <param name="Sums">Each part as it is worked out.</param>
internal sealed record CostPlan(PlanQuery Asked, CostParts Month, decimal PerUser, decimal AlwaysOn, decimal Saving, IReadOnlyList<string> Sums)
{
    public static CostPlan Of(PlanQuery asked, CostOptions prices)
    {
        var month = MonthOf(asked, prices);
        var alwaysOn = MonthOf(asked with { HoursPerDay = PlanQuery.WholeDay }, prices).Total;
        var (users, hours, asleep, markup) = (asked.Users, asked.HoursPerDay, PlanQuery.WholeDay - asked.HoursPerDay, prices.Markups[asked.Region]);
        return new CostPlan(asked, month, Cents(asked.Users == 0 ? 0 : month.Total / asked.Users), alwaysOn, alwaysOn - month.Total,
        [
            Say($"running: {users} × ({asked.Cpus} × ${CpuPrice(asked, prices)} + {asked.MemoryMb} MB / 1024 × ${prices.MemoryGbMonth}) × {markup} × {hours} h / 24 h = ${month.Running}"),
            Say($"volumes: {users} × {asked.VolumeGb} GB × ${prices.VolumeGbMonth} = ${month.Volumes}"),
            Say($"images of machines asleep: {users} × {asked.ImageGb} GB × ${prices.ImageGbMonth} × {asleep} h / 24 h = ${month.Images}"),
            Say($"egress: {users} × {asked.EgressGb} GB × ${EgressPrice(asked, prices)} = ${month.Egress}"),
        ]);
    }

    /// <summary>One machine, for a month in which it never sleeps.</summary>
    public static decimal RunningMonth(PlanQuery asked, CostOptions prices) =>
        ((asked.Cpus * CpuPrice(asked, prices)) + (asked.MemoryMb / 1024m * prices.MemoryGbMonth)) * prices.Markups.GetValueOrDefault(asked.Region, 1);

    private static CostParts MonthOf(PlanQuery asked, CostOptions prices)
    {
        var awake = asked.HoursPerDay / PlanQuery.WholeDay;
        return new CostParts(
            Cents(asked.Users * RunningMonth(asked, prices) * awake),
            Cents(asked.Users * asked.VolumeGb * prices.VolumeGbMonth),
            Cents(asked.Users * asked.ImageGb * prices.ImageGbMonth * (1 - awake)),
            Cents(asked.Users * asked.EgressGb * EgressPrice(asked, prices)));
    }

    private static decimal CpuPrice(PlanQuery asked, CostOptions prices) => asked.CpuKind == "shared" ? prices.SharedCpuMonth : prices.PerformanceCpuMonth;

    private static decimal EgressPrice(PlanQuery asked, CostOptions prices) => prices.EgressGbByRegion.TryGetValue(asked.Region, out var price) ? price : prices.EgressGb;

    private static decimal Cents(decimal dollars) => Math.Round(dollars, 2, MidpointRounding.AwayFromZero);

    private static string Say(FormattableString sum) => sum.ToString(CultureInfo.InvariantCulture);
}

/// <summary>The parts of a month.</summary>
/// <param name="Running">CPU and memory while awake, with the region's markup.</param>
/// <param name="Volumes">Whether used or not.</param>
/// <param name="Images">The image of a machine that is asleep is storage.</param>
internal sealed record CostParts(decimal Running, decimal Volumes, decimal Images, decimal Egress)
{
    public decimal Total => Running + Volumes + Images + Egress;

    public CostParts Rounded(int decimals) => new(decimal.Round(Running, decimals), decimal.Round(Volumes, decimals), decimal.Round(Images, decimals), decimal.Round(Egress, decimals));
}

[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.SnakeCaseLower)]
[JsonSerializable(typeof(CostPlan))]
[JsonSerializable(typeof(MonthCosts))]
[JsonSerializable(typeof(UserCosts))]
internal sealed partial class CostJson : JsonSerializerContext;
