using System.Collections.Concurrent;
using System.Diagnostics;
using Gateway.Machines;
using Gateway.Sessions;
using Microsoft.Extensions.Options;

namespace Gateway.Waking;

/// <summary>
/// Asked before a machine that rests, or whose update was broken off, is woken: true when that changed its record, which is then read again. It may update
/// the machine first, and must not keep it from waking.
/// </summary>
internal delegate Task<bool> PrepareMachine(MachineRecord record, UserId? user, CancellationToken cancellationToken);

/// <summary>
/// Brings machines to awake: in this replica one wake in flight for each machine, which every request for it joins and none of them cancels; across
/// replicas the owner of the <c>waking</c> record wakes and the others wait for it.
/// </summary>
internal sealed class MachineWaker(
    ISessionMap map,
    IMachines machines,
    IReadinessProbe probe,
    Replica replica,
    HeldRequests held,
    BootTimes times,
    WakingMetrics metrics,
    IOptions<WakingOptions> options,
    TimeProvider time,
    Random random,
    ILoggerFactory loggers,
    PrepareMachine? prepare = null)
{
    private readonly ConcurrentDictionary<(MachineId Machine, bool Doubted), WakeInFlight> _inFlight = new();
    private readonly WokenAlone _alone = new();
    private readonly ILogger _logger = loggers.CreateLogger<MachineWaker>();

    /// <summary>Called when this replica has brought a machine to awake. Set once, at start.</summary>
    public Action<MachineId> Woken { get; set; } = static _ => { };

    /// <summary>
    /// Answers when the machine is awake, at the latest after <paramref name="hold"/>; the wake goes on after that. Throws only the cancellation of the
    /// caller's own token.
    /// </summary>
    public Task<WakeOutcome> EnsureAwakeAsync(WakeRequest request, TimeSpan hold, CancellationToken cancellationToken) =>
        HoldAsync(request, null, hold, cancellationToken);

    /// <summary>
    /// A forward never reached the machine in <paramref name="boot"/>. If the platform still has it started in that boot, it is probed from here and nobody
    /// else's belief is touched; otherwise it is woken.
    /// </summary>
    public Task<WakeOutcome> DoubtAsync(WakeRequest request, long boot, TimeSpan hold, CancellationToken cancellationToken) =>
        HoldAsync(request, boot, hold, cancellationToken);

    /// <summary>How far the machine's wake is on this replica, or null when there is none.</summary>
    public WakeProgress? ProgressOf(MachineId machine) =>
        _inFlight.TryGetValue((machine, false), out var flight) || _inFlight.TryGetValue((machine, true), out flight) ? flight.Progress : null;

    /// <summary>Told of each wake that ended on this replica. Set once, at start.</summary>
    public Action<WakeRequest, WakeOutcome, TimeSpan> Ended { get; set; } = static (_, _, _) => { };

    private async Task<WakeOutcome> HoldAsync(WakeRequest request, long? doubted, TimeSpan hold, CancellationToken cancellationToken)
    {
        if (!held.TryEnter(request.User))
        {
            return new WakeOutcome.Refused(WakeRefusal.TooManyHeld, WakeRefusals.DetailOf(WakeRefusal.TooManyHeld), Spread(TimeSpan.FromSeconds(2)));
        }

        using var span = GatewayTelemetry.Start(GatewayTelemetry.Hold);
        try
        {
            var (flight, led) = Join(request, doubted);
            span?.SetTag("gateway.led", led);
            if (span is not null && flight.Trace is { } wake)
            {
                span.AddLink(new ActivityLink(wake.Context));
            }

            return await flight.Held.WaitAsync(hold, cancellationToken) switch
            {
                null => new WakeOutcome.Refused(WakeRefusal.HoldLimit, WakeRefusals.DetailOf(WakeRefusal.HoldLimit), Spread(TimeSpan.FromSeconds(1))),
                WakeOutcome.Awake awake => awake with { Led = led },
                var refused => refused,
            };
        }
        finally
        {
            held.Leave(request.User);
        }
    }

    private (WakeInFlight Flight, bool Led) Join(WakeRequest request, long? doubted)
    {
        var key = (request.Machine, doubted is not null);
        while (true)
        {
            if (_inFlight.TryGetValue(key, out var flight))
            {
                return (flight, false);
            }

            var mine = new WakeInFlight(map, machines, probe, replica, options.Value, time, _logger, request, doubted, _alone, times, random, prepare);
            if (_inFlight.TryAdd(key, mine))
            {
                _ = RunAsync(key, mine, request);
                return (mine, true);
            }
        }
    }

    private async Task RunAsync((MachineId Machine, bool Doubted) key, WakeInFlight flight, WakeRequest request)
    {
        var outcome = await flight.RunAsync();
        metrics.Ended(request.Cause, outcome, flight.Progress.Elapsed);
        Ended(request, outcome, flight.Progress.Elapsed);
        if (flight.HasWoken)
        {
            Woken(key.Machine);
        }

        // Before the waiting are let go, so that whoever asks again afterwards begins anew.
        _inFlight.TryRemove(new(key, flight));
        await flight.Held.ReleaseAsync(outcome);
    }

    /// <summary>Spread at random, so that all who are sent away do not come back at once.</summary>
    private TimeSpan Spread(TimeSpan least) => least + (least * 2 * random.NextDouble());
}
