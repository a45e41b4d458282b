using System.Collections.Concurrent;
using Gateway.Sessions;

namespace Gateway.Tests.Simulation;

/// <summary>Notes in memory, shared by all replicas.</summary>
internal sealed class SimulatedNotes : INotes
{
    private readonly ConcurrentDictionary<(string Kind, string Key), string> _notes = new();
    private readonly ConcurrentDictionary<string, List<string>> _logs = new();

    /// <summary>Nobody gets an answer.</summary>
    public bool Unavailable { get; set; }

    public Task<string?> ReadAsync(string kind, string key, CancellationToken cancellationToken) => Get(() => _notes.GetValueOrDefault((kind, key)));

    public Task<IReadOnlyDictionary<string, string>> ReadAllAsync(string kind, CancellationToken cancellationToken) =>
        Get<IReadOnlyDictionary<string, string>>(() => _notes.Where(note => note.Key.Kind == kind).ToDictionary(note => note.Key.Key, note => note.Value));

    public Task WriteAsync(string kind, IReadOnlyDictionary<string, string?> notes, CancellationToken cancellationToken) => Get(() =>
    {
        foreach (var (key, text) in notes)
        {
            if (text is null)
            {
                _notes.TryRemove((kind, key), out _);
            }
            else
            {
                _notes[(kind, key)] = text;
            }
        }

        return true;
    });

    public Task AppendAsync(string log, string entry, int keep, CancellationToken cancellationToken) => Get(() =>
    {
        var entries = _logs.GetOrAdd(log, static _ => []);
        entries.Insert(0, entry);
        entries.RemoveRange(Math.Min(keep, entries.Count), Math.Max(0, entries.Count - keep));
        return true;
    });

    public Task<IReadOnlyList<string>> ReadLastAsync(string log, int limit, CancellationToken cancellationToken) =>
        Get<IReadOnlyList<string>>(() => [.. _logs.GetValueOrDefault(log, []).Take(limit)]);

    private async Task<T> Get<T>(Func<T> read)
    {
        await Task.Yield();
        return Unavailable ? throw new SessionMapUnavailableException("the simulated map is away") : read();
    }
}
