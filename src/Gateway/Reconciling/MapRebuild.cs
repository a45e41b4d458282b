using Gateway.Sessions;

namespace Gateway.Reconciling;

/// <summary>
/// Fills a map that lost its memory from one complete listing of the machines, and says so in the map. Only what a machine's name and MAC prove is
/// adopted, and nothing that stands in the map is overwritten, so several replicas may do it at once. One rebuild at a time in this replica.
/// </summary>
internal sealed partial class MapRebuild(
    ISessionMap map,
    MachineListing listing,
    MachineAdoption adoption,
    TimeSpan limit,
    TimeProvider time,
    ReconcilingMetrics metrics,
    ILogger<MapRebuild> logger)
{
    private const int Parallel = 16;

    // A map that is lost again and again while it is rebuilt is left to the next attempt.
    private const int Generations = 3;

    private readonly Lock _lock = new();
    private Task<bool>? _running;

    /// <summary>True once a complete listing of machines was read since the map's last loss. Joins a rebuild that is under way; never throws but for the caller's own cancellation.</summary>
    public async Task<bool> EnsureListedAsync(CancellationToken cancellationToken)
    {
        var listed = await Join().WaitAsync(cancellationToken);

        // The rebuild ends all its callers' waits in one go; each goes on by itself.
        await Task.Yield();
        return listed;
    }

    private Task<bool> Join()
    {
        var ended = new TaskCompletionSource<bool>();
        lock (_lock)
        {
            if (_running is { } running)
            {
                return running;
            }

            _running = ended.Task;
        }

        _ = RunAsync(ended);
        return ended.Task;
    }

    private async Task RunAsync(TaskCompletionSource<bool> ended)
    {
        var listed = false;
        using var bound = new CancellationTokenSource(limit, time);
        try
        {
            for (var attempt = 0; attempt < Generations && !listed; attempt++)
            {
                var generation = await map.ReadGenerationAsync(bound.Token);
                listed = generation.Listed || await RebuildAsync(generation.Id, bound.Token);
            }
        }
        catch (SessionMapUnavailableException)
        {
            Log.MapAway(logger);
        }
        catch (OperationCanceledException)
        {
            Log.Incomplete(logger, "it took too long");
        }
        catch (IncompleteListingException e)
        {
            Log.Incomplete(logger, e.Message);
        }
        catch (Exception e)
        {
            Log.Faulted(logger, e);
        }

        lock (_lock)
        {
            _running = null;
        }

        ended.TrySetResult(listed);
    }

    private async Task<bool> RebuildAsync(string generation, CancellationToken cancellationToken)
    {
        var started = time.GetTimestamp();
        Log.Started(logger, generation);
        var found = await listing.ReadAsync(cancellationToken);
        var sessions = SessionsOf(found);
        var adopted = 0;
        await InParallelAsync(sessions, async entry =>
        {
            if (await adoption.AdoptAsync(entry.User, entry.Listed.App, entry.Listed.Machine, cancellationToken))
            {
                Interlocked.Increment(ref adopted);
            }
        });
        if (found.Incomplete is { } why)
        {
            throw new IncompleteListingException(why);
        }

        if (found.Machines.Count > 0)
        {
            // What was being made when the map was lost may still appear, and the map no longer knows that it was asked for.
            var left = WorkspaceNames.AnswerLimit - time.GetElapsedTime(started);
            await Task.Delay(left > TimeSpan.Zero ? left : TimeSpan.Zero, time, cancellationToken);
        }

        if (!await map.MarkListedAsync(generation, cancellationToken))
        {
            return false;
        }

        var took = time.GetElapsedTime(started);
        metrics.Rebuilt(took, found.Drift);
        Log.Rebuilt(logger, found.Machines.Count, adopted, found.Drift, found.Unreadable, took);
        return true;
    }

    // Two machines of one user: the older one is what a replaced machine left behind.
    private static List<(UserId User, ListedMachine Listed)> SessionsOf(Listing found) =>
        [.. found.Machines.SelectMany(listed => listed.Users.Select(user => (User: user, Listed: listed)))
            .GroupBy(entry => entry.User)
            .Select(user => user.OrderByDescending(entry => entry.Listed.Machine.CreatedAt).ThenBy(entry => entry.Listed.Machine.Id.Value, StringComparer.Ordinal).First())];

    private static async Task InParallelAsync<T>(List<T> entries, Func<T, Task> work)
    {
        var next = -1;
        await Task.WhenAll(Enumerable.Range(0, Math.Min(Parallel, entries.Count)).Select(_ => DrainAsync()));

        async Task DrainAsync()
        {
            for (var mine = Interlocked.Increment(ref next); mine < entries.Count; mine = Interlocked.Increment(ref next))
            {
                await work(entries[mine]);
            }
        }
    }

    private static partial class Log
    {
        [LoggerMessage(8001, LogLevel.Information, "The session map is new or was lost (generation {Generation}); reading all machines", EventName = "RebuildStarted")]
        public static partial void Started(ILogger logger, string generation);

        [LoggerMessage(8002, LogLevel.Information, "The session map was rebuilt: {Machines} machines, {Adopted} sessions adopted, {Drift} without a valid proof, {Unreadable} on hosts that do not answer, in {Took}", EventName = "MapRebuilt")]
        public static partial void Rebuilt(ILogger logger, int machines, int adopted, int drift, int unreadable, TimeSpan took);

        [LoggerMessage(8003, LogLevel.Warning, "The listing of machines is not complete, so no new workspaces are made: {Why}", EventName = "RebuildIncomplete")]
        public static partial void Incomplete(ILogger logger, string why);

        [LoggerMessage(8004, LogLevel.Warning, "The session map went away while it was rebuilt", EventName = "RebuildLostTheMap")]
        public static partial void MapAway(ILogger logger);

        [LoggerMessage(8005, LogLevel.Error, "Rebuilding the session map ended in an unforeseen way", EventName = "RebuildFaulted")]
        public static partial void Faulted(ILogger logger, Exception exception);
    }
}

/// <summary>Some machines could not be read: what was found is adopted, and the map stays unlisted.</summary>
internal sealed class IncompleteListingException(string message) : Exception(message);
