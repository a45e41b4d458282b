using Microsoft.Extensions.Options;

namespace Gateway.Reconciling;

/// <summary>How the map is rebuilt from the platform.</summary>
internal sealed class ReconcilingOptions
{
    public const string Section = "Reconciling";

    /// <summary>How often a replica looks whether the map lost its memory.</summary>
    public TimeSpan CheckEvery { get; set; } = TimeSpan.FromSeconds(3);

    /// <summary>How long one rebuild may take.</summary>
    public TimeSpan RebuildLimit { get; set; } = TimeSpan.FromMinutes(5);

    /// <summary>How often the whole map is compared with the whole platform, by one replica.</summary>
    public TimeSpan Every { get; set; } = TimeSpan.FromMinutes(10);

    /// <summary>How long a difference has to stand before it is repaired: what is being made or moved differs for a while.</summary>
    public TimeSpan Grace { get; set; } = TimeSpan.FromMinutes(10);

    /// <summary>Repair what loses nothing. Off: every difference is only listed.</summary>
    public bool Repair { get; set; } = true;

    /// <summary>Also repair by destroying: a user's second machine, never a volume. Off: such repairs are only planned.</summary>
    public bool Destroy { get; set; }

    /// <summary>From here on a volume counts as filling up.</summary>
    public int FullAtPercent { get; set; } = 85;

    /// <summary>By how much a volume that fills up is extended; 0: an operator does it.</summary>
    public int ExtendByGb { get; set; }

    /// <summary>No volume is extended beyond this by itself: what fills it may never end.</summary>
    public int ExtendLimitGb { get; set; } = 50;

    /// <summary>Further apps that hold users' machines, beside <c>Workspaces:App</c>: a user in an app that is not listed would be given a second workspace after the map was lost.</summary>
    public List<string> OtherApps { get; set; } = [];
}

/// <summary>Finds all faults of the <see cref="ReconcilingOptions"/> at once.</summary>
internal sealed class ReconcilingOptionsValidator : IValidateOptions<ReconcilingOptions>
{
    public ValidateOptionsResult Validate(string? name, ReconcilingOptions options)
    {
        var faults = new List<string>();
        if (options.CheckEvery < TimeSpan.FromSeconds(1) || options.CheckEvery > TimeSpan.FromMinutes(1))
        {
            faults.Add($"{ReconcilingOptions.Section}:CheckEvery must be between 1 second and 1 minute");
        }

        if (options.RebuildLimit < TimeSpan.FromSeconds(10) || options.RebuildLimit > TimeSpan.FromHours(1))
        {
            faults.Add($"{ReconcilingOptions.Section}:RebuildLimit must be between 10 seconds and 1 hour");
        }

        if (options.Every < TimeSpan.FromSeconds(1) || options.Every > TimeSpan.FromDays(1))
        {
            faults.Add($"{ReconcilingOptions.Section}:Every must be between 1 second and 1 day");
        }

        if (options.Grace < TimeSpan.Zero || options.Grace > TimeSpan.FromDays(7))
        {
            faults.Add($"{ReconcilingOptions.Section}:Grace must be between 0 and 7 days");
        }

        if (options.FullAtPercent is < 1 or > 100)
        {
            faults.Add($"{ReconcilingOptions.Section}:FullAtPercent must be from 1 to 100");
        }

        if (options.ExtendByGb is < 0 or > 500)
        {
            faults.Add($"{ReconcilingOptions.Section}:ExtendByGb must be from 0 to 500");
        }

        if (options.ExtendLimitGb is < 1 or > 500)
        {
            faults.Add($"{ReconcilingOptions.Section}:ExtendLimitGb must be from 1 to 500");
        }

        if (options.OtherApps.Any(string.IsNullOrWhiteSpace))
        {
            faults.Add($"{ReconcilingOptions.Section}:OtherApps must hold names of Fly apps; remove the empty one");
        }

        return faults.Count == 0 ? ValidateOptionsResult.Success : ValidateOptionsResult.Fail(faults);
    }
}
