using System.Text.Json.Serialization;

namespace Gateway.Identity.Access;

/// <summary>An operator's word on a user, over whatever the allow-list says.</summary>
internal sealed record UserDecision
{
    public required bool Allowed { get; init; }

    public string? Reason { get; init; }

    public required string By { get; init; }

    public required DateTimeOffset At { get; init; }
}

/// <summary>All that is decided of users: who may or may not, and before when their credentials no longer count.</summary>
internal sealed record UserDecisions(IReadOnlyDictionary<string, UserDecision> Access, IReadOnlyDictionary<string, DateTimeOffset> EndedBefore);

/// <summary>
/// Decisions as all replicas share them. A process boundary: Redis in the product, memory in tests. Every call is bounded and throws
/// <see cref="SignInStoreUnavailableException"/> when the store does not answer.
/// </summary>
internal interface IAccessStore
{
    Task<UserDecisions> ReadAllAsync();

    Task<(UserDecision? Decision, DateTimeOffset? EndedBefore)> ReadAsync(string user);

    /// <summary>Null: the allow-list decides again. Every replica is told.</summary>
    Task WriteAsync(string user, UserDecision? decision);

    /// <summary>Credentials from until then no longer count; every replica is told. Forgotten when no credential can be as old.</summary>
    Task EndBeforeAsync(string user, DateTimeOffset before, TimeSpan longestLife);
}

[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.SnakeCaseLower, DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull)]
[JsonSerializable(typeof(UserDecision))]
internal sealed partial class AccessJson : JsonSerializerContext;
