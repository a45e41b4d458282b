using System.Globalization;
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

    /// <summary>An operator lets no new request in.</summary>
    public bool Closed { get; init; }

    /// <summary>An operator keeps it from idle stops until then.</summary>
    public DateTimeOffset? PinnedUntil { get; init; }

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
        Closed = session.ClosedAt is not null,
        PinnedUntil = machine?.PinnedUntil,
    };
}

/// <summary>A page of routes.</summary>
/// <param name="Next">The cursor of the next page; null: this was the last.</param>
/// <param name="AgeSeconds">Only while Redis is away: these are the routes this replica knows, and how long ago Redis last answered.</param>
internal sealed record RouteList(
    IReadOnlyList<RouteView> Routes,
    string? Next,
    [property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)] double? AgeSeconds = null);

[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.SnakeCaseLower)]
[JsonSerializable(typeof(RouteView))]
[JsonSerializable(typeof(RouteList))]
[JsonSerializable(typeof(RouteWhy))]
[JsonSerializable(typeof(EventView))]
[JsonSerializable(typeof(PinRequest))]
internal sealed partial class RouteJson : JsonSerializerContext;
