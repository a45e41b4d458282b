using System.Collections.Concurrent;
using Gateway.Identity.Tokens;

namespace Gateway.FunctionalTests.Identity;

/// <summary>Tokens in memory, for hosts without Redis.</summary>
internal sealed class MemoryTokenStore : ITokenStore
{
    private readonly ConcurrentDictionary<string, PersonalToken> _tokens = new();

    public Task<bool> AddAsync(string id, PersonalToken token, int most) => Task.FromResult(_tokens.TryAdd(id, token));

    public Task<PersonalToken?> ReadAsync(string id) => Task.FromResult(_tokens.GetValueOrDefault(id));

    public Task<IReadOnlyList<ListedToken>> ListAsync(UserId user) =>
        Task.FromResult<IReadOnlyList<ListedToken>>([.. _tokens.Where(pair => pair.Value.User == user.Value).Select(pair => new ListedToken(pair.Key, pair.Value, null))]);

    public Task<bool> RemoveAsync(string id, UserId user) => Task.FromResult(_tokens.TryRemove(id, out _));

    public Task WriteUsesAsync(IReadOnlyList<(UserId User, string Id, DateTimeOffset At)> uses) => Task.CompletedTask;
}
