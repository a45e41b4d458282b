using System.Text.Json.Serialization;

namespace Gateway.Sessions;

/// <summary>The part of a machine's configuration that a template decides and an upgrade replaces: its image and its size.</summary>
internal sealed record MachineSpec(
    [property: JsonPropertyName("image")] string Image,
    [property: JsonPropertyName("cpu_kind")] string CpuKind,
    [property: JsonPropertyName("cpus")] int Cpus,
    [property: JsonPropertyName("memory_mb")] int MemoryMb);

/// <summary>What is known of a machine's image and size, so that a wake need not ask the platform.</summary>
/// <param name="Spec">What it has.</param>
/// <param name="Previous">What it had before the last upgrade, to go back to.</param>
/// <param name="OnTrial">Upgraded, and not awake since: a boot that fails goes back to <paramref name="Previous"/>.</param>
/// <param name="Failed">The last upgrade that did not come to pass; not tried again before its time.</param>
internal sealed record MachineMake(
    [property: JsonPropertyName("spec")] MachineSpec Spec,
    [property: JsonPropertyName("previous")] MachineSpec? Previous = null,
    [property: JsonPropertyName("on_trial")] bool OnTrial = false,
    [property: JsonPropertyName("failed")] FailedUpgrade? Failed = null);

/// <summary>An upgrade that failed: to what, why, and until when it is not tried again.</summary>
internal sealed record FailedUpgrade(
    [property: JsonPropertyName("wanted")] MachineSpec Wanted,
    [property: JsonPropertyName("failure")] RecordFailure Failure);
