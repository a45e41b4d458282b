namespace Gateway.Tests.Simulation.Whole;

/// <summary>The clock of one gateway, which may be wrong, or of the world, which is not. What its timers call runs in the context it belongs to.</summary>
internal sealed class SeededTime(SeededWorld world, SynchronizationContext context) : TimeProvider
{
    /// <summary>How far the clock on the wall is off. Durations are measured by another clock, which is not.</summary>
    public TimeSpan Skew { get; set; }

    public override long TimestampFrequency => TimeSpan.TicksPerSecond;

    public override DateTimeOffset GetUtcNow() => world.UtcNow + Skew;

    public override long GetTimestamp() => world.Now + TimeSpan.TicksPerSecond;

    public override ITimer CreateTimer(TimerCallback callback, object? state, TimeSpan dueTime, TimeSpan period)
    {
        var timer = new SeededTimer(world, context, callback, state);
        timer.Change(dueTime, period);
        return timer;
    }
}

internal sealed class SeededTimer(SeededWorld world, SynchronizationContext context, TimerCallback callback, object? state) : ITimer
{
    private static readonly SendOrPostCallback Run = static timer => ((SeededTimer)timer!).Call();

    private readonly GatewayContext? _gateway = context as GatewayContext;
    private int _version;
    private long _period;

    public bool Change(TimeSpan dueTime, TimeSpan period)
    {
        _version++;
        _period = period > TimeSpan.Zero ? period.Ticks : 0;
        if (dueTime != Timeout.InfiniteTimeSpan)
        {
            world.Plan(dueTime.Ticks, this, _version);
        }

        return true;
    }

    public void Fire(int version)
    {
        if (version != _version || _gateway is { IsDead: true })
        {
            return;
        }

        if (_period > 0)
        {
            world.Plan(_period, this, version);
        }

        context.Post(Run, this);
    }

    public void Dispose() => _version++;

    public ValueTask DisposeAsync()
    {
        _version++;
        return default;
    }

    private void Call() => callback(state);
}

/// <summary>Where one gateway process runs. Paused, nothing of it runs; dead, nothing of it ever will.</summary>
internal sealed class GatewayContext(SeededWorld world) : SynchronizationContext
{
    private readonly List<(SendOrPostCallback Call, object? State)> _backlog = [];

    public bool IsDead { get; private set; }

    public bool IsPaused { get; private set; }

    public bool IsRunning => !IsDead && !IsPaused;

    public void Pause() => IsPaused = true;

    public void Resume()
    {
        IsPaused = false;
        foreach (var (call, state) in _backlog)
        {
            Post(call, state);
        }

        _backlog.Clear();
    }

    public void Die()
    {
        IsDead = true;
        _backlog.Clear();
    }

    public void Do(Action action) => Post(SeededWorld.Invoke, action);

    public override void Post(SendOrPostCallback d, object? state)
    {
        if (IsDead)
        {
            return;
        }

        if (IsPaused)
        {
            _backlog.Add((d, state));
            return;
        }

        world.Enqueue(this, d, state);
    }

    public override void Send(SendOrPostCallback d, object? state) => throw new NotSupportedException();

    public override SynchronizationContext CreateCopy() => this;
}
