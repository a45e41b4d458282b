using System.Diagnostics.Metrics;

namespace Gateway.Idling;

/// <summary>What idling knows: visits in progress, and how stops ended.</summary>
internal sealed class IdlingMetrics
{
    private readonly Counter<long> _stops;

    public IdlingMetrics(IMeterFactory meters, Visits visits)
    {
        var meter = meters.Create(GatewayTelemetry.MeterName);
        _stops = meter.CreateCounter<long>("gateway.machine.stops", "{stop}", "Attempts to put an idle machine to sleep, or to stop one suspended for long, by outcome.");
        meter.CreateObservableUpDownCounter("gateway.visits.open", () => visits.OpenInTotal, "{visit}", "Requests and sockets in progress on all machines.");
    }

    public void StopEnded(IdleStopOutcome outcome) => _stops.Add(1, new KeyValuePair<string, object?>("outcome", outcome switch
    {
        IdleStopOutcome.Asleep => "asleep",
        IdleStopOutcome.Abandoned => "abandoned",
        IdleStopOutcome.NotAwake => "not_awake",
        IdleStopOutcome.SnapshotGivenUp => "snapshot_given_up",
        _ => "failed",
    }));
}
