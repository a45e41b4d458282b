using StackExchange.Redis;

namespace Gateway.Identity;

/// <summary>Sign-ins in Redis, on one shard as all of the gateway's keys.</summary>
internal sealed class RedisSignInStore(IdentityCalls calls) : ISignInStore
{
    public Task WriteAsync(string id, UserId user, byte[] signIn, TimeSpan lifetime) =>
        calls.AskAsync(redis => redis.StringSetAsync(calls.Keys.SignIn(id), signIn, lifetime));

    public Task<bool> RewriteAsync(string id, byte[] signIn, TimeSpan lifetime) =>
        calls.AskAsync(redis => redis.StringSetAsync(calls.Keys.SignIn(id), signIn, lifetime, When.Exists));

    public async Task<byte[]?> ReadAsync(string id) => await calls.AskAsync(redis => redis.StringGetAsync(calls.Keys.SignIn(id)));

    public Task RemoveAsync(string id) => calls.TellAsync(ChangeKinds.Credential, id, calls.Keys.SignIn(id));

    public async Task<bool> IsReachableAsync()
    {
        try
        {
            await calls.AskAsync(redis => redis.PingAsync());
            return true;
        }
        catch (SignInStoreUnavailableException)
        {
            return false;
        }
    }
}
