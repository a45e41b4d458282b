namespace Gateway.Identity;

/// <summary>What other rooms want to hear of Identity without Identity knowing them.</summary>
internal sealed class IdentityEvents
{
    /// <summary>A user who may have a workspace has just signed in: their machine can wake while the browser is still on its way back. Must return at once.</summary>
    public Action<UserId>? SignedIn { get; set; }
}
