using Gateway.Sessions;

namespace Gateway.Provisioning;

/// <summary>What bringing a machine to its image and size came to. <paramref name="Detail"/> is one sentence for the operator.</summary>
internal sealed record UpgradeOutcome(UpgradeResult Result, string Detail, MachineSpec? Wanted = null)
{
    /// <summary>The record is another one now, or somebody else is at it: whoever wanted to go on has to look again.</summary>
    public bool RecordChanged => Result is UpgradeResult.Upgraded or UpgradeResult.WentBack or UpgradeResult.Refused or UpgradeResult.Seen or UpgradeResult.TakenOver;
}

internal enum UpgradeResult
{
    /// <summary>It is as it should be.</summary>
    Current,

    /// <summary>The same, and the record knows it now.</summary>
    Seen,

    /// <summary>It has the new image and size.</summary>
    Upgraded,

    /// <summary>The new one did not boot: it has its earlier image and size again.</summary>
    WentBack,

    /// <summary>It is in use, or moves: at its next sleep or wake.</summary>
    Later,

    /// <summary>Replicas of another template run, and theirs is in force.</summary>
    OtherTemplate,

    /// <summary>The last attempt failed, and its pause is not over.</summary>
    Paused,

    /// <summary>The platform did not take it; the machine is as it was.</summary>
    Refused,

    /// <summary>Nothing could be learnt of the machine.</summary>
    Unavailable,

    /// <summary>The machine was not made by the gateway: whoever made it upgrades it.</summary>
    NotOurs,

    /// <summary>Another replica went on with it.</summary>
    TakenOver,
}
