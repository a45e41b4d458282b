namespace Gateway.Identity.Refreshing;

/// <summary>
/// The refresh tokens of sign-ins, and when each is due, as all replicas share them. A process boundary: Redis in the product, memory in tests. Every call is
/// bounded and throws <see cref="SignInStoreUnavailableException"/> when the store does not answer.
/// </summary>
internal interface IRefreshStore
{
    /// <param name="id">The sign-in's <see cref="CredentialId"/>.</param>
    /// <param name="token">The provider's token, protected.</param>
    /// <param name="due">When it is to be sent.</param>
    /// <param name="lifetime">How long it is kept, whatever becomes of the sign-in.</param>
    Task WriteAsync(string id, byte[] token, DateTimeOffset due, TimeSpan lifetime);

    /// <summary>Takes those longest due for one replica: no other is given them before the lease ends, and if they are not settled by then they are due again.</summary>
    Task<IReadOnlyList<string>> ClaimAsync(int most, DateTimeOffset now, DateTimeOffset leaseEnds);

    /// <summary>Null: the sign-in has ended, or its token was never kept.</summary>
    Task<byte[]?> ReadAsync(string id);

    /// <summary>The provider gave a new token for the one that was sent. False: that one is not kept any more, and the new one is not either.</summary>
    Task<bool> ReplaceAsync(string id, byte[] sent, byte[] given);

    /// <summary>When it is due next.</summary>
    Task SettleAsync(string id, DateTimeOffset due);

    Task ForgetAsync(string id);
}
