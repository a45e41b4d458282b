using Microsoft.Extensions.Options;

namespace Gateway.Sessions;

/// <summary>Section <c>Sessions</c>: the session map and what is kept of it in memory.</summary>
internal sealed class SessionsOptions
{
    public const string Section = "Sessions";

    /// <summary>Where Redis is; the environment's <c>REDIS_URL</c> wins. <c>rediss://</c> for TLS.</summary>
    public string RedisUrl { get; set; } = "";

    /// <summary>The beginning of every key. The braces keep all keys on one shard of a cluster, where scripts can reach them together.</summary>
    public string KeyPrefix { get; set; } = "{gateway}";

    /// <summary>How long known routes and verified sign-ins are believed after the last contact with Redis.</summary>
    public TimeSpan TrustWithoutRedis { get; set; } = TimeSpan.FromMinutes(10);

    /// <summary>How many routes are kept in memory. Routes in use are never dropped.</summary>
    public int MaxRoutes { get; set; } = 100_000;

    /// <summary>How often a record somebody waits for is read although no change was heard: the feed loses messages.</summary>
    public TimeSpan SlowPoll { get; set; } = TimeSpan.FromSeconds(1);
}

/// <summary>Every fault of the section at once, each by its key.</summary>
internal sealed class SessionsOptionsValidation : IValidateOptions<SessionsOptions>
{
    public ValidateOptionsResult Validate(string? name, SessionsOptions options)
    {
        var faults = new List<string>();
        if (!Redis.RedisUrl.TryParse(options.RedisUrl, out _, out var fault))
        {
            faults.Add($"Sessions:RedisUrl (or REDIS_URL in the environment) {fault}.");
        }

        if (options.KeyPrefix is not ['{', .., '}'] || options.KeyPrefix.Length < 3)
        {
            faults.Add("Sessions:KeyPrefix must be a name in braces, such as {gateway}.");
        }

        if (options.TrustWithoutRedis < TimeSpan.Zero)
        {
            faults.Add("Sessions:TrustWithoutRedis must not be negative.");
        }

        if (options.MaxRoutes < 100)
        {
            faults.Add("Sessions:MaxRoutes must be at least 100.");
        }

        if (options.SlowPoll < TimeSpan.FromMilliseconds(50) || options.SlowPoll > TimeSpan.FromMinutes(1))
        {
            faults.Add("Sessions:SlowPoll must be between 00:00:00.05 and 00:01:00.");
        }

        return faults.Count == 0 ? ValidateOptionsResult.Success : ValidateOptionsResult.Fail(faults);
    }
}
