namespace Gateway.Machines;

/// <summary>What the Machines API says of one machine, in our words.</summary>
internal sealed record Machine
{
    public required MachineId Id { get; init; }
    public required string Name { get; init; }
    public required PlatformState State { get; init; }
    public string Region { get; init; } = "";

    /// <summary>The version of the machine's configuration: a ULID, which <c>wait</c> wants. The API calls it <c>instance_id</c>.</summary>
    public string Version { get; init; } = "";

    /// <summary>The machine's address on the private network, or null while it has none. Not stable: read it at every boot.</summary>
    public string? PrivateAddress { get; init; }

    /// <summary>The platform knows the machine but not its host's condition: its state is a memory, not an observation.</summary>
    public bool HostUnreachable { get; init; }

    /// <summary>Null when the host does not answer. Anything unknown to us inside survives a read and a write.</summary>
    public MachineConfig? Config { get; init; }

    public DateTimeOffset? CreatedAt { get; init; }
    public IReadOnlyList<MachineEvent> Events { get; init; } = [];

    public IReadOnlyDictionary<string, string> Metadata => Config?.Metadata ?? NoMetadata;

    private static readonly Dictionary<string, string> NoMetadata = [];
}

/// <summary>The platform's states as we need to tell them apart. A state we do not know is <see cref="Transient"/>: read again.</summary>
internal enum PlatformState
{
    Transient,
    Created,
    Starting,
    Started,
    Stopping,
    Stopped,
    Suspending,
    Suspended,
    Updating,
    Failed,
    Destroyed,
}

/// <summary>One entry of a machine's history.</summary>
/// <param name="Type">start, stop, exit, launch, update, suspend, …</param>
/// <param name="At">When the platform saw it.</param>
/// <param name="ExitCode">Of an exit.</param>
/// <param name="OutOfMemory">The kernel killed the process for memory.</param>
/// <param name="Requested">Somebody asked for the stop; otherwise the process ended by itself.</param>
internal sealed record MachineEvent(string Type, DateTimeOffset At, int? ExitCode, bool OutOfMemory, bool Requested);

/// <summary>A volume as the Machines API describes it.</summary>
internal sealed record Volume
{
    public required VolumeId Id { get; init; }
    public required string Name { get; init; }
    public required string State { get; init; }
    public string Region { get; init; } = "";
    public int SizeGb { get; init; }
    public long BytesUsed { get; init; }
    public long BytesTotal { get; init; }
    public MachineId? AttachedMachine { get; init; }
    public DateTimeOffset? CreatedAt { get; init; }

    /// <summary>The volume can be mounted: not scheduled for deletion and not being taken apart.</summary>
    public bool Usable => State is "created" or "creating" or "hydrating" or "extending" or "restoring" or "recovering" or "enabling_remote_export";
}

/// <summary>A snapshot of a volume.</summary>
internal sealed record VolumeSnapshot(string Id, long SizeBytes, DateTimeOffset CreatedAt, string Status);

/// <summary>The hold of the Machines API's own lease on a machine; its nonce goes with every call that changes the machine.</summary>
internal sealed record MachineLease(string Nonce, DateTimeOffset ExpiresAt);

/// <summary>One page of a listing. <paramref name="Next"/> is null at the end; a page may be short or empty before that.</summary>
internal sealed record MachinePage(IReadOnlyList<Machine> Machines, string? Next);
