using StackExchange.Redis;

namespace Gateway.Sessions;

/// <summary>Notes in Redis: a hash for each kind, a sorted set for each log.</summary>
internal sealed class RedisNotes(MapCalls calls, MapKeys keys) : INotes
{
    public async Task<string?> ReadAsync(string kind, string key, CancellationToken cancellationToken) =>
        await calls.CallAsync(database => database.HashGetAsync(keys.Notes(kind), key), cancellationToken);

    public async Task<IReadOnlyDictionary<string, string>> ReadAllAsync(string kind, CancellationToken cancellationToken) =>
        (await calls.CallAsync(database => database.HashGetAllAsync(keys.Notes(kind)), cancellationToken)).ToDictionary(entry => entry.Name.ToString(), entry => entry.Value.ToString());

    public async Task WriteAsync(string kind, IReadOnlyDictionary<string, string?> notes, CancellationToken cancellationToken)
    {
        HashEntry[] kept = [.. notes.Where(note => note.Value is not null).Select(note => new HashEntry(note.Key, note.Value))];
        RedisValue[] gone = [.. notes.Where(note => note.Value is null).Select(note => (RedisValue)note.Key)];
        if (kept.Length > 0)
        {
            await calls.CallAsync(async database =>
            {
                await database.HashSetAsync(keys.Notes(kind), kept);
                return true;
            }, cancellationToken);
        }

        if (gone.Length > 0)
        {
            await calls.CallAsync(database => database.HashDeleteAsync(keys.Notes(kind), gone), cancellationToken);
        }
    }

    public Task AppendAsync(string log, string entry, int keep, CancellationToken cancellationToken) =>
        calls.ScriptAsync(SessionScripts.Append, [keys.Log(log)], [entry, keep], cancellationToken);

    public async Task<IReadOnlyList<string>> ReadLastAsync(string log, int limit, CancellationToken cancellationToken)
    {
        var entries = await calls.CallAsync(database => database.SortedSetRangeByRankAsync(keys.Log(log), 0, limit - 1, Order.Descending), cancellationToken);
        return [.. entries.Select(entry => entry.ToString())];
    }
}
