using System.Collections.Concurrent;
using Microsoft.Extensions.Time.Testing;

namespace Gateway.Tests.Simulation;

/// <summary>
/// Runs everything a test starts on the test's own thread, and lets virtual time pass only when nothing is left to do, so that no clock ever
/// overtakes the work it is meant to time, however slow the machine. What it runs must not leave its synchronisation context (no
/// <c>Task.Run</c>, no <c>ConfigureAwait(false)</c>).
/// </summary>
internal sealed class SimulatedWorld : SynchronizationContext
{
    private static readonly TimeSpan Step = TimeSpan.FromMilliseconds(50);

    private readonly ConcurrentQueue<(SendOrPostCallback Call, object? State)> _ready = new();

    public FakeTimeProvider Time { get; } = new();

    /// <summary>Starts work and lets it run as far as it gets without time passing.</summary>
    public T Start<T>(Func<T> work)
    {
        var before = Current;
        SetSynchronizationContext(this);
        try
        {
            var started = work();
            Drain();
            return started;
        }
        finally
        {
            SetSynchronizationContext(before);
        }
    }

    /// <summary>Runs work to its end, over as much virtual time as it takes, an hour at most.</summary>
    public T Run<T>(Func<Task<T>> work)
    {
        var task = Start(work);
        Run(() => (Task)task);
        return task.GetAwaiter().GetResult();
    }

    /// <inheritdoc cref="Run{T}(Func{Task{T}})"/>
    public void Run(Func<Task> work)
    {
        var task = Start(work);
        var until = Time.GetUtcNow() + TimeSpan.FromHours(1);
        while (!task.IsCompleted)
        {
            Assert(Time.GetUtcNow() < until, "an hour of virtual time has passed");
            Pass(Step);
        }

        task.GetAwaiter().GetResult();
    }

    /// <summary>Lets time pass, with all that happens in it.</summary>
    public void Pass(TimeSpan span, TimeSpan? inStepsOf = null)
    {
        var step = inStepsOf ?? Step;
        for (var left = span; left > TimeSpan.Zero; left -= step)
        {
            Start(() =>
            {
                Drain();
                Time.Advance(left < step ? left : step);
                return true;
            });
        }
    }

    public override void Post(SendOrPostCallback d, object? state) => _ready.Enqueue((d, state));

    public override void Send(SendOrPostCallback d, object? state) => throw new NotSupportedException();

    public override SynchronizationContext CreateCopy() => this;

    private void Drain()
    {
        var turns = 0;
        do
        {
            while (_ready.TryDequeue(out var next))
            {
                Assert(++turns < 1_000_000, "something turns in circles without time passing");
                next.Call(next.State);
            }

            // Task.WaitAsync and WhenAny pass through the thread pool when their task runs its continuations asynchronously: wait behind them.
            if (ThreadPool.PendingWorkItemCount > 0)
            {
                using var passed = new ManualResetEventSlim();
                ThreadPool.UnsafeQueueUserWorkItem(static done => done.Set(), passed, preferLocal: false);
                Assert(passed.Wait(TimeSpan.FromSeconds(60)), "the thread pool is stuck");
            }
        }
        while (!_ready.IsEmpty);
    }

    private static void Assert(bool right, string what)
    {
        if (!right)
        {
            throw new TimeoutException(what);
        }
    }
}
