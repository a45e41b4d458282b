namespace Gateway.Identity;

/// <summary>What this room tells all replicas over the change feed.</summary>
internal static class ChangeKinds
{
    /// <summary>A sign-in or a token has ended; the id is its <see cref="CredentialId"/>.</summary>
    public const string Credential = "credential";

    /// <summary>A sign-in says something else of its user; the id is its <see cref="CredentialId"/>.</summary>
    public const string SignIn = "sign-in";

    /// <summary>What is decided of a user has changed; the id is the user.</summary>
    public const string Access = "access";
}
