using System.Globalization;
using System.Text.Json;
using StackExchange.Redis;

namespace Gateway.Identity.Tokens;

/// <summary>
/// Tokens in Redis: each under the hash of its text until it expires, and per user a sorted set of theirs by expiry and a hash of their last uses.
/// </summary>
internal sealed class RedisTokenStore(IdentityCalls calls, TimeProvider time) : ITokenStore
{
    /// <summary>KEYS: token, the user's tokens, their uses. ARGV: id, token, now (ms), expiry (ms), most. Answers 0 when the user has as many as they may.</summary>
    private const string Add = """
        for _, id in ipairs(redis.call('ZRANGEBYSCORE', KEYS[2], '-inf', ARGV[3])) do
          redis.call('HDEL', KEYS[3], id)
        end
        redis.call('ZREMRANGEBYSCORE', KEYS[2], '-inf', ARGV[3])
        if redis.call('ZCARD', KEYS[2]) >= tonumber(ARGV[5]) then
          return 0
        end
        redis.call('SET', KEYS[1], ARGV[2], 'PX', string.format('%.0f', tonumber(ARGV[4]) - tonumber(ARGV[3])))
        redis.call('ZADD', KEYS[2], ARGV[4], ARGV[1])
        return 1
        """;

    /// <summary>KEYS: sequence, the user's tokens, their uses, token. ARGV: channel, kind, id. Answers 0 when the user has no such token.</summary>
    private const string Remove = """
        if redis.call('ZREM', KEYS[2], ARGV[3]) == 0 then
          return 0
        end
        redis.call('HDEL', KEYS[3], ARGV[3])
        redis.call('DEL', KEYS[4])
        """ + IdentityCalls.ThenTell;

    /// <summary>KEYS: a user's uses. ARGV: seconds to keep them, pairs of id and when.</summary>
    private const string Use = """
        for i = 2, #ARGV, 2 do
          redis.call('HSET', KEYS[1], ARGV[i], ARGV[i + 1])
        end
        redis.call('EXPIRE', KEYS[1], ARGV[1])
        return 1
        """;

    private static readonly TimeSpan KeepUses = TimeSpan.FromDays(400);

    public async Task<bool> AddAsync(string id, PersonalToken token, int most)
    {
        var user = new UserId(token.User);
        var answer = await calls.AskAsync(redis => redis.ScriptEvaluateAsync(
            Add,
            [calls.Keys.Token(id), calls.Keys.TokensOf(user), calls.Keys.TokenUses(user)],
            [id, JsonSerializer.SerializeToUtf8Bytes(token, TokenJson.Default.PersonalToken), time.GetUtcNow().ToUnixTimeMilliseconds(), token.Expires.ToUnixTimeMilliseconds(), most]));
        return (int)answer == 1;
    }

    public async Task<PersonalToken?> ReadAsync(string id) =>
        Parse(await calls.AskAsync(redis => redis.StringGetAsync(calls.Keys.Token(id))));

    public async Task<IReadOnlyList<ListedToken>> ListAsync(UserId user)
    {
        var ids = await calls.AskAsync(redis => redis.SortedSetRangeByScoreAsync(calls.Keys.TokensOf(user), time.GetUtcNow().ToUnixTimeMilliseconds()));
        if (ids.Length == 0)
        {
            return [];
        }

        var tokens = await calls.AskAsync(redis => redis.StringGetAsync([.. ids.Select(id => calls.Keys.Token(id!))]));
        var uses = await calls.AskAsync(redis => redis.HashGetAsync(calls.Keys.TokenUses(user), ids));
        return
        [
            .. ids.Select((id, i) => (Id: (string)id!, Token: Parse(tokens[i]), Used: uses[i]))
                .Where(static listed => listed.Token is not null)
                .Select(static listed => new ListedToken(listed.Id, listed.Token!, DateOf(listed.Used)))
                .OrderByDescending(static listed => listed.Token.Made),
        ];
    }

    // Theirs and nobody else's: the id comes from a form.
    public async Task<bool> RemoveAsync(string id, UserId user)
    {
        var answer = await calls.AskAsync(redis => redis.ScriptEvaluateAsync(
            Remove,
            [calls.Keys.Sequence, calls.Keys.TokensOf(user), calls.Keys.TokenUses(user), calls.Keys.Token(id)],
            [calls.Keys.Changes.ToString(), ChangeKinds.Credential, id]));
        return (int)answer == 1;
    }

    public async Task WriteUsesAsync(IReadOnlyList<(UserId User, string Id, DateTimeOffset At)> uses)
    {
        foreach (var ofUser in uses.GroupBy(static use => use.User))
        {
            RedisValue[] arguments = [(long)KeepUses.TotalSeconds, .. ofUser.SelectMany(static use => new RedisValue[] { use.Id, use.At.ToUnixTimeSeconds() })];
            await calls.AskAsync(redis => redis.ScriptEvaluateAsync(Use, [calls.Keys.TokenUses(ofUser.Key)], arguments));
        }
    }

    private static PersonalToken? Parse(RedisValue value) => value.IsNullOrEmpty ? null : JsonSerializer.Deserialize((byte[])value!, TokenJson.Default.PersonalToken);

    private static DateTimeOffset? DateOf(RedisValue value) =>
        long.TryParse((string?)value, NumberStyles.None, CultureInfo.InvariantCulture, out var seconds) ? DateTimeOffset.FromUnixTimeSeconds(seconds) : null;
}
