using Gateway.Sessions;

namespace Gateway.Provisioning;

/// <summary>What asking for a user's workspace came to.</summary>
internal abstract record ProvisionOutcome
{
    private ProvisionOutcome()
    {
    }

    /// <summary>The user has a machine; whether it is awake is another question.</summary>
    internal sealed record Assigned(Session Session) : ProvisionOutcome;

    /// <summary>Not now. <paramref name="Detail"/> is one sentence for the user and the operator.</summary>
    internal sealed record Refused(ProvisionRefusal Reason, string Detail, TimeSpan RetryAfter) : ProvisionOutcome;
}

/// <summary>Why a user got no workspace.</summary>
internal enum ProvisionRefusal
{
    /// <summary>Anything else; the detail says what.</summary>
    Failed,

    /// <summary>The Machines API does not answer, or not clearly.</summary>
    PlatformUnavailable,

    /// <summary>No region of the list has room.</summary>
    RegionFull,

    /// <summary>The organisation's quota is used up.</summary>
    QuotaExceeded,

    /// <summary>The token may not do this.</summary>
    Forbidden,

    /// <summary>The session map does not answer.</summary>
    MapUnavailable,

    /// <summary>The platform finds the template wrong.</summary>
    Misconfigured,

    /// <summary>It goes on, but the caller's hold is used up.</summary>
    HoldLimit,
}
