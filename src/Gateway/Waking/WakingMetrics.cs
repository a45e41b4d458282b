using System.Diagnostics.Metrics;

namespace Gateway.Waking;

/// <summary>Wakes by cause and outcome, how long they took, and how many requests wait.</summary>
internal sealed class WakingMetrics
{
    private static readonly InstrumentAdvice<double> Seconds = new() { HistogramBucketBoundaries = [0.1, 0.25, 0.5, 1, 2, 3, 5, 8, 13, 21, 34, 60, 120] };

    private static readonly InstrumentAdvice<double> Milliseconds = new() { HistogramBucketBoundaries = [0.002, 0.005, 0.01, 0.015, 0.02, 0.03, 0.05, 0.1, 0.25, 0.5, 1] };

    private readonly Counter<long> _wakes;
    private readonly Histogram<double> _duration;
    private readonly Histogram<double> _unknown;

    public WakingMetrics(IMeterFactory meters, HeldRequests held)
    {
        var meter = meters.Create(GatewayTelemetry.MeterName);
        _wakes = meter.CreateCounter<long>("gateway.wakes", "{wake}", "Wakes ended on this replica, by cause and outcome.");
        _duration = meter.CreateHistogram("gateway.wake.duration", "s", "From the wish to a good answer of the machine.", advice: Seconds);
        _unknown = meter.CreateHistogram(
            "gateway.wake.readiness_unknown", "s", "From the last question that the machine could not answer to its good answer: the most that a wake lost by not knowing.", advice: Milliseconds);
        meter.CreateObservableUpDownCounter("gateway.requests.held", () => held.Total, "{request}", "Requests held for a machine that is not awake yet.");
    }

    public void ReadinessUnknownFor(TimeSpan time) => _unknown.Record(time.TotalSeconds);

    public void Ended(WakeCause cause, WakeOutcome outcome, TimeSpan duration)
    {
        var name = outcome is WakeOutcome.Refused refused ? WakeRefusals.NameOf(refused.Reason) : "awake";
        _wakes.Add(1, new KeyValuePair<string, object?>("cause", cause.ToString()), new KeyValuePair<string, object?>("outcome", name));
        _duration.Record(duration.TotalSeconds, new KeyValuePair<string, object?>("outcome", name));
    }
}
