using System.Collections.Concurrent;
using Gateway.Identity.Access;

namespace Gateway.FunctionalTests.Identity;

/// <summary>Operators' decisions in memory, for hosts without Redis.</summary>
internal sealed class MemoryAccessStore : IAccessStore
{
    private readonly ConcurrentDictionary<string, UserDecision> _decisions = new();
    private readonly ConcurrentDictionary<string, DateTimeOffset> _ends = new();

    public Task<UserDecisions> ReadAllAsync() => Task.FromResult(new UserDecisions(_decisions, _ends));

    public Task<(UserDecision? Decision, DateTimeOffset? EndedBefore)> ReadAsync(string user) =>
        Task.FromResult((_decisions.GetValueOrDefault(user), _ends.TryGetValue(user, out var before) ? before : (DateTimeOffset?)null));

    public Task WriteAsync(string user, UserDecision? decision)
    {
        if (decision is null)
        {
            _decisions.TryRemove(user, out _);
        }
        else
        {
            _decisions[user] = decision;
        }

        return Task.CompletedTask;
    }

    public Task EndBeforeAsync(string user, DateTimeOffset before, TimeSpan longestLife)
    {
        _ends[user] = before;
        return Task.CompletedTask;
    }
}
