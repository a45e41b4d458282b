namespace Gateway.Sessions;

/// <summary>
/// The parts of the record scripts that keep the indices operators read: in the same script as the record, so that they never disagree with it. They cost a
/// few set operations where a state changes and a field's read where it does not. A machine's change of state moves each of its users, who are few.
/// </summary>
internal static class IndexScripts
{
    /// <summary>KEYS from 4: users, assigned, machine record, activity, events, then every state's. ARGV from 7: state, machine, what a state's key begins with.</summary>
    public const string Session = """
        local state, machine = ARGV[7], ''
        if state == 'assigned' then
          machine = ARGV[8]
          state = machine ~= '' and redis.call('HGET', KEYS[6], 's') or 'unknown'
        end
        local held = redis.call('HGET', KEYS[1], 'm') or ''
        if held ~= machine then
          if held ~= '' then
            redis.call('ZREM', KEYS[5], held .. '|' .. ARGV[4])
          end
          if machine ~= '' then
            redis.call('ZADD', KEYS[5], 0, machine .. '|' .. ARGV[4])
            redis.call('ZADD', KEYS[7], 'NX', 0, machine)
          end
          redis.call('HSET', KEYS[1], 'm', machine)
        end
        redis.call('ZADD', KEYS[4], 0, ARGV[4])
        local before = ''
        for i = 9, #KEYS do
          if redis.call('ZREM', KEYS[i], ARGV[4]) == 1 then
            before = string.sub(KEYS[i], #ARGV[9] + 1)
          end
        end
        local happened = before ~= state and before .. '|' .. state or ''
        redis.call('ZADD', ARGV[9] .. state, 0, ARGV[4])

        """;

    /// <summary>
    /// KEYS from 4: due, assigned, counts, timeline, events, suspended. ARGV from 7: what the lists of due and of suspended machines are told, state, what a state's key begins with, region.
    /// </summary>
    public const string Machine = """
        if ARGV[7] == 'due' then
          redis.call('ZADD', KEYS[4], 'NX', string.format('%.0f', now / 1000), ARGV[4])
          redis.call('ZREM', KEYS[9], ARGV[4])
        elseif ARGV[7] == 'suspended' then
          redis.call('ZREM', KEYS[4], ARGV[4])
          redis.call('ZADD', KEYS[9], 'NX', string.format('%.0f', now / 1000), ARGV[4])
        elseif ARGV[7] == 'gone' then
          redis.call('ZREM', KEYS[4], ARGV[4])
          redis.call('ZREM', KEYS[9], ARGV[4])
        end
        local happened = ''
        local before = redis.call('HGET', KEYS[1], 's') or 'unknown'
        if before ~= ARGV[8] then
          local owners = redis.call('ZRANGEBYLEX', KEYS[5], '[' .. ARGV[4] .. '|', '(' .. ARGV[4] .. '}')
          for i = 1, #owners do
            local user = string.sub(owners[i], #ARGV[4] + 2)
            redis.call('ZREM', ARGV[9] .. before, user)
            redis.call('ZADD', ARGV[9] .. ARGV[8], 0, user)
          end
          redis.call('HSET', KEYS[1], 's', ARGV[8])
          happened = before .. '|' .. ARGV[8]
          local at = string.format('%.3f', now / 1000)
          redis.call('ZADD', KEYS[7], at, at .. '|' .. ARGV[8])
          redis.call('ZREMRANGEBYRANK', KEYS[7], 0, -201)
          redis.call('EXPIRE', KEYS[7], 172800)
        end
        local counted = redis.call('HGET', KEYS[1], 'c') or ''
        local counts = ARGV[8] == 'gone' and '' or ARGV[8] .. '|' .. ARGV[10]
        if counted ~= counts then
          if counted ~= '' and redis.call('HINCRBY', KEYS[6], counted, -1) <= 0 then
            redis.call('HDEL', KEYS[6], counted)
          end
          if counts ~= '' then
            redis.call('HINCRBY', KEYS[6], counts, 1)
          end
          redis.call('HSET', KEYS[1], 'c', counts)
        end

        """;

    /// <summary>What a change of state adds to the events, of which the last few thousand are kept. KEYS: 8: events.</summary>
    public const string Event = """
        if happened ~= '' then
          redis.call('ZADD', KEYS[8], sequence, sequence .. '|' .. string.format('%.0f', now / 1000) .. '|' .. ARGV[3] .. '|' .. happened .. '|' .. ARGV[4])
          redis.call('ZREMRANGEBYRANK', KEYS[8], 0, -5001)
        end

        """;

    /// <summary>KEYS from 3: users, assigned, then every state's.</summary>
    public const string Removal = """
        local held = redis.call('HGET', KEYS[1], 'm') or ''
        if held ~= '' then
          redis.call('ZREM', KEYS[4], held .. '|' .. ARGV[3])
        end
        redis.call('ZREM', KEYS[3], ARGV[3])
        for i = 5, #KEYS do
          redis.call('ZREM', KEYS[i], ARGV[3])
        end

        """;

    /// <summary>
    /// KEYS: activity. ARGV: score and machine to go on from ('' for the first), limit, 1 for the latest first. Answers machines with their scores. The place to go
    /// on from is found by a member that is put there and taken away in the same script, so a machine that moved meanwhile is no obstacle.
    /// </summary>
    public const string ByActivity = """
        local forward = ARGV[4] ~= '1'
        local range = forward and 'ZRANGE' or 'ZREVRANGE'
        local first = 0
        if ARGV[2] ~= '' then
          local mark = ARGV[2] .. string.char(0)
          redis.call('ZADD', KEYS[1], ARGV[1], mark)
          first = redis.call(forward and 'ZRANK' or 'ZREVRANK', KEYS[1], mark)
          redis.call('ZREM', KEYS[1], mark)
        end
        local page = redis.call(range, KEYS[1], first, first + tonumber(ARGV[3]), 'WITHSCORES')
        if page[1] == ARGV[2] and ARGV[2] ~= '' then
          table.remove(page, 1)
          table.remove(page, 1)
        end
        while #page > 2 * tonumber(ARGV[3]) do
          table.remove(page)
        end
        return page
        """;
}
