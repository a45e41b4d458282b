using System.Text.Json;
using System.Text.Json.Serialization;

namespace Gateway.Machines;

/// <summary>The part of a machine's configuration that we write. What else the platform keeps there survives in <see cref="Rest"/>, since an update replaces the whole.</summary>
internal sealed record MachineConfig
{
    [JsonPropertyName("image")]
    public string Image { get; init; } = "";

    [JsonPropertyName("env")]
    public Dictionary<string, string>? Env { get; init; }

    [JsonPropertyName("init")]
    public MachineInit? Init { get; init; }

    [JsonPropertyName("guest")]
    public MachineGuest? Guest { get; init; }

    [JsonPropertyName("mounts")]
    public List<MachineMount>? Mounts { get; init; }

    [JsonPropertyName("metadata")]
    public Dictionary<string, string>? Metadata { get; init; }

    [JsonPropertyName("restart")]
    public MachineRestart? Restart { get; init; }

    [JsonPropertyName("stop_config")]
    public MachineStopConfig? StopConfig { get; init; }

    [JsonExtensionData]
    public Dictionary<string, JsonElement>? Rest { get; set; }
}

/// <summary>What runs at boot, where it differs from the image's own command.</summary>
internal sealed record MachineInit
{
    [JsonPropertyName("cmd")]
    public List<string>? Cmd { get; init; }

    [JsonExtensionData]
    public Dictionary<string, JsonElement>? Rest { get; set; }
}

/// <summary>The machine's size. Shared CPUs take 256 to 2048 MB each in steps of 256.</summary>
internal sealed record MachineGuest
{
    [JsonPropertyName("cpu_kind")]
    public string CpuKind { get; init; } = "shared";

    [JsonPropertyName("cpus")]
    public int Cpus { get; init; } = 1;

    [JsonPropertyName("memory_mb")]
    public int MemoryMb { get; init; } = 512;

    [JsonExtensionData]
    public Dictionary<string, JsonElement>? Rest { get; set; }
}

/// <summary>A volume and where the machine sees it.</summary>
internal sealed record MachineMount
{
    [JsonPropertyName("volume")]
    public string Volume { get; init; } = "";

    [JsonPropertyName("path")]
    public string Path { get; init; } = "";

    [JsonExtensionData]
    public Dictionary<string, JsonElement>? Rest { get; set; }
}

/// <summary>What the platform does when the process ends by itself: <c>no</c>, <c>on-failure</c> or <c>always</c>.</summary>
internal sealed record MachineRestart
{
    [JsonPropertyName("policy")]
    public string Policy { get; init; } = "on-failure";

    [JsonPropertyName("max_retries")]
    public int? MaxRetries { get; init; }

    [JsonExtensionData]
    public Dictionary<string, JsonElement>? Rest { get; set; }
}

/// <summary>How a stop is asked for and how long it may take; <c>timeout</c> is a Go duration such as <c>10s</c>.</summary>
internal sealed record MachineStopConfig
{
    [JsonPropertyName("signal")]
    public string? Signal { get; init; }

    [JsonPropertyName("timeout")]
    public string? Timeout { get; init; }

    [JsonExtensionData]
    public Dictionary<string, JsonElement>? Rest { get; set; }
}
