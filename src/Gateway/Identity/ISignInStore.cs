namespace Gateway.Identity;

/// <summary>
/// Sign-ins as all replicas share them. A process boundary: Redis in the product, memory in tests. Every call is bounded and throws
/// <see cref="SignInStoreUnavailableException"/> when the store does not answer.
/// </summary>
internal interface ISignInStore
{
    /// <summary>A new one, written whole, for this long. <paramref name="id"/>: see <see cref="CredentialId"/>.</summary>
    Task WriteAsync(string id, UserId user, byte[] signIn, TimeSpan lifetime);

    /// <summary>Written anew if it is still there. False: it has ended meanwhile.</summary>
    Task<bool> RewriteAsync(string id, byte[] signIn, TimeSpan lifetime);

    Task<byte[]?> ReadAsync(string id);

    /// <summary>Gone, and every replica is told.</summary>
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
