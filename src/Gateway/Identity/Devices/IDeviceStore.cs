using Gateway.Identity.Tokens;

namespace Gateway.Identity.Devices;

/// <summary>A device that asks to be signed in, as the person at the browser sees it.</summary>
internal sealed record DeviceRequest(string Client, string Source, DateTimeOffset Asked);

/// <summary>What a poll comes to; the names are those of RFC 8628, section 3.5.</summary>
internal enum DevicePollKind
{
    AuthorizationPending,
    SlowDown,
    AccessDenied,
    ExpiredToken,
    InvalidGrant,
    Approved,
}

/// <summary>With the token to make when it was approved: to the one poll that finds it so.</summary>
internal sealed record DevicePoll(DevicePollKind Kind, PersonalToken? Token = null);

/// <summary>
/// Device sign-ins in progress, as all replicas share them. A process boundary: Redis in the product, memory in tests. Every call is bounded and throws
/// <see cref="SignInStoreUnavailableException"/> when the store does not answer.
/// </summary>
internal interface IDeviceStore
{
    /// <summary>False: the user code is taken.</summary>
    Task<bool> AddAsync(string id, string userCode, DeviceRequest request, TimeSpan lifetime, TimeSpan interval);

    /// <summary>Null: no such code, or it was decided on, or it is too late.</summary>
    Task<DeviceRequest?> FindAsync(string userCode);

    /// <summary>Once. Null: denied. False: no such code, or it was decided on, or it is too late.</summary>
    Task<bool> DecideAsync(string userCode, PersonalToken? approved);

    Task<DevicePoll> PollAsync(string id);

    /// <summary>Counts a code the user typed; how many within the last minutes.</summary>
    Task<int> CountTypedAsync(UserId user, TimeSpan within);
}
