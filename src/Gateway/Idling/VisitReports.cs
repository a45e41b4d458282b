using Gateway.Sessions;
using Microsoft.Extensions.Options;

namespace Gateway.Idling;

/// <summary>
/// Tells the other replicas, every few seconds and in one call each, that this one lives and how long each machine is not idle as far as it sees.
/// A machine that is not visited any more is reported once and then let go.
/// </summary>
internal sealed partial class VisitReports(
    Visits visits,
    IVisitMap map,
    Consents consents,
    Replica replica,
    IOptions<IdlingOptions> options,
    TimeProvider time,
    ILogger<VisitReports> logger) : BackgroundService
{
    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        map.OnConsentAsked((machine, epoch) => consents.AnswerAsync(machine, epoch, stoppingToken));
        using var timer = new PeriodicTimer(options.Value.ReportEvery, time);
        do
        {
            try
            {
                await ReportAsync(stoppingToken);
            }
            catch (SessionMapUnavailableException exception)
            {
                Log.ReportMissed(logger, exception.Message);
            }
        }
        while (await timer.WaitForNextTickAsync(stoppingToken));
    }

    /// <summary>
    /// After the listeners have closed: no visit is left, so nobody needs to wait for this replica's consent. Said also when a connection that would not end
    /// has used up the host's time: it is one call, and the map bounds it.
    /// </summary>
    public override async Task StopAsync(CancellationToken cancellationToken)
    {
        await base.StopAsync(CancellationToken.None);
        try
        {
            if (visits.OpenInTotal == 0)
            {
                await map.SayGoodbyeAsync(replica.Name, CancellationToken.None);
            }
        }
        catch (SessionMapUnavailableException)
        {
            // The lease ends by itself.
        }
    }

    internal async Task ReportAsync(CancellationToken cancellationToken)
    {
        await map.HeartbeatAsync(replica.Name, options.Value.ReplicaLease, cancellationToken);
        var now = time.GetUtcNow();
        var known = visits.All.ToList();
        if (known.Count == 0)
        {
            return;
        }

        await HearOfOthersAsync(known, now, cancellationToken);
        var idle = known.Where(static machine => machine.Open == 0).ToList();
        // What was only polled in the background has no news: an entry of its own would begin its idle time anew with every report.
        var reports = known
            .Where(machine => machine.Requests > machine.Polls || IdleDecision.IsAttached(machine, now, options.Value) || machine.LastActivity > DateTimeOffset.UnixEpoch)
            .Select(machine => new IdleReport(machine.Machine, IdleDecision.NotIdleBefore(machine, now, options.Value), machine.LastActivity))
            .ToList();
        if (reports.Count > 0)
        {
            await map.ReportAsync(reports, cancellationToken);
        }

        foreach (var machine in idle)
        {
            machine.LetGateLapse(options.Value.GateLapses);
            visits.Retire(machine);
        }
    }

    /// <summary>Who is attached here may be at work through another replica: that is asked for when it matters, which is when the silence here comes to its end.</summary>
    private async Task HearOfOthersAsync(List<MachineVisits> known, DateTimeOffset now, CancellationToken cancellationToken)
    {
        var soon = now + (options.Value.ReportEvery * 3) - options.Value.AttachedFor;
        var ending = known.Where(machine => machine.Requests <= machine.Polls && (machine.AttachedSince <= soon || machine.LastActivity == DateTimeOffset.UnixEpoch)
            && IdleDecision.IsAttached(machine, now, options.Value)).ToList();
        if (ending.Count == 0)
        {
            return;
        }

        var heard = await map.LastActivityAsync([.. ending.Select(static machine => machine.Machine)], cancellationToken);
        for (var i = 0; i < ending.Count; i++)
        {
            ending[i].HeardOf(heard[i] ?? DateTimeOffset.UnixEpoch);
        }
    }

    private static partial class Log
    {
        [LoggerMessage(6030, LogLevel.Warning, "The visits of this replica could not be reported: {Reason}", EventName = "ReportMissed")]
        public static partial void ReportMissed(ILogger logger, string reason);
    }
}
