using System.Buffers.Text;
using System.Security.Cryptography;
using System.Text;
using StackExchange.Redis;

namespace Gateway.Identity;

/// <summary>
/// Sign-ins in Redis. Under the hash of the handle, so that who can read Redis cannot use what they read; one shard, as all of the gateway's keys.
/// </summary>
internal sealed class RedisSignInStore(Func<IDatabase> database, TimeProvider time) : ISignInStore
{
    private const string Prefix = "{gateway}:sign-in:";

    // A person waits for this; past it the answer is "unknown", which they can retry.
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(2);

    public Task WriteAsync(string handle, UserId user, byte[] signIn, TimeSpan lifetime) =>
        AskAsync(redis => redis.StringSetAsync(Key(handle), signIn, lifetime));

    public async Task<byte[]?> ReadAsync(string handle) => await AskAsync(redis => redis.StringGetAsync(Key(handle)));

    public Task RemoveAsync(string handle) => AskAsync(redis => redis.KeyDeleteAsync(Key(handle)));

    public async Task<bool> IsReachableAsync()
    {
        try
        {
            await AskAsync(redis => redis.PingAsync());
            return true;
        }
        catch (SignInStoreUnavailableException)
        {
            return false;
        }
    }

    private static RedisKey Key(string handle) => Prefix + Base64Url.EncodeToString(SHA256.HashData(Encoding.ASCII.GetBytes(handle)));

    private async Task<T> AskAsync<T>(Func<IDatabase, Task<T>> ask)
    {
        try
        {
            return await ask(database()).WaitAsync(Patience, time);
        }
        catch (Exception failure) when (failure is RedisException or TimeoutException or OperationCanceledException or ObjectDisposedException)
        {
            throw new SignInStoreUnavailableException("Redis did not answer for sign-ins.", failure);
        }
    }
}
