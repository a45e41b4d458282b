using System.Globalization;

namespace Gateway.Sessions;

/// <summary>
/// Hears of changes to records. The feed loses messages, so every message carries the map-wide sequence and somebody repeats it each second: a gap, three
/// seconds of silence or a new connection means that changes may have been missed.
/// </summary>
internal sealed partial class ChangeFeed(
    IChangeChannel channel,
    SessionsMetrics metrics,
    TimeProvider time,
    Random random,
    ILogger<ChangeFeed> logger) : BackgroundService
{
    private const string BeatKind = "beat";

    // Often enough that a lost message is made up for with time left to close what it was about: two seconds are promised for both.
    private static readonly TimeSpan LongestQuiet = TimeSpan.FromMilliseconds(900);
    private static readonly TimeSpan Again = TimeSpan.FromMilliseconds(250);
    private static readonly TimeSpan LongestSilence = TimeSpan.FromSeconds(3);

    // Of the subscription alone, whose messages come one at a time.
    private long _sequence = -1;
    private long _lastHeard = time.GetTimestamp();

    // Written by the client's thread that connects and by the subscription; 0: never.
    private long _mayHaveFailedOver;

    // Of the loop below alone.
    private long _lastDoubt = time.GetTimestamp();

    public event Action<UserId, long>? SessionChanged;

    public event Action<MachineId, long>? MachineChanged;

    /// <summary>A change of a kind that is not the map's own, and what it is about.</summary>
    public event Action<string, string>? OtherChanged;

    /// <summary>Changes may have been missed: nothing known is certain until it is read again.</summary>
    public event Action? Missed;

    /// <summary>
    /// How long ago Redis may last have failed over to a copy without its latest writes: a connection to it was made anew, as a failover does to all of
    /// them, or the sequence went back. <see cref="TimeSpan.MaxValue"/>: not since this replica started.
    /// </summary>
    public TimeSpan SinceFailover => Volatile.Read(ref _mayHaveFailedOver) is var at and not 0 ? time.GetElapsedTime(at) : TimeSpan.MaxValue;

    /// <summary>The first requests find Redis connected, if it can be; without it the gateway starts all the same.</summary>
    public override async Task StartAsync(CancellationToken cancellationToken)
    {
        await Task.WhenAny(channel.FirstAttemptAsync(), Task.Delay(LongestSilence, time, cancellationToken));
        await base.StartAsync(cancellationToken);
    }

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        channel.Connected += OnFailover;
        await channel.ListenAsync(Hear).WaitAsync(stoppingToken);
        while (true)
        {
            try
            {
                await LookAsync(stoppingToken);
            }
            catch (SessionMapUnavailableException exception)
            {
                Log.FeedUnreachable(logger, exception.Message);
            }

            await Task.Delay(UntilNextLook(), time, stoppingToken);
        }
    }

    /// <summary>All replicas heard the last message at the same moment. The first to look again speaks for all, so they must not look in step.</summary>
    private TimeSpan UntilNextLook()
    {
        var left = LongestQuiet - time.GetElapsedTime(Volatile.Read(ref _lastHeard));
        return left > TimeSpan.Zero ? left + (Again * random.NextDouble()) : Again;
    }

    /// <summary>Repeats the sequence when nobody else did: a replica that heard a message lately stays quiet.</summary>
    private Task LookAsync(CancellationToken cancellationToken)
    {
        var silence = time.GetElapsedTime(Volatile.Read(ref _lastHeard));
        // Again and again while it lasts: what is read in a silence may change unheard like what was read before it.
        if (silence > LongestSilence && time.GetElapsedTime(_lastDoubt) > LongestSilence)
        {
            _lastDoubt = time.GetTimestamp();
            OnMissed();
        }

        return silence >= LongestQuiet ? channel.BeatAsync(cancellationToken) : Task.CompletedTask;
    }

    /// <summary>Shape: <c>sequence|kind|epoch|id</c>; the id comes last, because a user's name may hold anything.</summary>
    internal void Hear(string message)
    {
        var id = message.AsSpan();
        if (!TryCut(ref id, out var first)
            || !TryCut(ref id, out var kind)
            || !TryCut(ref id, out var third)
            || !long.TryParse(first, NumberStyles.None, CultureInfo.InvariantCulture, out var sequence)
            || !long.TryParse(third, NumberStyles.None, CultureInfo.InvariantCulture, out var epoch))
        {
            return;
        }

        // A replica whose peers beat, and whose routes are all warm, hears of Redis by this alone.
        channel.Touch();
        Volatile.Write(ref _lastHeard, time.GetTimestamp());
        var isFirst = _sequence < 0;
        var expected = kind is BeatKind ? _sequence : _sequence + 1;
        _sequence = sequence;
        if (sequence < expected)
        {
            OnFailover();
        }
        else if (isFirst || sequence != expected)
        {
            // The first message says that the subscription stands; what happened until now went by unheard.
            OnMissed();
        }

        switch (kind)
        {
            case BeatKind:
                break;
            case RedisSessionMap.SessionKind:
                SessionChanged?.Invoke(new UserId(id.ToString()), epoch);
                break;
            case RedisSessionMap.MachineKind:
                MachineChanged?.Invoke(new MachineId(id.ToString()), epoch);
                break;
            default:
                OtherChanged?.Invoke(kind.ToString(), id.ToString());
                break;
        }
    }

    /// <summary>The part before the next bar; what is left is what comes after it.</summary>
    private static bool TryCut(ref ReadOnlySpan<char> rest, out ReadOnlySpan<char> part)
    {
        var bar = rest.IndexOf('|');
        part = bar < 0 ? default : rest[..bar];
        rest = rest[(bar + 1)..];
        return bar >= 0;
    }

    private void OnFailover()
    {
        Volatile.Write(ref _mayHaveFailedOver, time.GetTimestamp());
        OnMissed();
    }

    private void OnMissed()
    {
        metrics.FeedGap();
        Missed?.Invoke();
    }

    private static partial class Log
    {
        [LoggerMessage(2100, LogLevel.Debug, "The change feed is out of reach: {Reason}", EventName = "FeedUnreachable")]
        public static partial void FeedUnreachable(ILogger logger, string reason);
    }
}
