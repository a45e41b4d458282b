using System.Diagnostics.Metrics;
using Gateway.Sessions;

namespace Gateway.Operations.Costs;

/// <summary>Once a minute reads the present month's total and how many machines are awake beyond policy, for alerts. Costs by the days of the month, not by machines.</summary>
internal sealed partial class CostWatch(CostLedger costs, ILedger ledger, CostMetrics metrics, TimeProvider time, ILogger<CostWatch> logger) : BackgroundService
{
    /// <summary>How long after a machine might have been put to sleep it should be.</summary>
    public static readonly TimeSpan OverdueAfter = TimeSpan.FromMinutes(15);

    private static readonly TimeSpan Every = TimeSpan.FromMinutes(1);

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        using var timer = new PeriodicTimer(Every, time);
        do
        {
            try
            {
                await ReadAsync(stoppingToken);
            }
            catch (SessionMapUnavailableException exception)
            {
                Log.CostsNotRead(logger, exception.Message);
            }
        }
        while (await timer.WaitForNextTickAsync(stoppingToken));
    }

    internal async Task ReadAsync(CancellationToken cancellationToken)
    {
        var now = time.GetUtcNow();
        var month = await costs.TotalAsync(LedgerMonth.Of(now), cancellationToken);
        metrics.Read(month, await ledger.CountOverdueAsync(now - OverdueAfter, cancellationToken));
    }

    private static partial class Log
    {
        [LoggerMessage(9061, LogLevel.Debug, "The ledger could not be read: {Reason}", EventName = "CostsNotRead")]
        public static partial void CostsNotRead(ILogger logger, string reason);
    }
}

/// <summary>What the ledger says of all machines together; every replica says the same.</summary>
internal sealed class CostMetrics
{
    private readonly Gauge<double> _spent;
    private readonly Gauge<double> _projected;
    private readonly Gauge<double> _planned;
    private readonly Gauge<long> _overdue;

    public CostMetrics(IMeterFactory meters)
    {
        var meter = meters.Create(GatewayTelemetry.MeterName);
        _spent = meter.CreateGauge<double>("gateway.costs.spent", "{USD}", "What the present month (UTC) has cost so far, by the ledger and the section Costs.");
        _projected = meter.CreateGauge<double>("gateway.costs.projected", "{USD}", "What the present month will have cost at its end if it goes on so.");
        _planned = meter.CreateGauge<double>("gateway.costs.planned", "{USD}", "What a month is meant to cost at most (Costs:MonthPlan); 0: nothing was planned.");
        _overdue = meter.CreateGauge<long>("gateway.machines.overdue", "{machine}", "Machines that are awake although they might have been put to sleep a quarter of an hour ago or earlier.");
    }

    public void Read(MonthCosts month, long overdue)
    {
        _spent.Record((double)month.Money.Total);
        _projected.Record((double)(month.Projection ?? month.Money.Total));
        _planned.Record((double)(month.Plan ?? 0));
        _overdue.Record(overdue);
    }
}
