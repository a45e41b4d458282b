namespace Gateway.Waking;

/// <summary>What an attempt to boot came to: an address, or a reason.</summary>
internal readonly record struct BootResult(string? Address, string? Region, WakeRefusal Refusal)
{
    public static BootResult Ready(string address, string region) => new(address, region, default);

    public static BootResult Failed(WakeRefusal refusal) => new(null, null, refusal);
}
