using System.Collections.Concurrent;
using Gateway.Sessions;
using Microsoft.Extensions.Options;

namespace Gateway.Idling;

/// <summary>Looks for machines whose time has come and puts them to sleep, and for those that were suspended for long. One replica sweeps at a time; any other takes over when it stops.</summary>
internal sealed partial class IdleSweeper(
    IVisitMap visitMap,
    ISessionMap map,
    IdleStop stop,
    LongSuspended suspended,
    Replica replica,
    IOptions<IdlingOptions> options,
    TimeProvider time,
    IdlingMetrics metrics,
    ILogger<IdleSweeper> logger) : BackgroundService
{
    private const string Duty = "idle-sweep";

    private const int StopsAtOnce = 8;

    /// <summary>The longest time to the next attempt at a machine that could not be put to sleep, in sweeps.</summary>
    private const int LongestPause = 10;

    // How often in a row each of those that are due could not be put to sleep. A replica that takes over begins anew.
    private readonly ConcurrentDictionary<MachineId, (int Times, DateTimeOffset Last)> _failures = new();

    /// <summary>Told what each attempt to put a machine to sleep came to. Set once, at start.</summary>
    public Action<MachineId, IdleStopOutcome> Decided { get; set; } = static (_, _) => { };

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        if (!options.Value.Enabled)
        {
            return;
        }

        using var timer = new PeriodicTimer(options.Value.SweepEvery, time);
        while (await timer.WaitForNextTickAsync(stoppingToken))
        {
            try
            {
                await SweepAsync(stoppingToken);
            }
            catch (SessionMapUnavailableException exception)
            {
                Log.SweepSkipped(logger, exception.Message);
            }
        }
    }

    /// <summary>One sweep: how many machines were put to sleep.</summary>
    internal async Task<int> SweepAsync(CancellationToken cancellationToken)
    {
        var lease = options.Value.SweepEvery * 2 + options.Value.ConsentGrace;
        if (!await visitMap.HoldDutyAsync(Duty, replica.Name, lease, cancellationToken))
        {
            _failures.Clear();
            return 0;
        }

        if (!await MapIsSettledAsync(cancellationToken))
        {
            return 0;
        }

        var old = time.GetUtcNow() - options.Value.SweepEvery * LongestPause * 2;
        foreach (var failure in _failures.Where(failure => failure.Value.Last < old).ToList())
        {
            _failures.TryRemove(failure);
        }

        var due = await visitMap.ReadDueAsync(time.GetUtcNow(), options.Value.StopsPerSweep, cancellationToken);
        var left = options.Value.StopsPerSweep - due.Count;
        var suspendedLong = left > 0 ? await visitMap.ReadSuspendedAsync(time.GetUtcNow() - options.Value.SuspendedFor, left, cancellationToken) : [];
        var turns = due.Select(machine => (Machine: machine, Stop: (Func<MachineId, CancellationToken, Task<IdleStopOutcome>>)StopDueAsync))
            .Concat(suspendedLong.Select(machine => (machine, (Func<MachineId, CancellationToken, Task<IdleStopOutcome>>)suspended.RunAsync)))
            .ToList();
        // Bounded here rather than by Parallel, which would leave the caller's context and with it a simulation's schedule.
        var next = 0;
        var asleep = 0;
        await Task.WhenAll(Enumerable.Range(0, Math.Min(StopsAtOnce, turns.Count)).Select(_ => StopInTurnAsync()));
        return asleep;

        async Task StopInTurnAsync()
        {
            for (int turn; (turn = Interlocked.Increment(ref next) - 1) < turns.Count;)
            {
                var (machine, stopIt) = turns[turn];
                var outcome = await stopIt(machine, cancellationToken);
                metrics.StopEnded(outcome);
                Decided(machine, outcome);
                if (outcome is IdleStopOutcome.Asleep)
                {
                    Interlocked.Increment(ref asleep);
                }
            }
        }
    }

    /// <summary>
    /// A sweep takes so many at most, first those that are due for longest. Without a pause, the machines of a host that does not answer would be tried in every
    /// sweep, and all others would stay awake for them.
    /// </summary>
    private async Task<IdleStopOutcome> StopDueAsync(MachineId machine, CancellationToken cancellationToken)
    {
        var outcome = await stop.RunAsync(machine, cancellationToken);
        if (outcome is not IdleStopOutcome.Failed)
        {
            _failures.TryRemove(machine, out _);
            return outcome;
        }

        // The first failure may have passed by the next sweep.
        var (times, _) = _failures.AddOrUpdate(machine, static (_, now) => (1, now), static (_, before, now) => (before.Times + 1, now), time.GetUtcNow());
        if (times > 1)
        {
            var pause = options.Value.SweepEvery * Math.Min(Math.Pow(2, times - 2), LongestPause);
            await visitMap.ReportAsync([new IdleReport(machine, time.GetUtcNow() + pause, DateTimeOffset.UnixEpoch)], cancellationToken);
        }

        return outcome;
    }

    /// <summary>
    /// A new map does not know whose word still counts: a replica that cannot reach it may have terminals open, and has no one to ask for its consent.
    /// Nothing is stopped until the lease of every replica that the lost map knew is over, or it has told the new one that it lives.
    /// </summary>
    private async Task<bool> MapIsSettledAsync(CancellationToken cancellationToken)
    {
        var generation = await map.ReadGenerationAsync(cancellationToken);
        return generation.Listed && time.GetUtcNow() - generation.Since >= options.Value.ReplicaLease;
    }

    private static partial class Log
    {
        [LoggerMessage(6020, LogLevel.Warning, "The sweep was skipped, the session map does not answer: {Reason}", EventName = "SweepSkipped")]
        public static partial void SweepSkipped(ILogger logger, string reason);
    }
}
