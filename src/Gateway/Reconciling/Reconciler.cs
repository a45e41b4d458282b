using Gateway.Machines;
using Gateway.Sessions;
using Microsoft.Extensions.Options;

namespace Gateway.Reconciling;

/// <summary>
/// Compares the whole map with the whole platform from time to time, by listings and never by a call for each machine, and repairs what it may. One replica
/// does at a time; any other takes over.
/// </summary>
internal sealed partial class Reconciler(
    ISessionMap map,
    IVisitMap duties,
    IMachines machines,
    MachineListing listing,
    DriftFinder finder,
    DriftRepair repair,
    DriftList drifts,
    Replica replica,
    ReconcilingMetrics metrics,
    IOptions<ReconcilingOptions> options,
    TimeProvider time,
    ILogger<Reconciler> logger)
{
    private const string Duty = "reconciling";
    private const int SessionsPerPage = 200;

    /// <summary>Between pages of the map: a comparison is never urgent.</summary>
    private static readonly TimeSpan PagePause = TimeSpan.FromMilliseconds(50);

    /// <summary>One comparison, if it is time for one and this replica's turn. Null: it was not.</summary>
    public async Task<ReconcilePass?> RunIfDueAsync(CancellationToken cancellationToken)
    {
        if (await drifts.ReadPassAsync(cancellationToken) is { } last && time.GetUtcNow() - last.At < options.Value.Every)
        {
            return null;
        }

        // Held for as long as it can take: a comparison that another one overtakes would repair what the other has repaired.
        return await duties.HoldDutyAsync(Duty, replica.Name, options.Value.RebuildLimit, cancellationToken) && (await map.ReadGenerationAsync(cancellationToken)).Listed
            ? await RunAsync(cancellationToken)
            : null;
    }

    public async Task<ReconcilePass> RunAsync(CancellationToken cancellationToken)
    {
        var started = time.GetTimestamp();
        var findings = new Findings();

        // The map first: what is made while the platform is read is then a machine too many for a moment, and not a session without one.
        await ReadMapAsync(findings, cancellationToken);
        var incomplete = await ReadPlatformAsync(findings, cancellationToken);
        await LearnSizesAsync(findings, cancellationToken);
        var pass = new ReconcilePass(time.GetUtcNow(), time.GetElapsedTime(started).TotalSeconds, findings.Machines.Count, findings.Sessions.Count, findings.Volumes.Count, incomplete, replica.Name);
        var found = await drifts.MergeAsync(finder.Find(findings), pass, cancellationToken);
        metrics.Compared(found);
        foreach (var drift in found.Where(MayRepair))
        {
            await RepairAsync(drift, findings, cancellationToken);
        }

        Log.Compared(logger, pass.Machines, pass.Sessions, found.Count, pass.Seconds);
        return pass;
    }

    /// <summary>A volume that was not made here, or was found with its machine, has a size that nobody looked at yet.</summary>
    private async Task LearnSizesAsync(Findings findings, CancellationToken cancellationToken)
    {
        var sizes = findings.Volumes.DistinctBy(static found => found.Volume.Id).ToDictionary(static found => found.Volume.Id, static found => found.Volume.SizeGb);
        foreach (var session in findings.Sessions.Where(static session => session is { State: SessionState.Assigned, Volume: not null, VolumeGb: null }))
        {
            if (sizes.TryGetValue(session.Volume!.Value, out var gb))
            {
                // One that changed since it was read is looked at the next time.
                await map.WriteAsync(session with { VolumeGb = gb }, cancellationToken);
            }
        }
    }

    private bool MayRepair(Drift drift) => drift.LastSeen - drift.FirstSeen >= options.Value.Grace && drift.Repair switch
    {
        DriftRepairKind.Safe => options.Value.Repair,
        DriftRepairKind.Destroys => options.Value.Destroy,
        _ => false,
    };

    private async Task RepairAsync(Drift drift, Findings findings, CancellationToken cancellationToken)
    {
        var outcome = await repair.RunAsync(drift, findings, cancellationToken);
        Log.Repaired(logger, drift.Kind, drift.Subject, outcome);
        await drifts.SaveAsync(drift with { Outcome = outcome }, cancellationToken);
    }

    private async Task ReadMapAsync(Findings findings, CancellationToken cancellationToken)
    {
        string? after = null;
        do
        {
            var page = await map.PageAsync(after, null, SessionsPerPage, cancellationToken);
            findings.Sessions.AddRange(page.Sessions);
            List<MachineId> named = [.. page.Sessions.Select(session => session.Machine).OfType<MachineId>().Distinct().Where(machine => !findings.Records.ContainsKey(machine))];
            foreach (var record in (await map.FindMachinesAsync(named, cancellationToken)).OfType<MachineRecord>())
            {
                findings.Records[record.Machine] = record;
            }

            after = page.Next;
            await Task.Delay(PagePause, time, cancellationToken);
        }
        while (after is not null);
        findings.AllSessions = true;
    }

    private async Task<string?> ReadPlatformAsync(Findings findings, CancellationToken cancellationToken)
    {
        string? incomplete = null;
        foreach (var app in listing.Apps)
        {
            if (await listing.ReadAsync(app, machine => findings.Machines.Add((app, machine)), cancellationToken) is { } why)
            {
                incomplete = why;
                continue;
            }

            findings.Complete.Add(app);
            var volumes = await machines.ListVolumesAsync(app, cancellationToken);
            if (volumes.IsOk)
            {
                findings.Volumes.AddRange(volumes.Value.Select(volume => (app, volume)));
            }
            else
            {
                incomplete = $"{volumes.Failure.Kind}: {volumes.Failure.Message}";
            }
        }

        return incomplete;
    }

    private static partial class Log
    {
        [LoggerMessage(8010, LogLevel.Information, "Compared {Machines} machines with {Sessions} sessions: {Drift} differ, in {Seconds:0.0} s", EventName = "Reconciled")]
        public static partial void Compared(ILogger logger, int machines, int sessions, int drift, double seconds);

        [LoggerMessage(8011, LogLevel.Warning, "Drift {Kind} of {Subject} was repaired: {Outcome}", EventName = "DriftRepaired")]
        public static partial void Repaired(ILogger logger, string kind, string subject, string outcome);
    }
}

/// <summary>Looks whether it is time to compare.</summary>
internal sealed partial class ReconcileWatch(Reconciler reconciler, IOptions<ReconcilingOptions> options, TimeProvider time, ILogger<ReconcileWatch> logger) : BackgroundService
{
    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        // Often enough that another replica's end is noticed, and seldom enough to cost nothing.
        using var timer = new PeriodicTimer(options.Value.Every / 4, time);
        while (await timer.WaitForNextTickAsync(stoppingToken))
        {
            try
            {
                await reconciler.RunIfDueAsync(stoppingToken);
            }
            catch (SessionMapUnavailableException)
            {
                // Nothing to compare with.
            }
            catch (Exception e) when (e is not OperationCanceledException)
            {
                // A watch that ends takes the whole process with it.
                Log.Faulted(logger, e);
            }
        }
    }

    private static partial class Log
    {
        [LoggerMessage(8012, LogLevel.Error, "Comparing the map with the platform ended in an unforeseen way", EventName = "ReconcilingFaulted")]
        public static partial void Faulted(ILogger logger, Exception exception);
    }
}
