using System.Diagnostics.Metrics;

namespace Gateway.Reconciling;

/// <summary>Rebuilds of the map, and machines that prove nothing.</summary>
internal sealed class ReconcilingMetrics
{
    private readonly Histogram<double> _duration;
    private readonly Gauge<int> _drift;

    public ReconcilingMetrics(IMeterFactory meters)
    {
        var meter = meters.Create("Gateway");
        _duration = meter.CreateHistogram<double>("gateway.rebuild.duration", "s", "Time to rebuild the session map from a listing of machines.");
        _drift = meter.CreateGauge<int>("gateway.rebuild.drift", "{machine}", "Machines without a valid proof of whose they are, at the last listing.");
    }

    public void Rebuilt(TimeSpan took, int drift)
    {
        _duration.Record(took.TotalSeconds);
        _drift.Record(drift);
    }
}
