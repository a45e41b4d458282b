using System.Diagnostics.CodeAnalysis;
using StackExchange.Redis;

namespace Gateway.Redis;

/// <summary>The one connection to Redis. It is made in the background: the gateway starts, and serves what it knows, without.</summary>
internal sealed partial class RedisConnection : IAsyncDisposable
{
    private readonly TimeProvider _time;
    private readonly ILogger<RedisConnection> _logger;
    private readonly Task<ConnectionMultiplexer> _connecting;
    private long _lastContact;

    public RedisConnection(ConfigurationOptions options, TimeProvider time, ILogger<RedisConnection> logger)
    {
        _time = time;
        _logger = logger;
        _lastContact = time.GetTimestamp();
        _connecting = ConnectAsync(options);
    }

    /// <summary>Raised, on a thread of the client's, when a connection came (back) to life: whatever was missed meanwhile is unknown.</summary>
    public event Action? Connected;

    public bool IsConnected => TryGet(out var multiplexer) && multiplexer.IsConnected;

    /// <summary>How long ago Redis last answered anything.</summary>
    public TimeSpan SinceContact => _time.GetElapsedTime(Volatile.Read(ref _lastContact));

    /// <summary>Commands over the multiplexer.</summary>
    /// <exception cref="TimeoutException">There is no connection yet.</exception>
    public IDatabase Database => Multiplexer.GetDatabase();

    /// <summary>For libraries that want the multiplexer itself. Waits for the first attempt to connect, which is bounded.</summary>
    public Task<ConnectionMultiplexer> MultiplexerAsync => _connecting;

    private ConnectionMultiplexer Multiplexer =>
        TryGet(out var multiplexer) ? multiplexer : throw new TimeoutException("Redis was not reached yet.");

    /// <summary>
    /// The messages of a channel, one at a time, from whenever there is a connection and again after each reconnect. Asked for once and without waiting for
    /// the answer: an attempt that fails leaves a queue in the client that goes on filling, so it must not be repeated.
    /// </summary>
    public async Task<ChannelMessageQueue> ListenAsync(RedisChannel channel) =>
        await (await _connecting).GetSubscriber().SubscribeAsync(channel, CommandFlags.FireAndForget);

    /// <summary>Redis answered; called after each answered command.</summary>
    public void Touch() => Volatile.Write(ref _lastContact, _time.GetTimestamp());

    public async ValueTask DisposeAsync()
    {
        try
        {
            await (await _connecting).DisposeAsync();
        }
        catch (RedisConnectionException)
        {
            // Never connected: nothing to close.
        }
    }

    private bool TryGet([NotNullWhen(true)] out ConnectionMultiplexer? multiplexer)
    {
        multiplexer = _connecting.IsCompletedSuccessfully ? _connecting.Result : null;
        return multiplexer is not null;
    }

    private async Task<ConnectionMultiplexer> ConnectAsync(ConfigurationOptions options)
    {
        var multiplexer = await ConnectionMultiplexer.ConnectAsync(options);
        multiplexer.ConnectionFailed += (_, failure) => Log.RedisLost(_logger, failure.ConnectionType, failure.FailureType);
        multiplexer.ConnectionRestored += (_, restored) =>
        {
            Log.RedisBack(_logger, restored.ConnectionType);
            Connected?.Invoke();
        };
        return multiplexer;
    }

    private static partial class Log
    {
        [LoggerMessage(2900, LogLevel.Warning, "The {Kind} connection to Redis was lost ({Reason})", EventName = "RedisLost")]
        public static partial void RedisLost(ILogger logger, ConnectionType kind, ConnectionFailureType reason);

        [LoggerMessage(2901, LogLevel.Information, "The {Kind} connection to Redis is back", EventName = "RedisBack")]
        public static partial void RedisBack(ILogger logger, ConnectionType kind);
    }
}
