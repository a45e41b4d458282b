using StackExchange.Redis;

namespace Gateway.Identity.Refreshing;

/// <summary>Refresh tokens in Redis, each under a key of its own that goes with its sign-in's, and one list of when they are due.</summary>
internal sealed class RedisRefreshStore(IdentityCalls calls) : IRefreshStore
{
    /// <summary>KEYS: token, due. ARGV: id, token, its lifetime (ms), due (ms). All lifetimes are the same, so the list outlives each token in it.</summary>
    private const string Write = """
        redis.call('SET', KEYS[1], ARGV[2], 'PX', ARGV[3])
        redis.call('ZADD', KEYS[2], ARGV[4], ARGV[1])
        redis.call('PEXPIRE', KEYS[2], ARGV[3])
        return 1
        """;

    /// <summary>KEYS: due. ARGV: now (ms), end of the lease (ms), how many at most.</summary>
    private const string Claim = """
        local ids = redis.call('ZRANGEBYSCORE', KEYS[1], '-inf', ARGV[1], 'LIMIT', 0, ARGV[3])
        for _, id in ipairs(ids) do
          redis.call('ZADD', KEYS[1], ARGV[2], id)
        end
        return ids
        """;

    /// <summary>KEYS: token. ARGV: the one that was sent, the one that was given.</summary>
    private const string Replace = """
        if redis.call('GET', KEYS[1]) ~= ARGV[1] then
          return 0
        end
        local left = redis.call('PTTL', KEYS[1])
        if left <= 0 then
          return 0
        end
        redis.call('SET', KEYS[1], ARGV[2], 'PX', string.format('%.0f', left))
        return 1
        """;

    public Task WriteAsync(string id, byte[] token, DateTimeOffset due, TimeSpan lifetime) => calls.AskAsync(redis => redis.ScriptEvaluateAsync(
        Write, [calls.Keys.RefreshToken(id), calls.Keys.RefreshesDue], [id, token, (long)lifetime.TotalMilliseconds, due.ToUnixTimeMilliseconds()]));

    public async Task<IReadOnlyList<string>> ClaimAsync(int most, DateTimeOffset now, DateTimeOffset leaseEnds) => (string[])(await calls.AskAsync(redis => redis.ScriptEvaluateAsync(
        Claim, [calls.Keys.RefreshesDue], [now.ToUnixTimeMilliseconds(), leaseEnds.ToUnixTimeMilliseconds(), most])))!;

    public async Task<byte[]?> ReadAsync(string id) => await calls.AskAsync(redis => redis.StringGetAsync(calls.Keys.RefreshToken(id)));

    public async Task<bool> ReplaceAsync(string id, byte[] sent, byte[] given) =>
        (int)await calls.AskAsync(redis => redis.ScriptEvaluateAsync(Replace, [calls.Keys.RefreshToken(id)], [sent, given])) == 1;

    // Only what is still listed: one that was forgotten meanwhile does not come back.
    public Task SettleAsync(string id, DateTimeOffset due) =>
        calls.AskAsync(redis => redis.SortedSetAddAsync(calls.Keys.RefreshesDue, id, due.ToUnixTimeMilliseconds(), SortedSetWhen.Exists));

    public async Task ForgetAsync(string id)
    {
        await calls.AskAsync(redis => redis.KeyDeleteAsync(calls.Keys.RefreshToken(id)));
        await calls.AskAsync(redis => redis.SortedSetRemoveAsync(calls.Keys.RefreshesDue, id));
    }
}
