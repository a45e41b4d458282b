using StackExchange.Redis;

namespace Gateway.Redis;

/// <summary>
/// Says at start when Redis may drop keys to make room: a dropped record is a workspace that has to be found again among all machines. A server that does
/// not tell its policy is believed to keep what it is given.
/// </summary>
internal sealed partial class EvictionCheck(RedisConnection connection, TimeProvider time, ILogger<EvictionCheck> logger) : BackgroundService
{
    private const string Safe = "noeviction";

    private static readonly TimeSpan BetweenTries = TimeSpan.FromSeconds(5);

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        while (true)
        {
            try
            {
                // INFO, because hosted servers refuse CONFIG; in a script, because the client keeps the command for administrators.
                var memory = (string?)await connection.Database.ScriptEvaluateAsync("return redis.call('INFO', 'memory')").WaitAsync(stoppingToken) ?? "";
                if (PolicyIn(memory) is { } policy && policy != Safe)
                {
                    Log.MayEvict(logger, policy);
                }

                return;
            }
            catch (RedisServerException)
            {
                return;
            }
            catch (Exception exception) when (exception is RedisException or TimeoutException or ObjectDisposedException)
            {
                await Task.Delay(BetweenTries, time, stoppingToken);
            }
        }
    }

    internal static string? PolicyIn(string memory)
    {
        const string Name = "maxmemory_policy:";
        return memory.Split('\n').FirstOrDefault(static line => line.StartsWith(Name, StringComparison.Ordinal))?[Name.Length..].Trim();
    }

    private static partial class Log
    {
        [LoggerMessage(2902, LogLevel.Warning, "Redis may drop sessions to make room (maxmemory-policy is {Policy}): set it to noeviction", EventName = "RedisMayEvict")]
        public static partial void MayEvict(ILogger logger, string policy);
    }
}
