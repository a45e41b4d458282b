using System.Text.Json.Serialization;

namespace Gateway.Reconciling;

/// <summary>Where the session map and the platform differ, or a machine is not as the gateway makes them.</summary>
/// <param name="Kind">One of <see cref="DriftKinds"/>.</param>
/// <param name="App">The Fly app it was found in.</param>
/// <param name="Subject">The machine, the volume, or the user.</param>
/// <param name="Users">Whom it concerns.</param>
/// <param name="Detail">What is different, in one sentence.</param>
/// <param name="Planned">What the gateway does about it, or whoever has to.</param>
/// <param name="Repair">How: by the gateway, by it only when destroying is allowed, or not at all.</param>
internal sealed record Drift(string Kind, string App, string Subject, IReadOnlyList<string> Users, string Detail, string Planned, DriftRepairKind Repair)
{
    /// <summary>The session's other machine, the volume's user, …, as the repair needs it.</summary>
    public string? Other { get; init; }

    /// <summary>When it was first seen, and is seen since.</summary>
    public DateTimeOffset FirstSeen { get; init; }

    public DateTimeOffset LastSeen { get; init; }

    /// <summary>What the last repair came to.</summary>
    public string? Outcome { get; init; }

    /// <summary>One entry for each, however often it is found.</summary>
    [JsonIgnore]
    public string Key => $"{Kind}|{App}|{Subject}|{string.Join(',', Users)}";
}

internal enum DriftRepairKind
{
    /// <summary>Somebody has to look.</summary>
    Operator,

    /// <summary>Nothing is lost by it.</summary>
    Safe,

    /// <summary>Something is taken away that is not made anew by itself.</summary>
    Destroys,
}

internal static class DriftKinds
{
    public const string SessionWithoutMachine = "session-without-machine";
    public const string MachineWithoutSession = "machine-without-session";
    public const string SecondMachine = "second-machine";
    public const string ForgedMetadata = "forged-metadata";
    public const string UnknownState = "unknown-state";
    public const string StuckTransition = "stuck-transition";
    public const string ForeignStart = "foreign-start";
    public const string PlatformAutostop = "platform-autostop";
    public const string ServicesOnWorkspace = "services-on-workspace";
    public const string WrongRegion = "wrong-region";
    public const string WrongVolumeSize = "wrong-volume-size";
    public const string FillingVolume = "filling-volume";
    public const string OrphanVolume = "orphan-volume";
}

[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.SnakeCaseLower, UseStringEnumConverter = true)]
[JsonSerializable(typeof(Drift))]
internal sealed partial class DriftJson : JsonSerializerContext;
