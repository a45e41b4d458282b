using System.Text.Json.Serialization;
using Gateway.Sessions;

namespace Gateway.Operations;

/// <summary>Everything known of a route beside what the list shows: both records, who is on the machine, and what is planned.</summary>
internal sealed record RouteDetail
{
    public required string SessionState { get; init; }

    public DateTimeOffset SessionChangedAt { get; init; }

    public RecordLease? SessionLease { get; init; }

    public RecordFailure? SessionFailure { get; init; }

    public DateTimeOffset? ClosedAt { get; init; }

    /// <summary>The volume's size when it was last looked at; null: nobody looked.</summary>
    public int? VolumeGb { get; init; }

    public string? MachineState { get; init; }

    public DateTimeOffset? MachineChangedAt { get; init; }

    public RecordLease? MachineLease { get; init; }

    public RecordFailure? MachineFailure { get; init; }

    /// <summary>Its image and size as last seen.</summary>
    public MachineMake? Make { get; init; }

    /// <summary>Others who share the machine, at most a hundred.</summary>
    public IReadOnlyList<string> SharedWith { get; init; } = [];

    public IReadOnlyList<OpenVisitsView> Visits { get; init; } = [];

    public required RouteTimers Timers { get; init; }

    public RouteCause? LastWake { get; init; }

    public PlannedAction? Next { get; init; }

    /// <summary>Only while Redis is away: how long ago it last answered this replica, which tells what it knows by itself.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public double? AgeSeconds { get; init; }
}

/// <summary>What one replica has open on the machine.</summary>
/// <param name="BySignIn">Of both, those a browser's sign-in let in.</param>
/// <param name="ByToken">Of both, those a bearer token let in.</param>
internal sealed record OpenVisitsView(string Replica, int Requests, int Sockets, DateTimeOffset LastActivity, DateTimeOffset At, int BySignIn, int ByToken);

/// <summary>When the machine is thought idle.</summary>
/// <param name="NotIdleBefore">As far as any replica said; null: the machine is not watched, as when it sleeps.</param>
internal sealed record RouteTimers(double IdleAfterSeconds, double AttachedForSeconds, DateTimeOffset? NotIdleBefore, DateTimeOffset? PinnedUntil);

/// <summary>What the gateway does next by itself.</summary>
/// <param name="Action"><c>stop</c>, <c>wake_allowed</c>, <c>finish</c>.</param>
/// <param name="Because">The rule.</param>
internal sealed record PlannedAction(string Action, DateTimeOffset At, string Because);

/// <summary>Why a machine is, or is not, awake.</summary>
internal sealed record RouteWhy
{
    public required string Id { get; init; }

    public required string State { get; init; }

    /// <summary>One sentence.</summary>
    public required string Summary { get; init; }

    /// <summary>Who stands against a stop right now.</summary>
    public IReadOnlyList<OpenVisitsView> BlockedBy { get; init; } = [];

    public PlannedAction? Next { get; init; }

    /// <summary>Latest first.</summary>
    public IReadOnlyList<RouteCause> Causes { get; init; } = [];

    /// <summary>The machine's states of the last day, earliest first.</summary>
    public IReadOnlyList<StateChange> Timeline { get; init; } = [];

    /// <summary>As in <see cref="RouteDetail.AgeSeconds"/>; the causes, who blocks a stop and what comes next are not known then.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public double? AgeSeconds { get; init; }
}
