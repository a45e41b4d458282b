using Microsoft.Extensions.Time.Testing;

namespace Gateway.Tests.Simulation;

/// <summary>Lets virtual time pass while work goes on.</summary>
internal static class SimulatedTime
{
    private static readonly TimeSpan Step = TimeSpan.FromMilliseconds(50);

    /// <summary>Moves the clock in small steps until the task has ended, at the latest after an hour of virtual time.</summary>
    public static async Task<T> RunAsync<T>(this FakeTimeProvider time, Task<T> task)
    {
        await RunAsync(time, (Task)task);
        return await task;
    }

    /// <inheritdoc cref="RunAsync{T}(FakeTimeProvider, Task{T})"/>
    public static async Task RunAsync(this FakeTimeProvider time, Task task)
    {
        for (var step = 0; step < 72_000 && !task.IsCompleted; step++)
        {
            await SettleAsync(task);
            time.Advance(Step);
        }

        // What is left needs no more virtual time.
        await task.WaitAsync(TimeSpan.FromSeconds(30));
    }

    /// <summary>Lets everything that can go on without time passing go on.</summary>
    public static async Task SettleAsync(Task? until = null)
    {
        for (var turn = 0; turn < 30 && until is not { IsCompleted: true }; turn++)
        {
            await Task.Yield();
        }
    }
}
