namespace Gateway.Sessions;

/// <summary>
/// The scripts of the session map. They use what Redis 7, Valkey, Garnet and Upstash all have. Epochs are microseconds and stay below 2^53, where Lua's
/// numbers are exact; they are printed with a format, because Lua would switch to an exponent.
/// </summary>
internal static class SessionScripts
{
    /// <summary>
    /// KEYS: record, sequence, generation, then the index's. ARGV: epoch expected, body, kind, id, channel, name for a new generation, then the index's and the ledger's.
    /// Answers {1, epoch} or {0, epoch that stands, body that stands}.
    /// </summary>
    public const string WriteSession = LedgerScripts.Account + Write + IndexScripts.Session + LedgerScripts.Session + Announce;

    /// <inheritdoc cref="WriteSession"/>
    public const string WriteMachine = LedgerScripts.Account + Write + IndexScripts.Machine + LedgerScripts.Machine + Announce;

    /// <summary>KEYS: record, sequence, then the index's. ARGV: epoch expected, kind, id, channel, then the ledger's. Answers the removal's epoch as text, or 0.</summary>
    public const string RemoveSession = LedgerScripts.Account + """
        local current = redis.call('HGET', KEYS[1], 'e')
        if current ~= ARGV[1] then
          return 0
        end
        local time = redis.call('TIME')
        local epoch = string.format('%.0f', math.max(tonumber(current) + 1, tonumber(time[1]) * 1000000 + tonumber(time[2])))

        """ + IndexScripts.Removal + LedgerScripts.Removal + """
        redis.call('DEL', KEYS[1])
        local sequence = string.format('%.0f', redis.call('INCR', KEYS[2]))
        redis.call('PUBLISH', ARGV[4], sequence .. '|' .. ARGV[2] .. '|' .. epoch .. '|' .. ARGV[3])
        return epoch
        """;

    private const string Write = """
        local current = redis.call('HGET', KEYS[1], 'e')
        if (current or '0') ~= ARGV[1] then
          return {0, current or '0', redis.call('HGET', KEYS[1], 'b') or ''}
        end
        local time = redis.call('TIME')
        local now = tonumber(time[1]) * 1000000 + tonumber(time[2])
        local epoch = string.format('%.0f', math.max(tonumber(current or '0') + 1, now))
        redis.call('HSET', KEYS[1], 'e', epoch, 'b', ARGV[2])
        redis.call('HSETNX', KEYS[3], 'id', ARGV[6])

        """;

    private const string Announce = """
        local sequence = string.format('%.0f', redis.call('INCR', KEYS[2]))

        """ + IndexScripts.Event + """
        redis.call('PUBLISH', ARGV[5], sequence .. '|' .. ARGV[3] .. '|' .. epoch .. '|' .. ARGV[4])
        return {1, epoch}
        """;

    /// <summary>KEYS: generation. ARGV: name for a new one. Answers {id, listed, when it was first read in ms}.</summary>
    public const string ReadGeneration = """
        redis.call('HSETNX', KEYS[1], 'id', ARGV[1])
        local time = redis.call('TIME')
        redis.call('HSETNX', KEYS[1], 'since', string.format('%.0f', tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000)))
        return {redis.call('HGET', KEYS[1], 'id'), redis.call('HGET', KEYS[1], 'listed') or '0', redis.call('HGET', KEYS[1], 'since')}
        """;

    /// <summary>KEYS: generation. ARGV: the id it must still have, 1 if no machine was found.</summary>
    public const string MarkListed = """
        if redis.call('HGET', KEYS[1], 'id') ~= ARGV[1] then
          return 0
        end
        redis.call('HSET', KEYS[1], 'listed', '1')
        if ARGV[2] == '1' then
          redis.call('HSET', KEYS[1], 'since', '0')
        end
        return 1
        """;

    /// <summary>KEYS: sequence. ARGV: channel. Says again how far the sequence is, so that a lost message is noticed.</summary>
    public const string Beat = """
        local sequence = redis.call('GET', KEYS[1]) or '0'
        redis.call('PUBLISH', ARGV[1], sequence .. '|beat|0|')
        return 1
        """;

    /// <summary>KEYS: replicas. ARGV: replica, lease in ms. Redis keeps the time, so replicas' clocks do not matter.</summary>
    public const string Heartbeat = """
        local time = redis.call('TIME')
        local now = tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000)
        redis.call('ZADD', KEYS[1], string.format('%.0f', now + tonumber(ARGV[2])), ARGV[1])
        redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', string.format('%.0f', now))
        return 1
        """;

    /// <summary>KEYS: due, activity. ARGV: triples of machine, not idle before (ms), last activity (ms). Times only ever move forward.</summary>
    public const string Report = """
        for i = 1, #ARGV, 3 do
          local due = redis.call('ZSCORE', KEYS[1], ARGV[i])
          if not due or tonumber(due) < tonumber(ARGV[i + 1]) then
            redis.call('ZADD', KEYS[1], ARGV[i + 1], ARGV[i])
          end
          local activity = redis.call('ZSCORE', KEYS[2], ARGV[i])
          if not activity or tonumber(activity) < tonumber(ARGV[i + 2]) then
            redis.call('ZADD', KEYS[2], ARGV[i + 2], ARGV[i])
          end
        end
        return 1
        """;

    /// <summary>KEYS: due, or suspended. ARGV: machine, moment (ms). A later moment was written since, and stays.</summary>
    public const string ForgetDue = """
        local due = redis.call('ZSCORE', KEYS[1], ARGV[1])
        if due and tonumber(due) <= tonumber(ARGV[2]) then
          redis.call('ZREM', KEYS[1], ARGV[1])
        end
        return 1
        """;

    /// <summary>KEYS: consents of one machine and epoch. ARGV: replica, seconds to keep.</summary>
    public const string Consent = """
        redis.call('SADD', KEYS[1], ARGV[1])
        redis.call('EXPIRE', KEYS[1], ARGV[2])
        return 1
        """;

    /// <summary>
    /// KEYS: replicas, consents of one machine and epoch, the machine's record, due. ARGV: that epoch, the machine. Answers {1 while the record is of that
    /// epoch, 1 if all whose lease stands have consented, when it is due (ms) or nothing}.
    /// </summary>
    public const string ReadQuestion = """
        local time = redis.call('TIME')
        local now = tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000)
        local live = redis.call('ZRANGEBYSCORE', KEYS[1], '(' .. string.format('%.0f', now), '+inf')
        local agreed = #live > 0 and 1 or 0
        for i = 1, #live do
          if redis.call('SISMEMBER', KEYS[2], live[i]) == 0 then
            agreed = 0
          end
        end
        local stands = redis.call('HGET', KEYS[3], 'e') == ARGV[1] and 1 or 0
        return {stands, agreed, redis.call('ZSCORE', KEYS[4], ARGV[2]) or ''}
        """;

    /// <summary>KEYS: duty. ARGV: replica, lease in ms. Answers 1 to its holder.</summary>
    public const string HoldDuty = """
        local holder = redis.call('GET', KEYS[1])
        if holder and holder ~= ARGV[1] then
          return 0
        end
        redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
        return 1
        """;

    /// <summary>KEYS: log. ARGV: entry, entries to keep. Redis keeps the order: an entry comes after the last one whatever the clocks say.</summary>
    public const string Append = """
        local last = redis.call('ZRANGE', KEYS[1], -1, -1, 'WITHSCORES')
        local time = redis.call('TIME')
        local score = tonumber(time[1]) * 1000000 + tonumber(time[2])
        if last[2] and tonumber(last[2]) >= score then
          score = tonumber(last[2]) + 1
        end
        redis.call('ZADD', KEYS[1], string.format('%.0f', score), ARGV[1])
        redis.call('ZREMRANGEBYRANK', KEYS[1], 0, -1 - tonumber(ARGV[2]))
        return 1
        """;
}
