namespace Gateway.Machines;

/// <summary>What a request's pipeline has to know of its call.</summary>
/// <param name="call">Which call it is.</param>
/// <param name="key">The machine or app whose rate it counts against.</param>
/// <param name="limit">How long one try may take.</param>
internal sealed class MachinesTurn(MachinesCall call, string key, TimeSpan limit)
{
    public MachinesCall Call => call;

    public string Key => key;

    public TimeSpan Limit => limit;

    /// <summary>The timestamp at which the first try had its turn; null before.</summary>
    public long? FirstTry { get; set; }
}
