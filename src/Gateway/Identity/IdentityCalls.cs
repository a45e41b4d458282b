using StackExchange.Redis;

namespace Gateway.Identity;

/// <summary>
/// The room's keys, and the feed it shares with the session map: one sequence over all changes, so that a replica that missed one notices.
/// </summary>
internal sealed record IdentityKeys(string Prefix, RedisKey Sequence, RedisChannel Changes)
{
    public RedisKey ProtectionKeys => Prefix + ":protection-keys";

    /// <summary>What operators decided of users.</summary>
    public RedisKey Decisions => Prefix + ":access";

    /// <summary>Users by the moment (ms) before which their credentials have ended.</summary>
    public RedisKey Ends => Prefix + ":ended-before";

    public RedisKey SignIn(string id) => $"{Prefix}:sign-in:{id}";

    public RedisKey RefreshToken(string id) => $"{Prefix}:refresh-token:{id}";

    /// <summary>Sign-ins by the moment (ms) at which the provider is to be asked about them.</summary>
    public RedisKey RefreshesDue => Prefix + ":refreshes-due";

    public RedisKey SignInGroup(string group) => $"{Prefix}:sign-in-group:{group}";

    public RedisKey Device(string id) => $"{Prefix}:device:{id}";

    public RedisKey UserCode(string code) => $"{Prefix}:user-code:{code}";

    public RedisKey CodesTyped(UserId user) => $"{Prefix}:codes-typed:{user.Value}";

    public RedisKey Token(string id) => $"{Prefix}:token:{id}";

    public RedisKey TokensOf(UserId user) => $"{Prefix}:tokens:{user.Value}";

    public RedisKey TokenUses(UserId user) => $"{Prefix}:token-uses:{user.Value}";
}

/// <summary>Every call of the room to Redis goes through here: bounded, and one exception for all the ways Redis can fail to answer.</summary>
internal sealed class IdentityCalls(Func<IDatabase> database, IdentityKeys keys, TimeProvider time)
{
    // A person waits for this; past it the answer is "unknown", which they can retry.
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(2);

    /// <summary>
    /// The end of a script that changed something, and tells of it. KEYS: sequence, then the script's own. ARGV: channel, kind, id, then the script's own.
    /// Answers 1. The shape of the map's feed: <c>sequence|kind|epoch|id</c>.
    /// </summary>
    public const string ThenTell = """

        local sequence = string.format('%.0f', redis.call('INCR', KEYS[1]))
        redis.call('PUBLISH', ARGV[1], sequence .. '|' .. ARGV[2] .. '|0|' .. ARGV[3])
        return 1
        """;

    /// <summary>KEYS: sequence, keys to remove. ARGV: channel, kind, id.</summary>
    private const string Publish = """
        for i = 2, #KEYS do
          redis.call('DEL', KEYS[i])
        end
        """ + ThenTell;

    public IdentityKeys Keys => keys;

    public async Task<T> AskAsync<T>(Func<IDatabase, Task<T>> ask)
    {
        try
        {
            return await ask(database()).WaitAsync(Patience, time);
        }
        catch (Exception failure) when (failure is RedisException or RedisCommandException or TimeoutException or OperationCanceledException or ObjectDisposedException)
        {
            throw new SignInStoreUnavailableException("Redis did not answer for identities.", failure);
        }
    }

    /// <summary>Told after the change is written, or with the removal that is the change: who hears of it reads it.</summary>
    public Task TellAsync(string kind, string id, params RedisKey[] removed) =>
        AskAsync(redis => redis.ScriptEvaluateAsync(Publish, [keys.Sequence, .. removed], [keys.Changes.ToString(), kind, id]));
}
