using System.Globalization;
using Gateway.Machines;
using Gateway.Provisioning;

namespace Gateway.Operations;

/// <summary>What several operator's calls are refused for.</summary>
internal static class OperatorRefusals
{
    public static Refusal Shared(int users) => new(409, "shared-machine", "Several users share this machine", string.Create(CultureInfo.InvariantCulture, $"{users} users share it. Add ?shared=true to do it to all of them."))
    {
        Extras = new Dictionary<string, string> { ["users"] = users.ToString(CultureInfo.InvariantCulture) },
    };

    /// <summary>Null: it was removed.</summary>
    public static Refusal? Of(RemovalOutcome outcome) => outcome switch
    {
        { Result: RemovalResult.Removed } => null,
        { Result: RemovalResult.WrongVolume } => new(409, "wrong-volume", "This volume cannot be destroyed with the route", outcome.Detail),
        { Result: RemovalResult.InFlight } => new(409, "in-the-way", "Something is being done to it", outcome.Detail) { RetryAfter = TimeSpan.FromSeconds(5) },
        { Result: RemovalResult.Changed } => new(409, "changed-meanwhile", "The session changed meanwhile", "Read the route again and decide anew."),
        { Failure: { } failure } => Of(failure),
        _ => throw new ArgumentOutOfRangeException(nameof(outcome), outcome.Result, "A removal without a status."),
    };

    /// <summary>Null: it was restored, or is about to be.</summary>
    public static Refusal? Of(RestoreOutcome outcome) => outcome switch
    {
        { Result: RestoreResult.Restored or RestoreResult.Underway } => null,
        { Result: RestoreResult.NoVolume } => new(409, "no-volume", "There is no volume to restore", outcome.Detail),
        { Result: RestoreResult.NoSuchSnapshot } => new(409, "no-such-snapshot", "No such snapshot", outcome.Detail),
        { Result: RestoreResult.Shared } => new(409, "shared-machine", "Several users share this volume", outcome.Detail),
        { Result: RestoreResult.InFlight } => new(409, "in-the-way", "Something is being done to it", outcome.Detail) { RetryAfter = TimeSpan.FromSeconds(5) },
        { Result: RestoreResult.Changed } => new(409, "changed-meanwhile", "The session changed meanwhile", "Read the route again and decide anew."),
        { Failure: { } failure } => Of(failure),
        _ => throw new ArgumentOutOfRangeException(nameof(outcome), outcome.Result, "A restore without a status."),
    };

    /// <summary>In the platform's own words, which hold no credential.</summary>
    public static Refusal Of(MachinesFailure failure) => failure.Kind switch
    {
        MachinesFailureKind.NotFound => new(409, "not-on-the-platform", "The platform does not have it", failure.Message),
        MachinesFailureKind.Invalid => new(422, "platform-refused", "The platform finds the request wrong", failure.Message),
        MachinesFailureKind.Forbidden => new(502, "not-permitted", "The token of the Machines API does not allow this", failure.Message),
        MachinesFailureKind.QuotaExceeded => new(409, "quota-exceeded", "The organisation's quota is used up", failure.Message),
        MachinesFailureKind.HostFull or MachinesFailureKind.RegionFull => new(409, "no-room", "The platform has no room for it", failure.Message),
        MachinesFailureKind.LeaseHeld or MachinesFailureKind.NotYet or MachinesFailureKind.Changed or MachinesFailureKind.VolumeClaimed or MachinesFailureKind.NameTaken
            => new(409, "in-the-way", "Something else is in the way", failure.Message) { RetryAfter = failure.RetryAfter ?? TimeSpan.FromSeconds(5) },
        _ => new(503, "platform-unavailable", "The platform does not answer", failure.Message) { RetryAfter = failure.RetryAfter ?? TimeSpan.FromSeconds(5) },
    };
}
