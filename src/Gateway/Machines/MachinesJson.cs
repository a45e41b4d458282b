using System.Globalization;
using System.Text.Json.Serialization;

namespace Gateway.Machines;

/// <summary>The Machines API's JSON, read leniently: unknown fields and states never throw, and what is null or missing has a default.</summary>
[JsonSourceGenerationOptions(DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull, PropertyNamingPolicy = JsonKnownNamingPolicy.SnakeCaseLower)]
[JsonSerializable(typeof(MachineJson))]
[JsonSerializable(typeof(List<MachineJson>))]
[JsonSerializable(typeof(VolumeJson))]
[JsonSerializable(typeof(List<VolumeJson>))]
[JsonSerializable(typeof(ExtendedJson))]
[JsonSerializable(typeof(List<SnapshotJson>))]
[JsonSerializable(typeof(LeaseAnswerJson))]
[JsonSerializable(typeof(ErrorJson))]
[JsonSerializable(typeof(CreateMachineJson))]
[JsonSerializable(typeof(UpdateMachineJson))]
[JsonSerializable(typeof(CreateVolumeJson))]
[JsonSerializable(typeof(ExtendVolumeJson))]
[JsonSerializable(typeof(StopJson))]
[JsonSerializable(typeof(LeaseJson))]
[JsonSerializable(typeof(MetadataValueJson))]
[JsonSerializable(typeof(MachineConfig))]
internal sealed partial class MachinesJson : JsonSerializerContext;

internal sealed record MachineJson(
    string? Id,
    string? Name,
    string? State,
    string? Region,
    string? InstanceId,
    string? Version,
    string? PrivateIp,
    string? HostStatus,
    string? CreatedAt,
    MachineConfig? Config,
    List<EventJson>? Events)
{
    public Machine ToMachine() => new()
    {
        Id = new MachineId(Id ?? ""),
        Name = Name ?? "",
        State = MachinesAnswers.StateOf(State),
        Region = Region ?? "",
        Version = InstanceId ?? Version ?? "",
        PrivateAddress = string.IsNullOrEmpty(PrivateIp) ? null : PrivateIp,
        HostUnreachable = HostStatus is not (null or "" or "ok"),
        Config = Config,
        CreatedAt = Times.Parse(CreatedAt),
        Events = Events?.ConvertAll(static e => e.ToEvent()) ?? [],
    };
}

internal sealed record EventJson(string? Type, string? Status, long? Timestamp, EventRequestJson? Request)
{
    public MachineEvent ToEvent()
    {
        var exit = Request?.ExitEvent;
        return new(Type ?? "", DateTimeOffset.FromUnixTimeMilliseconds(Timestamp ?? 0), exit?.ExitCode, exit?.OomKilled ?? false, exit?.RequestedStop ?? false);
    }
}

internal sealed record EventRequestJson(ExitEventJson? ExitEvent);

internal sealed record ExitEventJson(int? ExitCode, bool? OomKilled, bool? RequestedStop);

internal sealed record VolumeJson(string? Id, string? Name, string? State, string? Region, int? SizeGb, long? BytesUsed, long? BytesTotal, string? AttachedMachineId, string? CreatedAt)
{
    public Volume ToVolume() => new()
    {
        Id = new VolumeId(Id ?? ""),
        Name = Name ?? "",
        State = State ?? "",
        Region = Region ?? "",
        SizeGb = SizeGb ?? 0,
        BytesUsed = BytesUsed ?? 0,
        BytesTotal = BytesTotal ?? 0,
        AttachedMachine = string.IsNullOrEmpty(AttachedMachineId) ? null : new MachineId(AttachedMachineId),
        CreatedAt = Times.Parse(CreatedAt),
    };
}

internal sealed record ExtendedJson(VolumeJson? Volume);

internal sealed record SnapshotJson(string? Id, long? Size, string? CreatedAt, string? Status)
{
    public VolumeSnapshot ToSnapshot() => new(Id ?? "", Size ?? 0, Times.Parse(CreatedAt) ?? default, Status ?? "");
}

/// <summary>Times are for people to read; one that is empty or odd must not make a whole answer unreadable.</summary>
internal static class Times
{
    public static DateTimeOffset? Parse(string? text) =>
        DateTimeOffset.TryParse(text, CultureInfo.InvariantCulture, DateTimeStyles.AssumeUniversal, out var time) ? time : null;
}

/// <summary>Leases come in two shapes: flat, and wrapped in <c>data</c>.</summary>
internal sealed record LeaseAnswerJson(LeaseAnswerJson? Data, string? Nonce, long? ExpiresAt);

/// <summary>Errors have <c>error</c> or, from the lease endpoints, <c>message</c>.</summary>
internal sealed record ErrorJson(string? Error, string? Message, string? Status);

internal sealed record CreateMachineJson(string Name, string Region, MachineConfig Config, bool? SkipLaunch);

internal sealed record UpdateMachineJson(MachineConfig Config, string CurrentVersion, bool? SkipLaunch);

/// <summary>Every user's volume has a name of its own, so asking for a host without one of that name would cost hosts for nothing.</summary>
internal sealed record CreateVolumeJson(string Name, string Region, int SizeGb, bool Encrypted, bool RequireUniqueZone, MachineGuest Compute, string? SnapshotId);

internal sealed record ExtendVolumeJson(int SizeGb);

internal sealed record StopJson(string? Timeout);

internal sealed record LeaseJson(int Ttl, string Description);

internal sealed record MetadataValueJson(string Value);
