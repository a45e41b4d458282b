using Gateway.Idling;
using Gateway.Sessions;

namespace Gateway.Operations;

/// <summary>Every few seconds takes what this replica gathered, and what it has open on machines, to the session map: a few calls, however many requests there were.</summary>
internal sealed partial class TrailWriter(
    Trail trail,
    IRouteHistory history,
    Visits visits,
    Replica replica,
    TimeProvider time,
    ILogger<TrailWriter> logger) : BackgroundService
{
    private const int MachinesAtOnce = 500;

    private static readonly TimeSpan Every = TimeSpan.FromSeconds(3);
    private static readonly TimeSpan RepeatAfter = TimeSpan.FromMinutes(1);

    // Of the loop alone.
    private Dictionary<MachineId, (long ToClient, long ToWorkspace)> _passed = [];
    private HashSet<MachineId> _open = [];

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        using var timer = new PeriodicTimer(Every, time);
        while (await timer.WaitForNextTickAsync(stoppingToken))
        {
            try
            {
                await WriteAsync(stoppingToken);
            }
            catch (SessionMapUnavailableException exception)
            {
                Log.TrailNotWritten(logger, exception.Message);
            }
        }
    }

    internal async Task WriteAsync(CancellationToken cancellationToken)
    {
        var known = visits.All.ToList();
        NoteFrames(known);
        await ReportVisitsAsync(known, cancellationToken);
        var causes = trail.Take(RepeatAfter);
        if (causes.Count > 0)
        {
            await history.AppendAsync(causes, cancellationToken);
        }
    }

    /// <summary>A socket is opened once and used for hours: that it is, and in which direction, shows in what has passed since the last turn.</summary>
    private void NoteFrames(List<MachineVisits> known)
    {
        var passed = new Dictionary<MachineId, (long, long)>(known.Count);
        foreach (var machine in known)
        {
            var now = (machine.Counted.BytesToClient, machine.Counted.BytesToWorkspace);
            if (machine.Sockets > 0 && _passed.TryGetValue(machine.Machine, out var before))
            {
                Note(machine.Machine, "frame_to_client", now.BytesToClient > before.ToClient);
                Note(machine.Machine, "frame_to_workspace", now.BytesToWorkspace > before.ToWorkspace);
            }

            passed[machine.Machine] = now;
        }

        _passed = passed;
    }

    private void Note(MachineId machine, string what, bool passed)
    {
        if (passed)
        {
            trail.Repeat(machine, "use", what, null);
        }
    }

    private async Task ReportVisitsAsync(List<MachineVisits> known, CancellationToken cancellationToken)
    {
        var now = time.GetUtcNow();
        var open = known.Where(static machine => machine.Open > 0)
            .Select(machine => new OpenVisits(machine.Machine, replica.Name, machine.Requests, machine.Lasting, machine.LastActivity, now, machine.BySignIn, machine.ByToken)).ToList();
        var still = open.Select(static machine => machine.Machine).ToHashSet();
        var left = _open.Except(still).Select(machine => new OpenVisits(machine, replica.Name, 0, 0, now, now));
        foreach (var some in open.Concat(left).Chunk(MachinesAtOnce))
        {
            await history.ReportVisitsAsync(replica.Name, some, cancellationToken);
        }

        _open = still;
    }

    private static partial class Log
    {
        [LoggerMessage(9020, LogLevel.Debug, "The causes gathered could not be written: {Reason}", EventName = "TrailNotWritten")]
        public static partial void TrailNotWritten(ILogger logger, string reason);
    }
}
