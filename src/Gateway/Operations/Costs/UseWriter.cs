using Gateway.Sessions;

namespace Gateway.Operations.Costs;

/// <summary>Once a minute takes what the meter gathered to the ledger: one call for hundreds of machines, however much passed.</summary>
internal sealed partial class UseWriter(UseMeter meter, ILedger ledger, TimeProvider time, ILogger<UseWriter> logger) : BackgroundService
{
    private readonly Lock _lock = new();

    // Of the loop, and of the stop after it has ended.
    private long _minute = -1;
    private Task? _stopping;

    /// <summary>
    /// After the listeners have closed: what passed in the last minute is told as well, also when a connection that would not end has used up the host's time.
    /// The map bounds each call. Once, however many ask for the stop: the meter is one caller's.
    /// </summary>
    public override Task StopAsync(CancellationToken cancellationToken)
    {
        lock (_lock)
        {
            return _stopping ??= StopOnceAsync();
        }
    }

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        // In the middle of a turn, so that a timer that is a little early or late falls into the same one.
        var turn = LedgerMonth.Turn.Ticks;
        await Task.Delay(new TimeSpan(turn + (turn / 2) - (time.GetUtcNow().Ticks % turn)), time, stoppingToken);
        using var timer = new PeriodicTimer(LedgerMonth.Turn, time);
        do
        {
            await TurnAsync(stoppingToken);
        }
        while (await timer.WaitForNextTickAsync(stoppingToken));
    }

    private async Task StopOnceAsync()
    {
        await base.StopAsync(CancellationToken.None);
        meter.Turn();
        await WriteAsync(CancellationToken.None);
    }

    private async Task TurnAsync(CancellationToken cancellationToken)
    {
        var minute = time.GetUtcNow().ToUnixTimeSeconds() / 60;
        if (_minute != minute)
        {
            await WriteAsync(cancellationToken);
            _minute = minute;
        }

        meter.Turn();
    }

    private async Task WriteAsync(CancellationToken cancellationToken)
    {
        if (meter.Take() is not { Count: > 0 } uses)
        {
            return;
        }

        try
        {
            await ledger.ReportAsync(_minute < 0 ? time.GetUtcNow().ToUnixTimeSeconds() / 60 : _minute, uses, cancellationToken);
        }
        catch (SessionMapUnavailableException exception)
        {
            meter.PutBack(uses);
            Log.UseNotWritten(logger, exception.Message);
        }
    }

    private static partial class Log
    {
        [LoggerMessage(9060, LogLevel.Debug, "What passed on machines could not be written to the ledger: {Reason}", EventName = "UseNotWritten")]
        public static partial void UseNotWritten(ILogger logger, string reason);
    }
}
