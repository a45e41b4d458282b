using System.Net;
using StackExchange.Redis;

namespace Gateway.Redis;

/// <summary>
/// The one connection to Redis. It is made in the background: the gateway starts, and serves what it knows, without.
/// </summary>
/// <remarks>
/// With Sentinels it is always a connection to the one server that they call the primary, and another one when they call another. The client's own way with
/// them is not taken: it reads from replicas while the primary is away, writes for ten seconds to a former primary that came back, whose writes are then
/// dropped, and does not recover from a start without Sentinels.
/// </remarks>
internal sealed partial class RedisConnection : IAsyncDisposable
{
    // How often the Sentinels are asked while all is well, and while it is not.
    private static readonly TimeSpan Calm = TimeSpan.FromMilliseconds(500);
    private static readonly TimeSpan Hurry = TimeSpan.FromMilliseconds(200);

    private readonly ConfigurationOptions _options;
    private readonly TimeProvider _time;
    private readonly ILogger<RedisConnection> _logger;
    private readonly CancellationTokenSource _ends = new();
    private readonly TaskCompletionSource _asked = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly Task _running;

    // Guards the listeners, and which connection they listen on.
    private readonly SemaphoreSlim _moving = new(1);
    private readonly List<Listener> _listeners = [];

    private volatile Line? _line;
    private long _lastContact;

    public RedisConnection(ConfigurationOptions options, TimeProvider time, ILogger<RedisConnection> logger)
    {
        (_options, _time, _logger) = (options, time, logger);
        _lastContact = time.GetTimestamp();
        _running = options.ServiceName is { Length: > 0 } name ? FollowAsync(name, _ends.Token) : HoldAsync();
        FirstAttempt = options.ServiceName is { Length: > 0 } ? _asked.Task : _running;
    }

    /// <summary>Raised, on a thread of the client's, when a connection came (back) to life: whatever was missed meanwhile is unknown.</summary>
    public event Action? Connected;

    public bool IsConnected => _line is { IsStanding: true };

    /// <summary>How long ago Redis last answered anything.</summary>
    public TimeSpan SinceContact => _time.GetElapsedTime(Volatile.Read(ref _lastContact));

    /// <summary>Commands over the multiplexer.</summary>
    /// <exception cref="TimeoutException">There is no connection yet.</exception>
    /// <exception cref="RedisConnectionException">The connection is to a server that is not the primary any more.</exception>
    public IDatabase Database => _line switch
    {
        null => throw new TimeoutException("Redis was not reached yet."),
        { IsDemoted: true } => throw new RedisConnectionException(ConnectionFailureType.UnableToConnect, CommandFlags.None, "Redis has no primary now."),
        var line => line.Multiplexer.GetDatabase(),
    };

    /// <summary>Ends with the first attempt to connect, which is bounded.</summary>
    public Task FirstAttempt { get; }

    /// <summary>
    /// The messages of a channel, one at a time, from whenever there is a connection and again after each reconnect. Asked for once and without waiting for
    /// the answer: an attempt that fails leaves a queue in the client that goes on filling, so it must not be repeated.
    /// </summary>
    public async Task ListenAsync(RedisChannel channel, Func<string, Task> hear)
    {
        await FirstAttempt;
        await _moving.WaitAsync(_ends.Token);
        try
        {
            var listener = new Listener(channel, hear);
            _listeners.Add(listener);
            if (_line is { } line)
            {
                await listener.ListenAsync(line.Multiplexer, CommandFlags.FireAndForget);
            }
        }
        finally
        {
            _moving.Release();
        }
    }

    /// <summary>Redis answered; called after each answered command.</summary>
    public void Touch() => Volatile.Write(ref _lastContact, _time.GetTimestamp());

    public async ValueTask DisposeAsync()
    {
        await _ends.CancelAsync();
        _asked.TrySetResult();
        await _running.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        if (_line is { } line)
        {
            await line.Multiplexer.DisposeAsync();
        }

        _listeners.ForEach(static listener => listener.Dispose());
        _moving.Dispose();
        _ends.Dispose();
    }

    /// <summary>One address, for good: the client connects to it again by itself.</summary>
    private async Task HoldAsync()
    {
        var multiplexer = await ConnectionMultiplexer.ConnectAsync(_options);
        Watch(multiplexer);
        _line = new Line(multiplexer, null);
    }

    /// <summary>Whichever address the Sentinels tell.</summary>
    private async Task FollowAsync(string name, CancellationToken cancellationToken)
    {
        await using var sentinels = new Sentinels(_options, _time);
        Sentinels.Primary? at = null;
        var told = true;
        while (true)
        {
            try
            {
                var primary = await sentinels.AskAsync(cancellationToken);
                if (primary is null && told)
                {
                    Log.PrimaryUnknown(_logger, name);
                }

                told = primary is not null;
                // Those of an earlier decision are believed when there is nothing to lose: Sentinels that were set up anew count from the beginning.
                if (primary is not null && (primary.Epoch >= (at?.Epoch ?? 0) || !IsConnected) && (IsAt(primary.Address) || await TryMoveAsync(primary.Address)))
                {
                    at = primary;
                }
            }
            catch (Exception exception) when (!cancellationToken.IsCancellationRequested)
            {
                Log.FollowingFaulted(_logger, exception);
            }

            _asked.TrySetResult();
            await Task.Delay(IsConnected ? Calm : Hurry, _time, cancellationToken);
        }
    }

    /// <summary>Also while that connection is down: the client makes it again.</summary>
    private bool IsAt(EndPoint address) => _line is { IsDemoted: false, Server: { } server } && server.EndPoint.Equals(address);

    private async Task<bool> TryMoveAsync(EndPoint address)
    {
        var options = _options.Clone();
        options.ServiceName = null;
        options.AbortOnConnectFail = true;
        options.EndPoints.Clear();
        options.EndPoints.Add(address);
        ConnectionMultiplexer? multiplexer = null;
        try
        {
            multiplexer = await ConnectionMultiplexer.ConnectAsync(options);
            var line = new Line(multiplexer, multiplexer.GetServer(address));
            if (!line.IsStanding)
            {
                // Not promoted yet, or not a primary any more.
                return false;
            }

            var former = await MoveAsync(line);
            multiplexer = null;
            Log.PrimaryIs(_logger, $"{address}");
            Connected?.Invoke();
            if (former is not null)
            {
                former.ConnectionFailed -= OnLost;
                former.ConnectionRestored -= OnBack;
                // What is still asked of a server that hangs is not waited for: whoever asked asks the next one.
                await former.CloseAsync(allowCommandsToComplete: false);
                await former.DisposeAsync();
            }

            return true;
        }
        catch (Exception exception) when (exception is RedisException or TimeoutException)
        {
            return false;
        }
        finally
        {
            if (multiplexer is not null)
            {
                await multiplexer.DisposeAsync();
            }
        }
    }

    /// <summary>All listen there before anything is read there: what changes after it was read is heard of.</summary>
    private async Task<ConnectionMultiplexer?> MoveAsync(Line line)
    {
        await _moving.WaitAsync();
        try
        {
            foreach (var listener in _listeners)
            {
                await listener.ListenAsync(line.Multiplexer, CommandFlags.None);
            }

            var former = _line?.Multiplexer;
            Watch(line.Multiplexer);
            _line = line;
            return former;
        }
        finally
        {
            _moving.Release();
        }
    }

    private void Watch(ConnectionMultiplexer multiplexer)
    {
        multiplexer.ConnectionFailed += OnLost;
        multiplexer.ConnectionRestored += OnBack;
    }

    private void OnLost(object? sender, ConnectionFailedEventArgs failure) => Log.RedisLost(_logger, failure.ConnectionType, failure.FailureType);

    private void OnBack(object? sender, ConnectionFailedEventArgs restored)
    {
        Log.RedisBack(_logger, restored.ConnectionType);
        Connected?.Invoke();
    }

    /// <summary>A connection, and the one server it is to where Sentinels named it.</summary>
    private sealed record Line(ConnectionMultiplexer Multiplexer, IServer? Server)
    {
        public bool IsDemoted => Server is { IsReplica: true };

        public bool IsStanding => Multiplexer.IsConnected && !IsDemoted;
    }

    /// <summary>Who wants to hear a channel, on whichever connection.</summary>
    private sealed class Listener(RedisChannel channel, Func<string, Task> hear) : IDisposable
    {
        // The queue of a connection that was left may still hold messages.
        private readonly SemaphoreSlim _one = new(1);

        public async Task ListenAsync(ConnectionMultiplexer multiplexer, CommandFlags flags) =>
            (await multiplexer.GetSubscriber().SubscribeAsync(channel, flags)).OnMessage(HearAsync);

        public void Dispose() => _one.Dispose();

        private async Task HearAsync(ChannelMessage message)
        {
            await _one.WaitAsync();
            try
            {
                await hear(message.Message.ToString());
            }
            finally
            {
                _one.Release();
            }
        }
    }

    private static partial class Log
    {
        [LoggerMessage(2900, LogLevel.Warning, "The {Kind} connection to Redis was lost ({Reason})", EventName = "RedisLost")]
        public static partial void RedisLost(ILogger logger, ConnectionType kind, ConnectionFailureType reason);

        [LoggerMessage(2901, LogLevel.Information, "The {Kind} connection to Redis is back", EventName = "RedisBack")]
        public static partial void RedisBack(ILogger logger, ConnectionType kind);

        [LoggerMessage(2903, LogLevel.Information, "The primary of Redis is {Address}", EventName = "RedisPrimaryIs")]
        public static partial void PrimaryIs(ILogger logger, string address);

        [LoggerMessage(2904, LogLevel.Warning, "No Sentinel tells of a primary named {Name}", EventName = "RedisPrimaryUnknown")]
        public static partial void PrimaryUnknown(ILogger logger, string name);

        [LoggerMessage(2905, LogLevel.Error, "Following the primary of Redis failed in an unforeseen way", EventName = "RedisFollowingFaulted")]
        public static partial void FollowingFaulted(ILogger logger, Exception exception);
    }
}
