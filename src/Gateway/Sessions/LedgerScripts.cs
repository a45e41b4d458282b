namespace Gateway.Sessions;

/// <summary>
/// The parts of the record scripts that keep the ledger, in the same script as the record: how long each machine was in which state and each volume was somebody's, by size and place.
/// What it is now and since when stands beside the record; a change closes it, into its months for whoever looks at one machine and into days for the total. What is not closed yet is in the
/// total as well, without looking at any machine: for each day on which something began that still goes on, how many do and the sum of how far into the day they began. All times are in ms.
/// </summary>
internal static class LedgerScripts
{
    /// <summary>
    /// Defines <c>account(record, kind, id, entry, clock, prefix, months)</c>: from the moment <c>clock</c> on, what <c>record</c> keeps the account of stands as <c>entry</c> says; '': it is no more.
    /// Months are <c>name=first-end</c>, the oldest that is kept first.
    /// </summary>
    public const string Account = """
        local function account(record, kind, id, entry, clock, prefix, months)
          local was = redis.call('HGET', record, 'l') or ''
          if was == entry or entry == '=' then
            return
          end
          local function text(number)
            return string.format('%.0f', number)
          end
          local function add(key, field, amount, seconds)
            redis.call('HINCRBY', key, field, text(amount))
            redis.call('EXPIRE', key, seconds)
          end
          local daylong, kept, briefly = 86400000, 34560000, 5356800
          local since = tonumber(redis.call('HGET', record, 'ls') or clock)
          local now = math.max(tonumber(clock), since)
          local today, began = math.floor(now / daylong), math.floor(since / daylong)
          local month = string.match(months, '(%S+)=%d+%-%d+%s*$')
          local ran, runs = string.sub(was, 1, 8) == 'running|', string.sub(entry, 1, 8) == 'running|'
          if was ~= '' then
            for name, first, last in string.gmatch(months, '(%S+)=(%d+)%-(%d+)') do
              local spent = math.min(now, tonumber(last)) - math.max(since, tonumber(first))
              if spent > 0 then
                add(prefix .. name .. ':' .. kind .. ':' .. id, was, spent, kept)
                if ran then
                  redis.call('ZINCRBY', prefix .. name .. ':idle', text(spent), id)
                  redis.call('EXPIRE', prefix .. name .. ':idle', briefly)
                end
              end
            end
            for day = math.max(began, today - 400), today do
              local spent = math.min(now, (day + 1) * daylong) - math.max(since, day * daylong)
              if spent > 0 then
                add(prefix .. 'day:' .. text(day), was, spent, kept)
              end
            end
            local group = text(began) .. '|' .. was
            redis.call('HINCRBY', prefix .. 'open', 's|' .. group, text(began * daylong - since))
            if redis.call('HINCRBY', prefix .. 'open', 'n|' .. group, -1) <= 0 then
              redis.call('HDEL', prefix .. 'open', 'n|' .. group, 's|' .. group)
            end
          end
          if entry ~= '' then
            redis.call('HINCRBY', prefix .. 'open', 'n|' .. text(today) .. '|' .. entry, 1)
            redis.call('HINCRBY', prefix .. 'open', 's|' .. text(today) .. '|' .. entry, text(now - today * daylong))
            redis.call('HSETNX', prefix .. 'open', 'began', text(now))
          end
          if runs and not ran then
            add(prefix .. month .. ':' .. kind .. ':' .. id, 'wakes', 1, kept)
            add(prefix .. 'day:' .. text(today), 'wakes', 1, kept)
            redis.call('ZADD', prefix .. 'running', text(now), id)
          elseif ran and not runs then
            redis.call('ZREM', prefix .. 'running', id)
            if redis.call('HGET', record, 'lu') == '1' then
              redis.call('HDEL', record, 'lu')
            else
              add(prefix .. month .. ':' .. kind .. ':' .. id, 'wasted', 1, kept)
              add(prefix .. 'day:' .. text(today), 'wasted', 1, kept)
            end
          end
          redis.call('HSET', record, 'l', entry, 'ls', text(now))
        end
        local function volume(session, id, entry, clock, prefix, months)
          local had = redis.call('HGET', session, 'v') or ''
          if had ~= id then
            if had ~= '' and redis.call('HINCRBY', prefix .. 'volume:' .. had, 'n', -1) <= 0 then
              account(prefix .. 'volume:' .. had, 'volume', had, '', clock, prefix, months)
              redis.call('DEL', prefix .. 'volume:' .. had)
            end
            if id ~= '' then
              redis.call('HINCRBY', prefix .. 'volume:' .. id, 'n', 1)
            end
            redis.call('HSET', session, 'v', id)
          end
          if id ~= '' then
            account(prefix .. 'volume:' .. id, 'volume', id, entry, clock, prefix, months)
          end
        end

        """;

    /// <summary>ARGV from 10: volume, entry, clock, prefix, months.</summary>
    public const string Session = """
        volume(KEYS[1], ARGV[10], ARGV[11], ARGV[12], ARGV[13], ARGV[14])

        """;

    /// <summary>ARGV from 11: entry, clock, prefix, months.</summary>
    public const string Machine = """
        account(KEYS[1], 'machine', ARGV[4], ARGV[11], ARGV[12], ARGV[13], ARGV[14])

        """;

    /// <summary>ARGV from 5: clock, prefix, months.</summary>
    public const string Removal = """
        volume(KEYS[1], '', '', ARGV[5], ARGV[6], ARGV[7])

        """;

    /// <summary>
    /// KEYS: the records of machines. ARGV: prefix, month, day, minute, length of a turn in ms, then for each machine: id, its turns of that minute ('0' nothing, '1' attached, '2' active), bytes sent
    /// out, 1 when something that counts as use passed. What other replicas said of the same turns is not counted twice. A word that comes when the minute after it was told of counts for bytes alone.
    /// </summary>
    public const string Use = """
        local kept, briefly = 34560000, 5356800
        local today = ARGV[1] .. 'day:' .. ARGV[3]
        for i = 1, #KEYS do
          local at = 6 + (i - 1) * 4
          local machine = ARGV[1] .. ARGV[2] .. ':machine:' .. ARGV[at]
          local told = redis.call('HGET', machine, 'minute')
          local turns, active, attached = '', 0, 0
          local had = told == ARGV[4] and redis.call('HGET', machine, 'turns') or ''
          if not told or tonumber(told) <= tonumber(ARGV[4]) then
            for turn = 1, string.len(ARGV[at + 1]) do
              local now, before = string.sub(ARGV[at + 1], turn, turn), string.sub(had, turn, turn)
              if before == '' then
                before = '0'
              end
              if now > before then
                attached = attached + (now == '1' and 1 or 0) - (before == '1' and 1 or 0)
                active = active + (now == '2' and 1 or 0)
                before = now
              end
              turns = turns .. before
            end
            redis.call('HSET', machine, 'minute', ARGV[4], 'turns', turns)
          end
          local region = string.match(redis.call('HGET', KEYS[i], 'l') or '', '^[^|]*|([^|]*)') or ''
          local function add(field, amount)
            if amount ~= 0 then
              redis.call('HINCRBY', machine, field, string.format('%.0f', amount))
              redis.call('HINCRBY', today, field, string.format('%.0f', amount))
            end
          end
          add('active', active * tonumber(ARGV[5]))
          add('attached', attached * tonumber(ARGV[5]))
          add('egress|' .. region, tonumber(ARGV[at + 2]))
          redis.call('EXPIRE', machine, kept)
          redis.call('EXPIRE', today, kept)
          if active > 0 then
            redis.call('ZINCRBY', ARGV[1] .. ARGV[2] .. ':idle', string.format('%.0f', -active * tonumber(ARGV[5])), ARGV[at])
            redis.call('EXPIRE', ARGV[1] .. ARGV[2] .. ':idle', briefly)
          end
          if ARGV[at + 3] == '1' and redis.call('HEXISTS', KEYS[i], 'e') == 1 then
            redis.call('HSET', KEYS[i], 'lu', '1')
          end
        end
        return 1
        """;

    /// <summary>
    /// KEYS: hashes to read whole, then records with an account. ARGV: how many of the first. At one moment, so that what is closed meanwhile is neither missing nor there twice. Answers for each hash its
    /// fields and values in turn, for each record what it is and since when.
    /// </summary>
    public const string Read = """
        local read = {}
        for i = 1, #KEYS do
          if i <= tonumber(ARGV[1]) then
            read[i] = redis.call('HGETALL', KEYS[i])
          else
            read[i] = {redis.call('HGET', KEYS[i], 'l') or '', redis.call('HGET', KEYS[i], 'ls') or ''}
          end
        end
        return read
        """;
}
