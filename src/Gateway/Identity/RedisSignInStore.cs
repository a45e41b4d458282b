using Microsoft.Extensions.Options;

namespace Gateway.Identity;

/// <summary>Sign-ins in Redis, on one shard as all of the gateway's keys.</summary>
internal sealed class RedisSignInStore(IdentityCalls calls, IOptions<IdentityOptions> options, TimeProvider time) : ISignInStore
{
    /// <summary>KEYS: sign-in, groups. ARGV: id, sign-in, its lifetime (ms), longest life (ms), now (ms). A group's members are those of the longest life.</summary>
    private const string Write = """
        redis.call('SET', KEYS[1], ARGV[2], 'PX', ARGV[3])
        for i = 2, #KEYS do
          redis.call('ZREMRANGEBYSCORE', KEYS[i], '-inf', string.format('%.0f', tonumber(ARGV[5]) - tonumber(ARGV[4])))
          redis.call('ZADD', KEYS[i], ARGV[5], ARGV[1])
          redis.call('PEXPIRE', KEYS[i], ARGV[4])
        end
        return 1
        """;

    /// <summary>KEYS: sequence, sign-in. ARGV: channel (empty: nobody is told), kind, id, as it was read, as it is to be, its lifetime (ms). Answers 0 when it is not as it was read.</summary>
    private const string Rewrite = """
        if redis.call('GET', KEYS[2]) ~= ARGV[4] then
          return 0
        end
        redis.call('SET', KEYS[2], ARGV[5], 'PX', ARGV[6])
        if ARGV[1] == '' then
          return 1
        end
        """ + IdentityCalls.ThenTell;

    public Task WriteAsync(string id, byte[] signIn, TimeSpan lifetime, IReadOnlyList<string> groups) => calls.AskAsync(redis => redis.ScriptEvaluateAsync(
        Write,
        [calls.Keys.SignIn(id), .. groups.Select(calls.Keys.SignInGroup)],
        [id, signIn, (long)lifetime.TotalMilliseconds, (long)options.Value.AbsoluteLifetime.TotalMilliseconds, time.GetUtcNow().ToUnixTimeMilliseconds()]));

    public async Task<IReadOnlyList<string>> GroupAsync(string group) =>
        [.. (await calls.AskAsync(redis => redis.SortedSetRangeByRankAsync(calls.Keys.SignInGroup(group)))).Select(static id => (string)id!)];

    public async Task<bool> RewriteAsync(string id, byte[] before, byte[] signIn, TimeSpan lifetime, bool tells) => (int)await calls.AskAsync(redis => redis.ScriptEvaluateAsync(
        Rewrite,
        [calls.Keys.Sequence, calls.Keys.SignIn(id)],
        [tells ? calls.Keys.Changes.ToString() : "", ChangeKinds.SignIn, id, before, signIn, (long)lifetime.TotalMilliseconds])) == 1;

    public async Task<byte[]?> ReadAsync(string id) => await calls.AskAsync(redis => redis.StringGetAsync(calls.Keys.SignIn(id)));

    public Task RemoveAsync(string id) => calls.TellAsync(ChangeKinds.Credential, id, calls.Keys.SignIn(id), calls.Keys.RefreshToken(id));

    public async Task<bool> IsReachableAsync()
    {
        try
        {
            await calls.AskAsync(redis => redis.PingAsync());
            return true;
        }
        catch (SignInStoreUnavailableException)
        {
            return false;
        }
    }
}
