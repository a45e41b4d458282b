using System.Collections.Concurrent;
using Gateway.Identity.Assertions;
using Gateway.Sessions;

namespace Gateway.Tests.Simulation.Whole;

/// <summary>The notes at the end of one gateway's line.</summary>
internal sealed class LineNotes(RedisLine line) : INotes
{
    private readonly Dictionary<(string Kind, string Key), string> _notes = line.Redis.Notes;
    private readonly Dictionary<string, List<string>> _logs = line.Redis.Logs;

    public Task<string?> ReadAsync(string kind, string key, CancellationToken cancellationToken) => line.CallAsync(() => _notes.GetValueOrDefault((kind, key)), cancellationToken);

    public Task<IReadOnlyDictionary<string, string>> ReadAllAsync(string kind, CancellationToken cancellationToken) => line.CallAsync<IReadOnlyDictionary<string, string>>(
        () => _notes.Where(note => note.Key.Kind == kind).ToDictionary(static note => note.Key.Key, static note => note.Value), cancellationToken);

    public Task WriteAsync(string kind, IReadOnlyDictionary<string, string?> notes, CancellationToken cancellationToken) => line.CallAsync(
        () =>
        {
            foreach (var (key, text) in notes)
            {
                _notes.Remove((kind, key));
                if (text is not null)
                {
                    _notes[(kind, key)] = text;
                }
            }

            return true;
        },
        cancellationToken);

    public Task AppendAsync(string log, string entry, int keep, CancellationToken cancellationToken) => line.CallAsync(
        () =>
        {
            var entries = _logs.TryGetValue(log, out var known) ? known : _logs[log] = [];
            entries.Insert(0, entry);
            entries.RemoveRange(Math.Min(keep, entries.Count), Math.Max(0, entries.Count - keep));
            return true;
        },
        cancellationToken);

    public Task<IReadOnlyList<string>> ReadLastAsync(string log, int limit, CancellationToken cancellationToken) =>
        line.CallAsync<IReadOnlyList<string>>(() => [.. _logs.GetValueOrDefault(log, []).Take(limit)], cancellationToken);
}

/// <summary>One set of signing keys for every simulation of the process: making them takes longer than all else, and decides nothing.</summary>
internal sealed class SharedKeys : IAssertionKeyStore
{
    private readonly ConcurrentDictionary<string, string> _keys = new();

    public Task<IReadOnlyDictionary<string, string>> ReadAsync() => Task.FromResult<IReadOnlyDictionary<string, string>>(_keys);

    public Task AddAsync(string id, string entry)
    {
        _keys.TryAdd(id, entry);
        return Task.CompletedTask;
    }

    public Task RemoveAsync(string id)
    {
        _keys.TryRemove(id, out _);
        return Task.CompletedTask;
    }
}
