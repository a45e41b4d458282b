using System.Globalization;
using System.Text.Json;
using Gateway.Identity.Tokens;

namespace Gateway.Identity.Devices;

/// <summary>Device sign-ins in Redis: a hash under the hash of the device code, found by the user code through a second key until somebody decides.</summary>
internal sealed class RedisDeviceStore(IdentityCalls calls, TimeProvider time) : IDeviceStore
{
    /// <summary>KEYS: device, user code. ARGV: id, client, source, asked (ms), ends (ms), interval (ms). Kept a while past its end, so that a late poll is told so.</summary>
    private const string Add = """
        if not redis.call('SET', KEYS[2], ARGV[1], 'NX', 'PX', string.format('%.0f', tonumber(ARGV[5]) - tonumber(ARGV[4]))) then
          return 0
        end
        redis.call('HSET', KEYS[1], 'state', 'pending', 'client', ARGV[2], 'source', ARGV[3], 'asked', ARGV[4], 'ends', ARGV[5], 'interval', ARGV[6], 'last', '0')
        redis.call('PEXPIRE', KEYS[1], string.format('%.0f', 2 * (tonumber(ARGV[5]) - tonumber(ARGV[4]))))
        return 1
        """;

    /// <summary>KEYS: device, user code. ARGV: state, token, now (ms). Answers 0 when there is nothing to decide any more.</summary>
    private const string Decide = """
        redis.call('DEL', KEYS[2])
        if redis.call('HGET', KEYS[1], 'state') ~= 'pending' or tonumber(redis.call('HGET', KEYS[1], 'ends')) <= tonumber(ARGV[3]) then
          return 0
        end
        redis.call('HSET', KEYS[1], 'state', ARGV[1], 'token', ARGV[2])
        return 1
        """;

    /// <summary>KEYS: device. ARGV: now (ms). Whoever polls too soon has to wait five seconds longer from then on (RFC 8628, section 3.5).</summary>
    private const string Poll = """
        local state = redis.call('HGET', KEYS[1], 'state')
        if not state then
          return {'none', ''}
        end
        if state == 'denied' then
          return {'denied', ''}
        end
        if tonumber(redis.call('HGET', KEYS[1], 'ends')) <= tonumber(ARGV[1]) then
          return {'expired', ''}
        end
        if state == 'approved' then
          local token = redis.call('HGET', KEYS[1], 'token')
          redis.call('DEL', KEYS[1])
          return {'approved', token}
        end
        local last = tonumber(redis.call('HGET', KEYS[1], 'last'))
        local interval = tonumber(redis.call('HGET', KEYS[1], 'interval'))
        redis.call('HSET', KEYS[1], 'last', ARGV[1])
        if tonumber(ARGV[1]) - last < interval then
          redis.call('HSET', KEYS[1], 'interval', string.format('%.0f', interval + 5000))
          return {'slow', ''}
        end
        return {'pending', ''}
        """;

    /// <summary>KEYS: count. ARGV: seconds.</summary>
    private const string Count = """
        local count = redis.call('INCR', KEYS[1])
        if count == 1 then
          redis.call('EXPIRE', KEYS[1], ARGV[1])
        end
        return count
        """;

    private long Now => time.GetUtcNow().ToUnixTimeMilliseconds();

    public async Task<bool> AddAsync(string id, string userCode, DeviceRequest request, TimeSpan lifetime, TimeSpan interval)
    {
        var asked = request.Asked.ToUnixTimeMilliseconds();
        return (int)await calls.AskAsync(redis => redis.ScriptEvaluateAsync(
            Add,
            [calls.Keys.Device(id), calls.Keys.UserCode(userCode)],
            [id, request.Client, request.Source, asked, asked + (long)lifetime.TotalMilliseconds, (long)interval.TotalMilliseconds])) == 1;
    }

    public async Task<DeviceRequest?> FindAsync(string userCode)
    {
        if (await IdOfAsync(userCode) is not { } id)
        {
            return null;
        }

        var fields = await calls.AskAsync(redis => redis.HashGetAsync(calls.Keys.Device(id), ["client", "source", "asked", "ends"]));
        return (long?)fields[3] > Now ? new DeviceRequest(fields[0]!, fields[1]!, DateTimeOffset.FromUnixTimeMilliseconds((long)fields[2])) : null;
    }

    public async Task<bool> DecideAsync(string userCode, PersonalToken? approved)
    {
        if (await IdOfAsync(userCode) is not { } id)
        {
            return false;
        }

        var token = approved is null ? "" : JsonSerializer.Serialize(approved, TokenJson.Default.PersonalToken);
        return (int)await calls.AskAsync(redis => redis.ScriptEvaluateAsync(
            Decide, [calls.Keys.Device(id), calls.Keys.UserCode(userCode)], [approved is null ? "denied" : "approved", token, Now])) == 1;
    }

    public async Task<DevicePoll> PollAsync(string id)
    {
        var answer = (string[])(await calls.AskAsync(redis => redis.ScriptEvaluateAsync(Poll, [calls.Keys.Device(id)], [Now])))!;
        return answer[0] switch
        {
            "pending" => new(DevicePollKind.AuthorizationPending),
            "slow" => new(DevicePollKind.SlowDown),
            "denied" => new(DevicePollKind.AccessDenied),
            "expired" => new(DevicePollKind.ExpiredToken),
            "approved" => new(DevicePollKind.Approved, JsonSerializer.Deserialize(answer[1], TokenJson.Default.PersonalToken)),
            _ => new(DevicePollKind.InvalidGrant),
        };
    }

    public async Task<int> CountTypedAsync(UserId user, TimeSpan within) =>
        (int)await calls.AskAsync(redis => redis.ScriptEvaluateAsync(Count, [calls.Keys.CodesTyped(user)], [((long)within.TotalSeconds).ToString(CultureInfo.InvariantCulture)]));

    private async Task<string?> IdOfAsync(string userCode) => await calls.AskAsync(redis => redis.StringGetAsync(calls.Keys.UserCode(userCode)));
}
