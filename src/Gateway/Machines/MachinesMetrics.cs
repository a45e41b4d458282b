using System.Diagnostics.Metrics;

namespace Gateway.Machines;

/// <summary>Calls of the Machines API, by what was called and what came of it.</summary>
internal sealed class MachinesMetrics(IMeterFactory meters)
{
    private readonly Histogram<double> _duration = meters.Create(GatewayTelemetry.MeterName).CreateHistogram(
        "gateway.machines.call.duration",
        "s",
        "Calls of the Machines API, their turn under the rates included.",
        advice: new InstrumentAdvice<double> { HistogramBucketBoundaries = [0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60] });

    public void Called(MachinesCall call, MachinesFailure? failure, TimeSpan duration) =>
        _duration.Record(
            duration.TotalSeconds,
            new KeyValuePair<string, object?>("call", call.ToString()),
            new KeyValuePair<string, object?>("outcome", failure is null ? "ok" : failure.Kind.ToString()));
}
