using System.Text.Json;
using StackExchange.Redis;

namespace Gateway.Identity.Access;

/// <summary>Decisions in Redis: a hash of them by user, and a sorted set of users by the moment (ms) before which their credentials have ended.</summary>
internal sealed class RedisAccessStore(IdentityCalls calls) : IAccessStore
{
    /// <summary>KEYS: sequence, decisions. ARGV: channel, kind, user, decision or nothing.</summary>
    private const string Write = """
        if ARGV[4] == '' then
          redis.call('HDEL', KEYS[2], ARGV[3])
        else
          redis.call('HSET', KEYS[2], ARGV[3], ARGV[4])
        end
        """ + IdentityCalls.ThenTell;

    /// <summary>KEYS: sequence, ends. ARGV: channel, kind, user, moment, moment before which ends are forgotten. The moment only moves forward.</summary>
    private const string End = """
        local before = redis.call('ZSCORE', KEYS[2], ARGV[3])
        if not before or tonumber(before) < tonumber(ARGV[4]) then
          redis.call('ZADD', KEYS[2], ARGV[4], ARGV[3])
        end
        redis.call('ZREMRANGEBYSCORE', KEYS[2], '-inf', ARGV[5])
        """ + IdentityCalls.ThenTell;

    private static readonly UserDecision Unreadable = new() { Allowed = false, Reason = "The decision that is kept cannot be read: make it again.", By = "-", At = DateTimeOffset.UnixEpoch };

    public async Task<UserDecisions> ReadAllAsync()
    {
        var decisions = await calls.AskAsync(redis => redis.HashGetAllAsync(calls.Keys.Decisions));
        var ends = await calls.AskAsync(redis => redis.SortedSetRangeByRankWithScoresAsync(calls.Keys.Ends));
        return new UserDecisions(
            decisions.ToDictionary(static entry => (string)entry.Name!, static entry => Parse(entry.Value) ?? Unreadable),
            ends.ToDictionary(static entry => (string)entry.Element!, static entry => DateOf(entry.Score)));
    }

    public async Task<(UserDecision? Decision, DateTimeOffset? EndedBefore)> ReadAsync(string user)
    {
        var decision = await calls.AskAsync(redis => redis.HashGetAsync(calls.Keys.Decisions, user));
        var end = await calls.AskAsync(redis => redis.SortedSetScoreAsync(calls.Keys.Ends, user));
        return (Parse(decision), end is { } score ? DateOf(score) : null);
    }

    public Task WriteAsync(string user, UserDecision? decision) => calls.AskAsync(redis => redis.ScriptEvaluateAsync(
        Write,
        [calls.Keys.Sequence, calls.Keys.Decisions],
        [calls.Keys.Changes.ToString(), ChangeKinds.Access, user, decision is null ? "" : JsonSerializer.SerializeToUtf8Bytes(decision, AccessJson.Default.UserDecision)]));

    public Task EndBeforeAsync(string user, DateTimeOffset before, TimeSpan longestLife) => calls.AskAsync(redis => redis.ScriptEvaluateAsync(
        End,
        [calls.Keys.Sequence, calls.Keys.Ends],
        [calls.Keys.Changes.ToString(), ChangeKinds.Access, user, before.ToUnixTimeMilliseconds(), (before - longestLife).ToUnixTimeMilliseconds()]));

    /// <summary>What somebody decided and nobody can read keeps its user out, and no other: who was denied must not get in by it.</summary>
    private static UserDecision? Parse(RedisValue value)
    {
        if (value.IsNull)
        {
            return null;
        }

        try
        {
            return JsonSerializer.Deserialize((byte[])value!, AccessJson.Default.UserDecision) ?? Unreadable;
        }
        catch (JsonException)
        {
            return Unreadable;
        }
    }

    private static DateTimeOffset DateOf(double milliseconds) => DateTimeOffset.FromUnixTimeMilliseconds((long)milliseconds);
}
