using Gateway.Provisioning;
using Gateway.Sessions;
using Microsoft.Extensions.Options;

namespace Gateway.Operations.Costs;

/// <summary>What the platform asks for what the ledger has. What the ledger does not know of a machine or a volume is as the template of workspaces has it.</summary>
internal sealed class LedgerPrices(IOptions<CostOptions> prices, IOptions<WorkspaceOptions> template)
{
    /// <summary>The platform's prices by the month are for 30 days, whatever the month.</summary>
    private static readonly TimeSpan Month = TimeSpan.FromDays(30);

    public CostParts Of(LedgerSum used)
    {
        var (running, volumes) = (0m, 0m);
        foreach (var (entry, span) in used.Entries)
        {
            running += entry.What == LedgerEntry.Running ? RunningMonth(entry) * Months(span) : 0;
            volumes += entry.What == LedgerEntry.Volume ? VolumeGbMonths(entry, span) * prices.Value.VolumeGbMonth : 0;
        }

        return new CostParts(running, volumes, ImageGbMonths(used) * prices.Value.ImageGbMonth, used.Egress.Sum(sent => sent.Value / 1_000_000_000m * EgressPrice(sent.Key)));
    }

    /// <summary>The same if no machine had slept.</summary>
    public decimal AlwaysOn(LedgerSum used)
    {
        var parts = Of(used);
        return used.Entries.Where(static entry => entry.Key.What != LedgerEntry.Volume).Sum(entry => RunningMonth(entry.Key) * Months(entry.Value)) + parts.Volumes + parts.Egress;
    }

    public decimal VolumeGbMonths(LedgerSum used) => used.Entries.Where(static entry => entry.Key.What == LedgerEntry.Volume).Sum(entry => VolumeGbMonths(entry.Key, entry.Value));

    public decimal ImageGbMonths(LedgerSum used) => prices.Value.ImageGb * Months(used.In(LedgerEntry.Stopped) + used.In(LedgerEntry.Suspended));

    private decimal VolumeGbMonths(LedgerEntry volume, TimeSpan span) => (volume.VolumeGb > 0 ? volume.VolumeGb : template.Value.VolumeSizeGb) * Months(span);

    private decimal RunningMonth(LedgerEntry machine)
    {
        var standard = PlanQuery.Default(template.Value, prices.Value);
        // A region whose price nobody wrote down is taken for the template's first; one of those is checked at no start, so without a price it is taken for one without a markup.
        var region = prices.Value.Markups.ContainsKey(machine.Region) ? machine.Region : standard.Region;
        var known = machine.Cpus > 0
            ? standard with { Region = region, CpuKind = machine.CpuKind, Cpus = machine.Cpus, MemoryMb = machine.MemoryMb }
            : standard with { Region = region };
        return CostPlan.RunningMonth(known, prices.Value);
    }

    private decimal EgressPrice(string region) => prices.Value.EgressGbByRegion.TryGetValue(region, out var price) ? price : prices.Value.EgressGb;

    private static decimal Months(TimeSpan span) => (decimal)span.Ticks / Month.Ticks;
}
