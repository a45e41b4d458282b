using System.Globalization;
using System.Net;
using System.Text.RegularExpressions;

namespace Gateway.Machines;

/// <summary>The calls of the Machines API, by what a failure of each means.</summary>
internal enum MachinesCall
{
    List,
    Get,
    Create,
    Update,
    Start,
    Stop,
    Suspend,
    Wait,
    Lease,
    ReleaseLease,
    SetMetadata,
    Destroy,
    ListVolumes,
    GetVolume,
    CreateVolume,
    ExtendVolume,
    ListSnapshots,
    TakeSnapshot,
    DestroyVolume,
}

/// <summary>
/// Turns every answer of the Machines API that is not a success into what callers decide by. The platform classifies by status, by a prefix in the text
/// and by some words; all of that is known here and nowhere else.
/// </summary>
internal static partial class MachinesAnswers
{
    /// <summary>Calls that change nothing, or that come to the same when repeated.</summary>
    public static bool IsRepeatable(MachinesCall call) => call is
        MachinesCall.List or MachinesCall.Get or MachinesCall.Wait or MachinesCall.ListVolumes or MachinesCall.GetVolume or MachinesCall.ListSnapshots
        or MachinesCall.SetMetadata or MachinesCall.ReleaseLease or MachinesCall.ExtendVolume;

    /// <summary>No answer came: a refused connection, a timeout, a broken one.</summary>
    public static MachinesFailure Unanswered(MachinesCall call, string why) =>
        new(IsRepeatable(call) ? MachinesFailureKind.Unavailable : MachinesFailureKind.Ambiguous, 0, why);

    /// <summary>The call was certainly not made.</summary>
    public static MachinesFailure NotSent(string why) => new(MachinesFailureKind.Unavailable, 0, why);

    public static MachinesFailure Of(MachinesCall call, HttpStatusCode status, string message, string? statusWord)
    {
        var kind = KindOf(call, (int)status, message, statusWord);
        return new MachinesFailure(kind, (int)status, message) { Other = OtherIn(kind, message) };
    }

    private static MachinesFailureKind KindOf(MachinesCall call, int status, string message, string? word) => status switch
    {
        400 => MachinesFailureKind.Invalid,
        401 => MachinesFailureKind.Forbidden,
        403 => Says(message, "quota") ? MachinesFailureKind.QuotaExceeded : MachinesFailureKind.Forbidden,
        404 => MachinesFailureKind.NotFound,
        408 => call is MachinesCall.Wait ? MachinesFailureKind.NotReached : Unclear(call),
        409 => Conflict(message),
        412 => Precondition(message, word),
        422 => word is "insufficient_capacity" || Says(message, "could not find a candidate host") || Says(message, "insufficient") ? MachinesFailureKind.RegionFull : MachinesFailureKind.Invalid,
        429 => MachinesFailureKind.RateLimited,
        503 when word is "insufficient_capacity" => MachinesFailureKind.RegionFull,
        >= 500 => Unclear(call),
        _ => MachinesFailureKind.Invalid,
    };

    private static MachinesFailureKind Unclear(MachinesCall call) =>
        IsRepeatable(call) ? MachinesFailureKind.Unavailable : MachinesFailureKind.Ambiguous;

    private static MachinesFailureKind Conflict(string message)
    {
        if (Says(message, "name violation"))
        {
            return MachinesFailureKind.NameTaken;
        }

        if (Says(message, "lease"))
        {
            return MachinesFailureKind.LeaseHeld;
        }

        if (Says(message, "insufficient") || Says(message, "could not reserve resource"))
        {
            return MachinesFailureKind.HostFull;
        }

        if (Says(message, "no capacity"))
        {
            return MachinesFailureKind.RegionFull;
        }

        return Says(message, "concurrent update") || Says(message, "current_version") || Says(message, "version")
            ? MachinesFailureKind.Changed
            : MachinesFailureKind.AlreadyStarting;
    }

    private static MachinesFailureKind Precondition(string message, string? word)
    {
        if (Says(message, "already claimed"))
        {
            return MachinesFailureKind.VolumeClaimed;
        }

        if (word is "volume_placement_capacity" || Says(message, "insufficient resources"))
        {
            return MachinesFailureKind.HostFull;
        }

        return Says(message, "machine_version") ? MachinesFailureKind.Changed : MachinesFailureKind.NotYet;
    }

    private static MachineId? OtherIn(MachinesFailureKind kind, string message)
    {
        var match = kind switch
        {
            MachinesFailureKind.NameTaken => NameHolder().Match(message),
            MachinesFailureKind.VolumeClaimed => VolumeHolder().Match(message),
            _ => Match.Empty,
        };
        return match.Success ? new MachineId(match.Groups[1].Value) : null;
    }

    /// <summary><c>Retry-After</c> in its two forms (RFC 9110, 10.2.3).</summary>
    public static TimeSpan? RetryAfter(HttpResponseMessage response, DateTimeOffset now) => response.Headers.RetryAfter switch
    {
        { Delta: { } delta } => delta,
        { Date: { } date } when date > now => date - now,
        _ => null,
    };

    public static PlatformState StateOf(string? name) => name?.ToLower(CultureInfo.InvariantCulture) switch
    {
        "created" => PlatformState.Created,
        "starting" or "restarting" => PlatformState.Starting,
        "started" => PlatformState.Started,
        "stopping" => PlatformState.Stopping,
        "stopped" => PlatformState.Stopped,
        "suspending" => PlatformState.Suspending,
        "suspended" => PlatformState.Suspended,
        "updating" or "replacing" => PlatformState.Updating,
        "failed" => PlatformState.Failed,
        "destroyed" or "destroying" or "replaced" or "launch_failed" => PlatformState.Destroyed,
        _ => PlatformState.Transient,
    };

    private static bool Says(string message, string words) => message.Contains(words, StringComparison.OrdinalIgnoreCase);

    [GeneratedRegex("machine ID ([0-9a-zA-Z]+) already exists")]
    private static partial Regex NameHolder();

    [GeneratedRegex("already claimed by machine ([0-9a-zA-Z]+)")]
    private static partial Regex VolumeHolder();
}
