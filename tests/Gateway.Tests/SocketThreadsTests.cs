using System.Threading.Tasks.Sources;
using Microsoft.AspNetCore.Http;
using Xunit;

namespace Gateway.Tests;

/// <summary>A thread of this test stands for one that polls sockets: whatever waits for it goes on there, if nothing says otherwise.</summary>
public sealed class SocketThreadsTests
{
    private static readonly TimeSpan Limit = TimeSpan.FromSeconds(30);

    [Fact]
    public async Task Request_that_left_goes_on_on_threads_that_may_be_blocked() =>
        Assert.Equal((true, true), await ThreadsOfAsync(static handle => SocketThreads.LeaveAsync(new DefaultHttpContext(), handle)));

    [Fact]
    public async Task Request_that_left_stays_there_beyond_what_came_back() => Assert.Equal((true, true), await ThreadsOfAsync(static handle => SocketThreads.LeaveAsync(new DefaultHttpContext(), async context =>
    {
        await SocketThreads.ReturnAsync(context, static _ => Task.CompletedTask);
        await handle(context);
    })));

    [Fact]
    public async Task Request_that_came_back_goes_on_where_it_is_completed() => Assert.Equal((true, false), await ThreadsOfAsync(static handle =>
        SocketThreads.LeaveAsync(new DefaultHttpContext(), context => SocketThreads.ReturnAsync(context, handle))));

    /// <summary>Whether threads that may be blocked run the beginning of a request, and whether they run what comes after a wait for the other thread.</summary>
    private static async Task<(bool Before, bool After)> ThreadsOfAsync(Func<RequestDelegate, Task> run)
    {
        var arrival = new Arrival();
        var (before, after) = (false, false);
        var request = run(async _ =>
        {
            before = Thread.CurrentThread.Name == SocketThreads.MayBlock;
            await new ValueTask(arrival, 0);
            after = Thread.CurrentThread.Name == SocketThreads.MayBlock;
        });
        await arrival.IsAwaited.WaitAsync(Limit, TimeProvider.System);
        new Thread(arrival.Arrive) { IsBackground = true }.Start();
        await request.WaitAsync(Limit, TimeProvider.System);
        return (before, after);
    }

    /// <summary>As a socket's read is: whoever awaits it goes on where it is completed, or where their context says.</summary>
    private sealed class Arrival : IValueTaskSource
    {
        private readonly TaskCompletionSource _awaited = new(TaskCreationOptions.RunContinuationsAsynchronously);
        private ManualResetValueTaskSourceCore<bool> _core;

        public Task IsAwaited => _awaited.Task;

        public void Arrive() => _core.SetResult(true);

        public void GetResult(short token) => _core.GetResult(token);

        public ValueTaskSourceStatus GetStatus(short token) => _core.GetStatus(token);

        public void OnCompleted(Action<object?> continuation, object? state, short token, ValueTaskSourceOnCompletedFlags flags)
        {
            _core.OnCompleted(continuation, state, token, flags);
            _awaited.SetResult();
        }
    }
}
