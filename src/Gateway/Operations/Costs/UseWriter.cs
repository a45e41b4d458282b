using Gateway.Sessions;

namespace Gateway.Operations.Costs;

/// <summary>Once a minute takes what the meter gathered to the ledger: one call for hundreds of machines, however much passed.</summary>
internal sealed partial class UseWriter(UseMeter meter, ILedger ledger, TimeProvider time, ILogger<UseWriter> logger) : BackgroundService
{
    private long _minute = -1;

    /// <summary>
    /// Not by the host's time, which a connection that would not end may have used up: what passed in the last minute is told all the same. The map bounds each call.
    /// </summary>
    public override Task StopAsync(CancellationToken cancellationToken) => base.StopAsync(CancellationToken.None);

    /// <summary>One loop, whose last turn comes after the listeners have closed: however many ask for the stop, the meter is its alone.</summary>
    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        try
        {
            await TakeTurnsAsync(stoppingToken);
        }
        catch (OperationCanceledException) when (stoppingToken.IsCancellationRequested)
        {
            // No visit is left.
        }

        meter.Turn();
        await WriteAsync(CancellationToken.None);
    }

    private async Task TakeTurnsAsync(CancellationToken stoppingToken)
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
