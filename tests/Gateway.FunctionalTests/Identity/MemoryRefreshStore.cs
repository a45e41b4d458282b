using System.Collections.Concurrent;
using Gateway.Identity;
using Gateway.Identity.Refreshing;

namespace Gateway.FunctionalTests.Identity;

/// <summary>Refresh tokens in memory; can be made unreachable for a new token.</summary>
internal sealed class MemoryRefreshStore : IRefreshStore
{
    private readonly ConcurrentDictionary<string, byte[]> _tokens = new();
    private readonly ConcurrentDictionary<string, DateTimeOffset> _due = new();

    /// <summary>Asked before a new token is kept; false: the store is away.</summary>
    public Func<bool> MayReplace { get; set; } = static () => true;

    public IReadOnlyCollection<byte[]> Tokens => [.. _tokens.Values];

    public Task WriteAsync(string id, byte[] token, DateTimeOffset due, TimeSpan lifetime)
    {
        (_tokens[id], _due[id]) = (token, due);
        return Task.CompletedTask;
    }

    public Task<IReadOnlyList<string>> ClaimAsync(int most, DateTimeOffset now, DateTimeOffset leaseEnds)
    {
        var ids = _due.Where(pair => pair.Value <= now).OrderBy(static pair => pair.Value).Take(most).Select(static pair => pair.Key).ToList();
        foreach (var id in ids)
        {
            _due[id] = leaseEnds;
        }

        return Task.FromResult<IReadOnlyList<string>>(ids);
    }

    public Task<byte[]?> ReadAsync(string id) => Task.FromResult(_tokens.GetValueOrDefault(id));

    public Task<bool> ReplaceAsync(string id, byte[] sent, byte[] given) =>
        MayReplace() ? Task.FromResult(_tokens.TryGetValue(id, out var kept) && kept.AsSpan().SequenceEqual(sent) && _tokens.TryUpdate(id, given, kept))
        : throw new SignInStoreUnavailableException("away");

    public Task SettleAsync(string id, DateTimeOffset due)
    {
        _due[id] = due;
        return Task.CompletedTask;
    }

    public Task ForgetAsync(string id)
    {
        _tokens.TryRemove(id, out _);
        _due.TryRemove(id, out _);
        return Task.CompletedTask;
    }
}
