using StackExchange.Redis;

namespace Gateway.Identity.Assertions;

/// <summary>Where the replicas share their keys: entries by key id.</summary>
internal interface IAssertionKeyStore
{
    Task<IReadOnlyDictionary<string, string>> ReadAsync();

    Task AddAsync(string id, string entry);

    Task RemoveAsync(string id);
}

/// <summary>The keys in Redis, as fields of one hash. The private parts in it are protected by whoever made them.</summary>
internal sealed class RedisAssertionKeyStore(Func<IDatabase> database, TimeProvider time) : IAssertionKeyStore
{
    private static readonly RedisKey Key = "{gateway}:assertion-keys";
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(2);

    public async Task<IReadOnlyDictionary<string, string>> ReadAsync() =>
        (await database().HashGetAllAsync(Key).WaitAsync(Patience, time)).ToDictionary(entry => entry.Name.ToString(), entry => entry.Value.ToString(), StringComparer.Ordinal);

    public Task AddAsync(string id, string entry) => database().HashSetAsync(Key, id, entry, When.NotExists).WaitAsync(Patience, time);

    public Task RemoveAsync(string id) => database().HashDeleteAsync(Key, id).WaitAsync(Patience, time);
}
