using Microsoft.Extensions.Options;

namespace Gateway.Operations.Costs;

/// <summary>What the platform asks, in dollars. Its price list changes; these are its documents' of 2026.</summary>
internal sealed class CostOptions
{
    public const string Section = "Costs";

    /// <summary>One shared CPU for a month of running, where the markup is 1.</summary>
    public decimal SharedCpuMonth { get; set; } = 0.695m;

    /// <summary>One performance CPU for a month of running, where the markup is 1.</summary>
    public decimal PerformanceCpuMonth { get; set; } = 21m;

    /// <summary>One GB of memory for a month of running, where the markup is 1.</summary>
    public decimal MemoryGbMonth { get; set; } = 5m;

    /// <summary>One GB of unpacked image for a month in which the machine is stopped or suspended.</summary>
    public decimal ImageGbMonth { get; set; } = 0.15m;

    /// <summary>One GB of volume for a month, whatever its machine does.</summary>
    public decimal VolumeGbMonth { get; set; } = 0.15m;

    /// <summary>One GB sent out of a region that <see cref="EgressGbByRegion"/> does not name.</summary>
    public decimal EgressGb { get; set; } = 0.02m;

    /// <summary>One GB sent out, by region.</summary>
    public Dictionary<string, decimal> EgressGbByRegion { get; set; } = new(StringComparer.Ordinal)
    {
        ["bom"] = 0.12m,
        ["gru"] = 0.04m,
        ["jnb"] = 0.12m,
        ["nrt"] = 0.04m,
        ["sin"] = 0.04m,
        ["syd"] = 0.04m,
    };

    /// <summary>What CPU and memory are multiplied by, by region. A region that is not here is not known.</summary>
    public Dictionary<string, decimal> Markups { get; set; } = new(StringComparer.Ordinal)
    {
        ["ams"] = 1.038m,
        ["arn"] = 1.038m,
        ["bom"] = 1.077m,
        ["cdg"] = 1.135m,
        ["dfw"] = 1.25m,
        ["ewr"] = 1m,
        ["fra"] = 1.154m,
        ["gru"] = 1.615m,
        ["iad"] = 1m,
        ["jnb"] = 1.303m,
        ["lax"] = 1.2m,
        ["lhr"] = 1.135m,
        ["nrt"] = 1.308m,
        ["ord"] = 1.25m,
        ["sin"] = 1.269m,
        ["sjc"] = 1.1923m,
        ["syd"] = 1.269m,
        ["yyz"] = 1.115m,
    };

    /// <summary>How large the workspace's image is unpacked, unless the caller says otherwise. Defaults to 1.</summary>
    public decimal ImageGb { get; set; } = 1m;

    /// <summary>What a month is meant to cost at most: an alert says when it will not be kept. 0: nothing was planned.</summary>
    public decimal MonthPlan { get; set; }
}

/// <summary>Lists every fault of the section at once, each by its key.</summary>
internal sealed class CostOptionsValidation : IValidateOptions<CostOptions>
{
    public ValidateOptionsResult Validate(string? name, CostOptions options)
    {
        (string Key, decimal Price)[] prices =
        [
            (nameof(options.SharedCpuMonth), options.SharedCpuMonth),
            (nameof(options.PerformanceCpuMonth), options.PerformanceCpuMonth),
            (nameof(options.MemoryGbMonth), options.MemoryGbMonth),
            (nameof(options.ImageGbMonth), options.ImageGbMonth),
            (nameof(options.VolumeGbMonth), options.VolumeGbMonth),
            (nameof(options.EgressGb), options.EgressGb),
            (nameof(options.ImageGb), options.ImageGb),
            (nameof(options.MonthPlan), options.MonthPlan),
            .. options.EgressGbByRegion.Select(static region => ($"{nameof(options.EgressGbByRegion)}:{region.Key}", region.Value)),
            .. options.Markups.Select(static region => ($"{nameof(options.Markups)}:{region.Key}", region.Value)),
        ];
        var faults = prices.Where(static price => price.Price is < 0 or > 1_000_000).Select(static price => $"Costs:{price.Key} must be between 0 and 1000000").ToList();
        return faults.Count == 0 ? ValidateOptionsResult.Success : ValidateOptionsResult.Fail(faults);
    }
}
