namespace Gateway.Sessions;

/// <summary>The scripts of what operators are told afterwards. Everything they keep is bounded.</summary>
internal static class HistoryScripts
{
    /// <summary>
    /// KEYS: sequence, events, then the causes of one machine for each entry. ARGV: channel, how many causes are kept, for how many seconds, then for each entry:
    /// moment in ms, text, machine, 1 when it is an event.
    /// </summary>
    public const string Append = """
        for i = 3, #KEYS do
          local at = 4 + (i - 3) * 4
          redis.call('ZADD', KEYS[i], ARGV[at], ARGV[at + 1])
          redis.call('ZREMRANGEBYRANK', KEYS[i], 0, -1 - tonumber(ARGV[2]))
          redis.call('EXPIRE', KEYS[i], ARGV[3])
          if ARGV[at + 3] == '1' then
            local sequence = string.format('%.0f', redis.call('INCR', KEYS[1]))
            redis.call('ZADD', KEYS[2], sequence, sequence .. '|' .. ARGV[at] .. '|cause|' .. ARGV[at + 2] .. '|' .. ARGV[at + 1])
            redis.call('ZREMRANGEBYRANK', KEYS[2], 0, -5001)
            redis.call('PUBLISH', ARGV[1], sequence .. '|cause|0|' .. ARGV[at + 2])
          end
        end
        return 1
        """;

    /// <summary>KEYS: one machine's visits each. ARGV: replica, seconds to keep, then for each machine what this replica has open there, or ''.</summary>
    public const string ReportVisits = """
        for i = 1, #KEYS do
          if ARGV[i + 2] == '' then
            redis.call('HDEL', KEYS[i], ARGV[1])
          else
            redis.call('HSET', KEYS[i], ARGV[1], ARGV[i + 2])
            redis.call('EXPIRE', KEYS[i], ARGV[2])
          end
        end
        return 1
        """;
}
