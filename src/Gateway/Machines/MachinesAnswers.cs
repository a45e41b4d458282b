using System.Net.Http.Headers;
using System.Text.Json;
using System.Text.RegularExpressions;

namespace Gateway.Machines;

/// <summary>
/// Turns every answer of the Machines API that is not a success, and every answer that did not come, into what callers decide by. The platform
/// classifies by status, by a word in the body and by its text; all of that is known here and nowhere else.
/// </summary>
internal static partial class MachinesAnswers
{
    private const int LongestMessage = 300;

    /// <summary>What the answer to <paramref name="call"/> means.</summary>
    public static MachinesFailure Of(MachinesCall call, int status, string body, HttpResponseHeaders headers, DateTimeOffset now)
    {
        var (message, word) = ErrorIn(body);
        var kind = KindOf(call, status, message, word);
        return new MachinesFailure(kind, status, message.Length > 0 ? message : $"HTTP {status} without a text.")
        {
            Other = OtherIn(kind, message),
            RetryAfter = RetryAfter(headers.RetryAfter, now),
            RequestId = headers.TryGetValues("fly-request-id", out var ids) ? ids.FirstOrDefault() : null,
        };
    }

    /// <summary>No answer came, or none that can be read: a refused connection, a timeout, a broken one.</summary>
    public static MachinesFailure Unanswered(MachinesCall call, string why) => new(Unclear(call), 0, why);

    /// <summary>The call was certainly not made.</summary>
    public static MachinesFailure NotSent(MachinesFailureKind kind, string why, TimeSpan? retryAfter = null) => new(kind, 0, why) { RetryAfter = retryAfter };

    /// <summary><c>Retry-After</c> in its two forms (RFC 9110, 10.2.3).</summary>
    public static TimeSpan? RetryAfter(RetryConditionHeaderValue? value, DateTimeOffset now) => value switch
    {
        { Delta: { } delta } => delta,
        { Date: { } date } => date > now ? date - now : TimeSpan.Zero,
        _ => null,
    };

    /// <summary>The platform's states in our words. A state we do not know is transient: read again.</summary>
    public static PlatformState StateOf(string? name) => name?.ToLowerInvariant() switch
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
        "destroyed" or "destroying" or "launch_failed" => PlatformState.Destroyed,
        // "replaced" and "migrated" are said of an old version of a machine that lives on: taking them for its end would cost a user the workspace.
        _ => PlatformState.Transient,
    };

    private static MachinesFailureKind KindOf(MachinesCall call, int status, string message, string? word) => status switch
    {
        401 => MachinesFailureKind.Forbidden,
        403 => Says(message, "quota") ? MachinesFailureKind.QuotaExceeded : MachinesFailureKind.Forbidden,
        // The API's router, asked for a path that it does not have, says nothing about a machine.
        404 => message is "404 page not found" ? MachinesFailureKind.Invalid : MachinesFailureKind.NotFound,
        400 or 408 when call is MachinesCall.Wait && Says(message, "currently replaced") => MachinesFailureKind.Changed,
        408 => call is MachinesCall.Wait ? MachinesFailureKind.NotReached : Unclear(call),
        409 => Conflict(call, message, word),
        412 => Precondition(message, word),
        422 => IsRegionFull(message, word) ? MachinesFailureKind.RegionFull : MachinesFailureKind.Invalid,
        429 => MachinesFailureKind.RateLimited,
        >= 500 => word is "insufficient_capacity" ? MachinesFailureKind.RegionFull : Unclear(call),
        _ => MachinesFailureKind.Invalid,
    };

    private static MachinesFailureKind Unclear(MachinesCall call) =>
        call.IsRepeatable() ? MachinesFailureKind.Unavailable : MachinesFailureKind.Ambiguous;

    private static MachinesFailureKind Conflict(MachinesCall call, string message, string? word)
    {
        // The name first: a machine's name is quoted in the text and may hold any of the other words.
        if (Says(message, "name violation"))
        {
            return MachinesFailureKind.NameTaken;
        }

        if (Says(message, "lease currently held") || Says(message, "lease is held") || Says(message, "lease held"))
        {
            return MachinesFailureKind.LeaseHeld;
        }

        if (IsHostFull(message, word))
        {
            return MachinesFailureKind.HostFull;
        }

        if (IsRegionFull(message, word))
        {
            return MachinesFailureKind.RegionFull;
        }

        return call switch
        {
            MachinesCall.Start => MachinesFailureKind.AlreadyStarting,
            MachinesCall.Lease or MachinesCall.ReleaseLease => MachinesFailureKind.LeaseHeld,
            _ when Says(message, "attempting to start") => MachinesFailureKind.AlreadyStarting,
            MachinesCall.Update or MachinesCall.SetMetadata => MachinesFailureKind.Changed,
            _ when Says(message, "concurrent update") => MachinesFailureKind.Changed,
            _ => MachinesFailureKind.NotYet,
        };
    }

    private static MachinesFailureKind Precondition(string message, string? word)
    {
        if (Says(message, "already claimed"))
        {
            return MachinesFailureKind.VolumeClaimed;
        }

        if (IsHostFull(message, word))
        {
            return MachinesFailureKind.HostFull;
        }

        return Says(message, "machine_version") || Says(message, "current_version") ? MachinesFailureKind.Changed : MachinesFailureKind.NotYet;
    }

    private static bool IsHostFull(string message, string? word) =>
        word is "volume_placement_capacity" || Says(message, "could not reserve resource") || Says(message, "insufficient");

    private static bool IsRegionFull(string message, string? word) =>
        word is "insufficient_capacity" || Says(message, "no capacity") || Says(message, "could not find a candidate host") || Says(message, "insufficient_capacity");

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

    /// <summary>Errors are JSON, except those that come from before the API: a plain-text 404, a proxy's page.</summary>
    private static (string Message, string? Word) ErrorIn(string body)
    {
        try
        {
            var error = body.AsSpan().TrimStart().StartsWith("{") ? JsonSerializer.Deserialize(body, MachinesJson.Default.ErrorJson) : null;
            return error is null ? (OneLine(body), null) : (OneLine(error.Error ?? error.Message ?? ""), error.Status);
        }
        catch (JsonException)
        {
            return (OneLine(body), null);
        }
    }

    /// <summary>Fit for one line of a log.</summary>
    private static string OneLine(string text)
    {
        var trimmed = text.AsSpan().Trim();
        var line = trimmed[..Math.Min(trimmed.Length, LongestMessage)].ToString();
        return Controls().Replace(line, " ");
    }

    private static bool Says(string message, string words) => message.Contains(words, StringComparison.OrdinalIgnoreCase);

    [GeneratedRegex("machine ID ([0-9a-zA-Z]+) already exists")]
    private static partial Regex NameHolder();

    [GeneratedRegex("already claimed by machine ([0-9a-zA-Z]+)")]
    private static partial Regex VolumeHolder();

    [GeneratedRegex(@"\p{C}+")]
    private static partial Regex Controls();
}
