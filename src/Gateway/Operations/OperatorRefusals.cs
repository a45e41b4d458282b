using System.Globalization;
using Gateway.Machines;

namespace Gateway.Operations;

/// <summary>What several operator's calls are refused for.</summary>
internal static class OperatorRefusals
{
    public static Refusal Shared(int users) => new(409, "shared-machine", "Several users share this machine", string.Create(CultureInfo.InvariantCulture, $"{users} users share it. Add ?shared=true to do it to all of them."))
    {
        Extras = new Dictionary<string, string> { ["users"] = users.ToString(CultureInfo.InvariantCulture) },
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
