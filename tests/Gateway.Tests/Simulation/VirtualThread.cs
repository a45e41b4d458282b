using Microsoft.Extensions.Time.Testing;

namespace Gateway.Tests.Simulation;

/// <summary>
/// Runs asynchronous work on one thread with virtual time: what can go on goes on, in the order it became ready, and only when nothing can does the clock
/// move. The outcome depends on nothing but the work, however busy the machine is.
/// </summary>
internal sealed class VirtualThread : SynchronizationContext
{
    private readonly Queue<(SendOrPostCallback Callback, object? State)> _ready = new();
    private volatile Exception? _escaped;
    private readonly int _thread = Environment.CurrentManagedThreadId;

    public static void Run(FakeTimeProvider time, Func<Task> work, TimeSpan? limit = null)
    {
        var former = Current;
        var thread = new VirtualThread();
        SetSynchronizationContext(thread);
        try
        {
            thread.RunToEnd(time, work(), limit ?? TimeSpan.FromHours(4));
        }
        finally
        {
            SetSynchronizationContext(former);
        }
    }

    /// <summary>For signals that are awaited together with a limit: such waits would continue on the pool, outside virtual time.</summary>
    public static TaskCompletionSource NewSignal() =>
        new(Current is VirtualThread ? TaskCreationOptions.None : TaskCreationOptions.RunContinuationsAsynchronously);

    public override void Post(SendOrPostCallback d, object? state)
    {
        if (Environment.CurrentManagedThreadId != _thread)
        {
            _escaped ??= new InvalidOperationException("Work left the virtual thread:\n" + Environment.StackTrace);
        }

        lock (_ready)
        {
            _ready.Enqueue((d, state));
        }
    }

    public override void Send(SendOrPostCallback d, object? state)
    {
        if (Environment.CurrentManagedThreadId != _thread)
        {
            throw new InvalidOperationException("Work left the virtual thread.");
        }

        d(state);
    }

    public override SynchronizationContext CreateCopy() => this;

    private void RunToEnd(FakeTimeProvider time, Task work, TimeSpan limit)
    {
        var until = time.GetUtcNow() + limit;
        while (true)
        {
            while (TryTake(out var next))
            {
                next.Callback(next.State);
            }

            if (_escaped is { } escaped)
            {
                throw escaped;
            }

            if (work.IsCompleted)
            {
                work.GetAwaiter().GetResult();
                return;
            }

            if (time.GetUtcNow() >= until)
            {
                throw new TimeoutException($"The work had not ended after {limit} of virtual time.");
            }

            time.Advance(TimeSpan.FromMilliseconds(5));
        }
    }

    private bool TryTake(out (SendOrPostCallback Callback, object? State) next)
    {
        lock (_ready)
        {
            return _ready.TryDequeue(out next);
        }
    }
}
