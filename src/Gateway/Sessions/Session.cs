using System.Text.Json;
using System.Text.Json.Serialization;

namespace Gateway.Sessions;

/// <summary>The user's entry in the session map: which app, machine and volume are theirs. Never changed in place; every write is a compare-and-set on <see cref="Epoch"/>.</summary>
internal sealed record Session
{
    /// <summary>The number of the format it was written in; kept as it was read. Settable, because generated JSON code gives an init property that is not in the text its type's default.</summary>
    [JsonPropertyName("v")]
    public int Format { get; set; } = 1;

    [JsonPropertyName("user")]
    public required UserId User { get; init; }

    [JsonPropertyName("state")]
    public required SessionState State { get; init; }

    /// <summary>The Fly app the machine lives in.</summary>
    [JsonPropertyName("app")]
    public required string App { get; init; }

    /// <summary>Null until the machine was made.</summary>
    [JsonPropertyName("machine")]
    public MachineId? Machine { get; init; }

    /// <summary>Null until the volume was made, and for machines that have none.</summary>
    [JsonPropertyName("volume")]
    public VolumeId? Volume { get; init; }

    /// <summary>The volume's size when it was last looked at; null: nobody looked. For the ledger.</summary>
    [JsonPropertyName("volume_gb")]
    public int? VolumeGb { get; init; }

    /// <summary>The machine that a restore put out of service: it may come back with its host, and is not the user's any more.</summary>
    [JsonPropertyName("replaced")]
    public MachineId? Replaced { get; init; }

    [JsonPropertyName("region")]
    public string? Region { get; init; }

    /// <summary>Who provisions, and until when that is believed. Only in <see cref="SessionState.Provisioning"/>.</summary>
    [JsonPropertyName("lease")]
    public RecordLease? Lease { get; init; }

    /// <summary>Why provisioning failed, in words for the user and the operator, and until when it is not tried again.</summary>
    [JsonPropertyName("failure")]
    public RecordFailure? Failure { get; init; }

    /// <summary>Since when an operator lets no new request in; what is open goes on. Null: everything is let in.</summary>
    [JsonPropertyName("closed_at")]
    public DateTimeOffset? ClosedAt { get; init; }

    /// <summary>When a volume was asked for whose id is not saved yet: whoever goes on looks for it before asking again, since volume names are not unique.</summary>
    [JsonPropertyName("volume_asked_at")]
    public DateTimeOffset? VolumeAskedAt { get; init; }

    /// <summary>When background requests of the user woke the machine and nobody showed up afterwards: their budget of the last hour. Null: never lately.</summary>
    [JsonPropertyName("background_wakes")]
    public IReadOnlyList<DateTimeOffset>? BackgroundWakes { get; init; }

    [JsonPropertyName("changed_at")]
    public DateTimeOffset ChangedAt { get; init; }

    /// <summary>Set by the session map alone. 0: not written yet.</summary>
    [JsonIgnore]
    public long Epoch { get; init; }

    /// <summary>What a newer version wrote: it survives our writes.</summary>
    [JsonExtensionData]
    public Dictionary<string, JsonElement>? Rest { get; set; }

    /// <summary>As it is believed: see <see cref="WriterClock"/>.</summary>
    public Session Believed()
    {
        var (failure, changedAt) = State is SessionState.Failed ? WriterClock.Bound(Failure, ChangedAt, Epoch) : (Failure, ChangedAt);
        return this with { Lease = WriterClock.Bound(Lease, Epoch), Failure = failure, ChangedAt = changedAt };
    }
}

/// <summary>A user without a session is unassigned. <see cref="Unknown"/>: a state of a newer version; leave it alone.</summary>
internal enum SessionState
{
    Unknown,
    Provisioning,
    Assigned,
    Failed,
}

/// <summary>The replica that works on a record, and until when others leave it alone. The owner renews well before.</summary>
internal sealed record RecordLease(
    [property: JsonPropertyName("owner")] string Owner,
    [property: JsonPropertyName("until")] DateTimeOffset Until);

/// <summary>Why something failed, how often in a row, and until when it is not tried again.</summary>
/// <param name="Reason">A stable word: <c>host_full</c>, <c>crashed</c>, <c>never_healthy</c>, …</param>
/// <param name="Detail">One sentence for people.</param>
internal sealed record RecordFailure(
    [property: JsonPropertyName("reason")] string Reason,
    [property: JsonPropertyName("detail")] string Detail,
    [property: JsonPropertyName("times")] int Times,
    [property: JsonPropertyName("until")] DateTimeOffset Until);
