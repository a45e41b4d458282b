using System.Text.Json;
using System.Text.Json.Serialization;

namespace Gateway.Sessions;

/// <summary>What the replicas share about one machine. Never changed in place; every write is a compare-and-set on <see cref="Epoch"/>.</summary>
internal sealed record MachineRecord
{
    /// <summary>The number of the format it was written in; kept as it was read. Settable, because generated JSON code gives an init property that is not in the text its type's default.</summary>
    [JsonPropertyName("v")]
    public int Format { get; set; } = 1;

    [JsonPropertyName("machine")]
    public required MachineId Machine { get; init; }

    [JsonPropertyName("app")]
    public required string App { get; init; }

    [JsonPropertyName("state")]
    public required MachineRecordState State { get; init; }

    /// <summary>The number of the machine's current or last life, from waking to sleep. Higher with each wake.</summary>
    [JsonPropertyName("boot")]
    public long Boot { get; init; }

    /// <summary>Its address in the current boot: an IP literal, without port. Null while asleep.</summary>
    [JsonPropertyName("address")]
    public string? Address { get; init; }

    [JsonPropertyName("region")]
    public string? Region { get; init; }

    /// <summary>Asleep by suspend rather than stop.</summary>
    [JsonPropertyName("suspended")]
    public bool Suspended { get; init; }

    /// <summary>Who wakes, stops or updates, and until when that is believed.</summary>
    [JsonPropertyName("lease")]
    public RecordLease? Lease { get; init; }

    /// <summary>Whoever began to stop it has not been shut out since: a late call of theirs would still be carried out. The waker's own, and of no meaning but in <c>waking</c>.</summary>
    [JsonPropertyName("stop_open")]
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingDefault)]
    public bool StopOpen { get; init; }

    /// <summary>How far whoever has the lease says it is; renewed with the lease. A word of the waker's steps, for people only.</summary>
    [JsonPropertyName("step")]
    public string? Step { get; init; }

    /// <summary>The last failed wake. Outlives the next good answer, so that a machine that dies after each one is known; forgotten after a quiet time.</summary>
    [JsonPropertyName("failure")]
    public RecordFailure? Failure { get; init; }

    /// <summary>What a user's budget of background wakes was charged with for the present boot; null: somebody meant it.</summary>
    [JsonPropertyName("charge")]
    public WakeCharge? Charge { get; init; }

    /// <summary>Its image and size as last seen; null: nobody looked since the map was made.</summary>
    [JsonPropertyName("make")]
    public MachineMake? Make { get; init; }

    /// <summary>An operator keeps it from idle stops until then. Null: nobody does.</summary>
    [JsonPropertyName("pinned_until")]
    public DateTimeOffset? PinnedUntil { get; init; }

    /// <summary>When it came into its present state.</summary>
    [JsonPropertyName("changed_at")]
    public DateTimeOffset ChangedAt { get; init; }

    /// <summary>The image and size to go back to: the first boot after an upgrade failed for a reason that the upgrade may be to blame for. Null: none.</summary>
    [JsonIgnore]
    public MachineSpec? GoesBackTo =>
        this is { Make: { OnTrial: true, Previous: { } previous }, Failure.Reason: "crashed" or "never_healthy" or "out_of_memory" or "host_full" } ? previous : null;

    /// <summary>Set by the session map alone. 0: not written yet.</summary>
    [JsonIgnore]
    public long Epoch { get; init; }

    /// <summary>What a newer version wrote: it survives our writes.</summary>
    [JsonExtensionData]
    public Dictionary<string, JsonElement>? Rest { get; set; }

    /// <summary>
    /// The number of a life that begins now. Told by the clock, because a map that fails over or is emptied forgets which numbers were given, and none may
    /// come twice: connections are pooled by machine and boot.
    /// </summary>
    public long NextBoot(DateTimeOffset now) => Math.Max(Boot + 1, now.ToUnixTimeMilliseconds());

    /// <summary>
    /// What it becomes when the platform has it running and nobody who wrote it down started it: maybe another life than the last that is known, which
    /// whoever comes next probes and the idle stopper takes in hand.
    /// </summary>
    public MachineRecord Found(DateTimeOffset now) => this with { State = MachineRecordState.Waking, Boot = NextBoot(now), Address = null, StopOpen = State is MachineRecordState.Stopping };

    /// <summary>As it is believed: see <see cref="WriterClock"/>.</summary>
    public MachineRecord Believed()
    {
        var (failure, changedAt) = State is MachineRecordState.Failed ? WriterClock.Bound(Failure, ChangedAt, Epoch) : (Failure, ChangedAt);
        return this with { Lease = WriterClock.Bound(Lease, Epoch), Failure = failure, ChangedAt = changedAt };
    }
}

/// <summary>One wake that nobody is known to have meant, on a user's budget until somebody shows up.</summary>
internal sealed record WakeCharge(
    [property: JsonPropertyName("user")] UserId User,
    [property: JsonPropertyName("at")] DateTimeOffset At);

/// <summary>What a machine is as far as the map knows. <see cref="Unknown"/>: a state of a newer version; leave it alone.</summary>
internal enum MachineRecordState
{
    Unknown,
    Asleep,
    Waking,
    Awake,
    Draining,
    Stopping,
    Updating,
    Failed,
    Gone,
}
