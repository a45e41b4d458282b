using System.Collections.Concurrent;

namespace Gateway.Tests.Machines;

/// <summary>
/// A clock on which a pause shorter than <see cref="Skips"/> is over at once and time has moved on by it; a longer one never ends. Nothing has to be
/// advanced at the right moment, so nothing can be advanced at the wrong one.
/// </summary>
internal sealed class SkippingTime : TimeProvider
{
    private readonly Lock _lock = new();
    private TimeSpan _passed;

    /// <summary>Tries time out after longer than this, pauses between them are shorter.</summary>
    public TimeSpan Skips { get; set; } = TimeSpan.FromSeconds(5);

    /// <summary>The pauses that were skipped, in order.</summary>
    public ConcurrentQueue<TimeSpan> Pauses { get; } = [];

    /// <summary>The times that a timer was set to and has not come to.</summary>
    public ConcurrentQueue<TimeSpan> Limits { get; } = [];

    public override long TimestampFrequency => TimeSpan.TicksPerSecond;

    public override DateTimeOffset GetUtcNow() => new DateTimeOffset(2026, 1, 1, 0, 0, 0, TimeSpan.Zero) + Passed;

    public override long GetTimestamp() => Passed.Ticks;

    public void Pass(TimeSpan time)
    {
        lock (_lock)
        {
            _passed += time;
        }
    }

    public override ITimer CreateTimer(TimerCallback callback, object? state, TimeSpan dueTime, TimeSpan period)
    {
        var timer = new Timer(this, callback, state);
        timer.Change(dueTime, period);
        return timer;
    }

    private TimeSpan Passed
    {
        get
        {
            lock (_lock)
            {
                return _passed;
            }
        }
    }

    private sealed class Timer(SkippingTime time, TimerCallback callback, object? state) : ITimer
    {
        private volatile bool _disposed;

        public bool Change(TimeSpan dueTime, TimeSpan period)
        {
            if (dueTime < TimeSpan.Zero)
            {
                return true;
            }

            if (dueTime >= time.Skips)
            {
                time.Limits.Enqueue(dueTime);
                return true;
            }

            time.Pauses.Enqueue(dueTime);
            time.Pass(dueTime);
            ThreadPool.QueueUserWorkItem(_ =>
            {
                if (!_disposed)
                {
                    callback(state);
                }
            });
            return true;
        }

        public void Dispose() => _disposed = true;

        public ValueTask DisposeAsync()
        {
            _disposed = true;
            return default;
        }
    }
}
