using Gateway.Sessions;

namespace Gateway.Reconciling;

/// <summary>Looks every few seconds whether the map is of a new generation, and rebuilds it before anybody has to wait for it.</summary>
internal sealed partial class RebuildWatch(ISessionMap map, MapRebuild rebuild, TimeSpan every, TimeProvider time, ILogger<RebuildWatch> logger) : BackgroundService
{
    private static readonly TimeSpan LongestPause = TimeSpan.FromSeconds(60);

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        var pause = every;
        while (!stoppingToken.IsCancellationRequested)
        {
            try
            {
                pause = await LookAsync(stoppingToken) ? every : Longer(pause);
                await Task.Delay(pause, time, stoppingToken);
            }
            catch (OperationCanceledException) when (stoppingToken.IsCancellationRequested)
            {
                return;
            }
        }
    }

    // A map that is away is no failed rebuild: it is looked at again as soon as ever.
    private async Task<bool> LookAsync(CancellationToken cancellationToken)
    {
        try
        {
            return (await map.ReadGenerationAsync(cancellationToken)).Listed || await rebuild.EnsureListedAsync(cancellationToken);
        }
        catch (SessionMapUnavailableException)
        {
            return true;
        }
        catch (Exception e) when (e is not OperationCanceledException)
        {
            // A watch that ends takes the whole process with it.
            Log.Faulted(logger, e);
            return false;
        }
    }

    private static TimeSpan Longer(TimeSpan pause) => pause * 2 < LongestPause ? pause * 2 : LongestPause;

    private static partial class Log
    {
        [LoggerMessage(8006, LogLevel.Error, "Looking after the session map's generation failed in an unforeseen way", EventName = "RebuildWatchFaulted")]
        public static partial void Faulted(ILogger logger, Exception exception);
    }
}
