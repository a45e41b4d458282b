namespace Gateway.Identity;

/// <summary>
/// Sign-ins as all replicas share them. A process boundary: Redis in the product, memory in tests. Every call is bounded and throws
/// <see cref="SignInStoreUnavailableException"/> when the store does not answer.
/// </summary>
internal interface ISignInStore
{
    /// <summary>A new one.</summary>
    /// <param name="id">See <see cref="CredentialId"/>.</param>
    /// <param name="signIn">The sign-in itself.</param>
    /// <param name="lifetime">Until it ends if it is not written anew.</param>
    /// <param name="groups">What it can be found by, so that the provider can end it.</param>
    Task WriteAsync(string id, byte[] signIn, TimeSpan lifetime, IReadOnlyList<string> groups);

    /// <summary>The ids of a group's sign-ins, of which some may have ended.</summary>
    Task<IReadOnlyList<string>> GroupAsync(string group);

    /// <summary>Written anew if it is still what was read. False: it was written by another meanwhile, or has ended.</summary>
    /// <param name="id">Which.</param>
    /// <param name="before">What was read.</param>
    /// <param name="signIn">The sign-in itself.</param>
    /// <param name="lifetime">Until it ends if it is not written anew.</param>
    /// <param name="tells">It says something else of its user, and every replica is told with the writing.</param>
    Task<bool> RewriteAsync(string id, byte[] before, byte[] signIn, TimeSpan lifetime, bool tells);

    Task<byte[]?> ReadAsync(string id);

    /// <summary>Gone with its refresh token, and every replica is told.</summary>
    Task RemoveAsync(string id);

    /// <summary>Whether the store answers at all; never throws.</summary>
    Task<bool> IsReachableAsync();
}

/// <summary>Redis did not answer: who signs in and who is signed in is unknown, which is not the same as nobody.</summary>
internal sealed class SignInStoreUnavailableException : Exception
{
    public SignInStoreUnavailableException()
    {
    }

    public SignInStoreUnavailableException(string message)
        : base(message)
    {
    }

    public SignInStoreUnavailableException(string message, Exception inner)
        : base(message, inner)
    {
    }
}

/// <summary>A feature of a request whose credential could not be judged, so it is refused with 503 and not sent to sign in.</summary>
internal sealed record CredentialUnknown(string What)
{
    public static readonly CredentialUnknown SignIn = new("sign-in");
    public static readonly CredentialUnknown Token = new("token");
}
