namespace Gateway.Identity.Tokens;

/// <summary>
/// Personal access tokens as all replicas share them. A process boundary: Redis in the product, memory in tests. Every call is bounded and throws
/// <see cref="SignInStoreUnavailableException"/> when the store does not answer.
/// </summary>
internal interface ITokenStore
{
    /// <summary>False: the user has as many as they may have.</summary>
    Task<bool> AddAsync(string id, PersonalToken token, int most);

    Task<PersonalToken?> ReadAsync(string id);

    /// <summary>Those of the user that have not expired, the newest first.</summary>
    Task<IReadOnlyList<ListedToken>> ListAsync(UserId user);

    /// <summary>Gone, and every replica is told. False: the user has no such token.</summary>
    Task<bool> RemoveAsync(string id, UserId user);

    Task WriteUsesAsync(IReadOnlyList<(UserId User, string Id, DateTimeOffset At)> uses);
}
