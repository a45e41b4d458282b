using Gateway.Idling;
using Gateway.Waking;

namespace Gateway;

/// <summary>
/// Brings the machine of a visit to awake. A visit that found the gate closed came while a stop was being decided, and goes on only when the machine was
/// won back from that stop for certain.
/// </summary>
internal sealed class VisitWaker(MachineWaker waker, TimeProvider time)
{
    private static readonly TimeSpan Soon = TimeSpan.FromSeconds(2);

    /// <param name="visit">Opened already, so that nothing stops the machine from here on.</param>
    /// <param name="wake">Which machine, for whom.</param>
    /// <param name="hold">How long the caller waits.</param>
    /// <param name="cancellationToken">Ends the caller's wait, not the wake.</param>
    public async Task<WakeOutcome> EnsureAwakeAsync(Visit visit, WakeRequest wake, TimeSpan hold, CancellationToken cancellationToken)
    {
        var started = time.GetTimestamp();
        while (true)
        {
            var draining = visit.GateIsClosed;
            var outcome = await waker.EnsureAwakeAsync(wake, hold - time.GetElapsedTime(started), cancellationToken);
            if (outcome is not WakeOutcome.Awake awake)
            {
                return outcome;
            }

            if (draining && visit.GateIsClosed)
            {
                if (awake.Alone)
                {
                    // The stop may be under way where we cannot see it.
                    awake.Answered();
                    return new WakeOutcome.Refused(WakeRefusal.MapUnavailable, WakeRefusals.DetailOf(WakeRefusal.MapUnavailable), Soon);
                }

                if (!awake.Led)
                {
                    // A wake that began before the gate closed may have read the record before the drain.
                    awake.Answered();
                    continue;
                }
            }

            visit.OpenGate();
            return awake;
        }
    }
}
