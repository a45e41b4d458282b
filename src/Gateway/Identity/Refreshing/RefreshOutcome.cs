namespace Gateway.Identity.Refreshing;

/// <summary>What became of a sign-in that was due.</summary>
internal enum RefreshOutcome
{
    /// <summary>It had ended, or another replica is to ask.</summary>
    NotAsked,
    Confirmed,

    /// <summary>Confirmed, and something else is said of its user.</summary>
    Changed,
    Refused,
    Faulty,
    Unavailable,
}
