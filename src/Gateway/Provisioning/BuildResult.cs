using Gateway.Machines;

namespace Gateway.Provisioning;

/// <summary>What a build came to: the user's machine, or why there is none, with a stable word for the record.</summary>
internal sealed record BuildResult(Machine? Machine, ProvisionRefusal Reason, string Word, string Detail, TimeSpan? RetryAfter)
{
    public static BuildResult Ready(Machine machine) => new(machine, default, "", "", null);

    public static BuildResult Refused(ProvisionRefusal reason, string word, string detail) => new(null, reason, word, detail, null);

    public static BuildResult Refused(MachinesFailure failure)
    {
        var (reason, word, detail) = failure.Kind switch
        {
            MachinesFailureKind.RegionFull => (ProvisionRefusal.RegionFull, "region_full", "No region of Workspaces:Regions has room for a new workspace."),
            MachinesFailureKind.HostFull => (ProvisionRefusal.RegionFull, "host_full", "The host of the new volume has no room for the machine."),
            MachinesFailureKind.QuotaExceeded => (ProvisionRefusal.QuotaExceeded, "quota_exceeded", "The organisation's quota is used up."),
            MachinesFailureKind.Forbidden => (ProvisionRefusal.Forbidden, "forbidden", "The token of the Machines API may not make workspaces."),
            MachinesFailureKind.Invalid => (ProvisionRefusal.Misconfigured, "misconfigured", "The platform finds the workspace template wrong."),
            MachinesFailureKind.NotFound => (ProvisionRefusal.Misconfigured, "app_not_found", "The app of Workspaces:App does not exist."),
            MachinesFailureKind.NameTaken or MachinesFailureKind.VolumeClaimed or MachinesFailureKind.LeaseHeld or MachinesFailureKind.Changed
                or MachinesFailureKind.AlreadyStarting => (ProvisionRefusal.Failed, "in_the_way", "An earlier machine of the user is still in the way."),
            _ => (ProvisionRefusal.PlatformUnavailable, "platform_unavailable", "The Machines API does not answer clearly."),
        };
        return new BuildResult(null, reason, word, detail, failure.RetryAfter);
    }

    /// <summary>The reason behind a word that another replica, perhaps of another version, left in the record.</summary>
    public static ProvisionRefusal ReasonOf(string word) => word switch
    {
        "region_full" or "host_full" => ProvisionRefusal.RegionFull,
        "quota_exceeded" => ProvisionRefusal.QuotaExceeded,
        "forbidden" => ProvisionRefusal.Forbidden,
        "misconfigured" or "app_not_found" => ProvisionRefusal.Misconfigured,
        "platform_unavailable" or "host_unreachable" => ProvisionRefusal.PlatformUnavailable,
        _ => ProvisionRefusal.Failed,
    };
}
