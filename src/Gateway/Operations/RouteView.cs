using System.Globalization;
using System.Text.Json;
using System.Text.Json.Serialization;
using Gateway.Sessions;

namespace Gateway.Operations;

/// <summary>A route as operators see it: session and machine record joined. No content, no credential.</summary>
internal sealed record RouteView
{
    public required string Id { get; init; }

    public required string User { get; init; }

    public required string State { get; init; }

    public required string App { get; init; }

    public string? Machine { get; init; }

    public string? Volume { get; init; }

    public string? Region { get; init; }

    public string? Address { get; init; }

    public long Boot { get; init; }

    public bool Suspended { get; init; }

    public long SessionEpoch { get; init; }

    public long MachineEpoch { get; init; }

    public DateTimeOffset? LastActivity { get; init; }

    /// <summary>Only in the single route: what explains the state.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public RouteDetail? Detail { get; init; }

    [JsonIgnore]
    public string ETag => string.Create(CultureInfo.InvariantCulture, $"\"{SessionEpoch}-{MachineEpoch}\"");

    public static RouteView Of(Session session, MachineRecord? machine, DateTimeOffset? lastActivity) => new()
    {
        Id = RouteId.Of(session.User),
        User = session.User.Value,
        State = RouteState.Of(session, machine),
        App = session.App,
        Machine = session.Machine?.Value,
        Volume = session.Volume?.Value,
        Region = machine?.Region ?? session.Region,
        Address = machine?.Address,
        Boot = machine?.Boot ?? 0,
        Suspended = machine?.Suspended ?? false,
        SessionEpoch = session.Epoch,
        MachineEpoch = machine?.Epoch ?? 0,
        LastActivity = lastActivity,
    };

    public RouteView WithDetail(Session session, MachineRecord? machine) => this with
    {
        Detail = new RouteDetail(
            Name(session.State), session.ChangedAt, session.Lease, session.Failure,
            machine is null ? null : Name(machine.State), machine?.ChangedAt, machine?.Lease, machine?.Failure),
    };

    private static string Name(Enum state) => JsonNamingPolicy.SnakeCaseLower.ConvertName(state.ToString());
}

/// <summary>Both records' states, when they came into them, who works on them and why they failed.</summary>
internal sealed record RouteDetail(
    string SessionState,
    DateTimeOffset SessionChangedAt,
    RecordLease? SessionLease,
    RecordFailure? SessionFailure,
    string? MachineState,
    DateTimeOffset? MachineChangedAt,
    RecordLease? MachineLease,
    RecordFailure? MachineFailure);

internal sealed record RouteList(IReadOnlyList<RouteView> Routes, string? Next);

[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.SnakeCaseLower)]
[JsonSerializable(typeof(RouteView))]
[JsonSerializable(typeof(RouteList))]
internal sealed partial class RouteJson : JsonSerializerContext;
