using System.Globalization;
using Gateway.Provisioning;

namespace Gateway.Operations.Costs;

/// <summary>What the plan is asked for. What is not said is as the template of workspaces has it.</summary>
/// <param name="EgressGb">What one user's machine sends out in a month.</param>
internal sealed record PlanQuery(int Users, decimal HoursPerDay, string Region, string CpuKind, int Cpus, int MemoryMb, decimal VolumeGb, decimal ImageGb, decimal EgressGb)
{
    public const decimal WholeDay = 24;

    private const int MostUsers = 100_000_000;
    private const int MostMemoryMb = 1 << 20;
    private const decimal MostGb = 1_000_000;

    public static PlanQuery Default(WorkspaceOptions template, CostOptions prices) =>
        new(100, 2, template.RegionsInOrder[0], template.CpuKind, template.Cpus, template.MemoryMb, template.VolumeSizeGb, prices.ImageGb, 0);

    /// <summary>The query, or every sentence that says what is wrong with it.</summary>
    public static (PlanQuery? Query, IReadOnlyList<string> Faults) Parse(IQueryCollection query, WorkspaceOptions template, CostOptions prices)
    {
        var faults = new List<string>();
        var standard = Default(template, prices);
        var asked = new PlanQuery(
            Whole("users", standard.Users, 0, MostUsers),
            Number("hours_per_day", standard.HoursPerDay, WholeDay),
            Text("region", standard.Region),
            Text("cpu_kind", standard.CpuKind),
            Whole("cpus", standard.Cpus, 1, 64),
            Whole("memory_mb", standard.MemoryMb, 1, MostMemoryMb),
            Number("volume_gb", standard.VolumeGb, MostGb),
            Number("image_gb", standard.ImageGb, MostGb),
            Number("egress_gb", standard.EgressGb, MostGb));
        if (!prices.Markups.ContainsKey(asked.Region))
        {
            faults.Add("region must be one of " + string.Join(", ", prices.Markups.Keys.Order(StringComparer.Ordinal)));
        }

        if (asked.CpuKind is not ("shared" or "performance"))
        {
            faults.Add("cpu_kind must be shared or performance");
        }

        return (faults.Count == 0 ? asked : null, faults);

        string Text(string name, string unsaid) => query[name].ToString() is { Length: > 0 } text ? text : unsaid;

        int Whole(string name, int unsaid, int least, int most)
        {
            if (query[name].ToString() is not { Length: > 0 } text)
            {
                return unsaid;
            }

            if (!int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out var number) || number < least || number > most)
            {
                faults.Add(string.Create(CultureInfo.InvariantCulture, $"{name} must be a whole number from {least} to {most}"));
            }

            return number;
        }

        decimal Number(string name, decimal unsaid, decimal most)
        {
            if (query[name].ToString() is not { Length: > 0 } text)
            {
                return unsaid;
            }

            if (!decimal.TryParse(text, NumberStyles.AllowDecimalPoint, CultureInfo.InvariantCulture, out var number) || number > most)
            {
                faults.Add(string.Create(CultureInfo.InvariantCulture, $"{name} must be a number from 0 to {most}"));
            }

            return number;
        }
    }
}
