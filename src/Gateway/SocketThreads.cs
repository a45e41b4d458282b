using System.Collections.Concurrent;

namespace Gateway;

/// <summary>
/// On which threads a request runs. It begins on the thread pool, where the server hands over what a client's connection has read. A wait for a socket of ours, the
/// workspace's or Redis's, goes on where that socket completes: on one of the threads that poll, one for each core, because another switch for each read and write
/// was a quarter of what a warm request cost. Nothing may block such a thread: its share of all sockets would stand still with it. So bytes that pass through and
/// the path of a request for a workspace go on there, which wait for nothing but sockets, the map and the platform, and never by blocking. All else leaves:
/// authentication, pages and operations may come to code that blocks, above all where the keys that protect cookies are read from Redis. They have threads of their
/// own, because the pool, where every request begins, makes only one or two more a second in the place of those that are blocked.
/// </summary>
internal static class SocketThreads
{
    /// <summary>The name of the threads that may be blocked.</summary>
    public const string MayBlock = "requests that may block";

    /// <summary>Read by the runtime once, when it makes the first socket; there is no other way to ask for it.</summary>
    private const string InlineCompletions = "DOTNET_SYSTEM_NET_SOCKETS_INLINE_COMPLETIONS";

    private static readonly OwnThreads Elsewhere = new(Math.Max(4, Environment.ProcessorCount * 2));

    /// <summary>Before the first socket is made. What whoever starts the process has set stands.</summary>
    public static void CompleteInline()
    {
        if (Environment.GetEnvironmentVariable(InlineCompletions) is null)
        {
            Environment.SetEnvironmentVariable(InlineCompletions, "1");
        }
    }

    /// <summary>Runs the rest of the pipeline, and whatever in it comes after an await, on threads that may be blocked.</summary>
    public static async Task LeaveAsync(HttpContext context, RequestDelegate next)
    {
        SynchronizationContext.SetSynchronizationContext(Elsewhere);
        await Task.Yield();
        await next(context);
    }

    /// <summary>Runs what waits and never blocks: what comes after an await in it runs where that completes.</summary>
    public static async Task ReturnAsync(HttpContext context, RequestDelegate handle)
    {
        SynchronizationContext.SetSynchronizationContext(null);
        await handle(context);
    }

    /// <summary>Every continuation that knows of it goes to one of these threads, and knows of it again.</summary>
    private sealed class OwnThreads : SynchronizationContext
    {
        // No longer than there are requests in progress, which the listeners bound.
        private readonly BlockingCollection<(SendOrPostCallback Callback, object? State)> _work = [];

        public OwnThreads(int count)
        {
            for (var thread = 0; thread < count; thread++)
            {
                new Thread(Run) { IsBackground = true, Name = MayBlock }.Start();
            }
        }

        public override void Post(SendOrPostCallback d, object? state) => _work.Add((d, state));

        public override SynchronizationContext CreateCopy() => this;

        private void Run()
        {
            foreach (var (callback, state) in _work.GetConsumingEnumerable())
            {
                SetSynchronizationContext(this);
                callback(state);
            }
        }
    }
}
