using Gateway.Redis;
using StackExchange.Redis;

namespace Gateway.Sessions;

/// <summary>Every call of the session map goes through here: bounded, counted, and one exception for all the ways Redis can fail to answer.</summary>
internal sealed class MapCalls(RedisConnection connection, SessionsMetrics metrics)
{
    public async Task<T> CallAsync<T>(Func<IDatabase, Task<T>> call, CancellationToken cancellationToken)
    {
        cancellationToken.ThrowIfCancellationRequested();
        try
        {
            var answer = await call(connection.Database).WaitAsync(cancellationToken);
            connection.Touch();
            metrics.MapCalled(succeeded: true);
            return answer;
        }
        catch (Exception exception) when (exception is RedisException or TimeoutException or ObjectDisposedException)
        {
            metrics.MapCalled(succeeded: false);
            throw new SessionMapUnavailableException("Redis did not answer: " + exception.GetType().Name, exception);
        }
    }

    public Task<RedisResult> ScriptAsync(string script, RedisKey[] keys, RedisValue[] arguments, CancellationToken cancellationToken) =>
        CallAsync(database => database.ScriptEvaluateAsync(script, keys, arguments), cancellationToken);
}
