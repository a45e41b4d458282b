using System.Diagnostics.Metrics;

namespace Gateway.Reconciling;

/// <summary>Rebuilds of the map, and machines that prove nothing.</summary>
internal sealed class ReconcilingMetrics
{
    private readonly Histogram<double> _duration;
    private readonly Gauge<int> _drift;
    private readonly Gauge<int> _found;
    private readonly HashSet<string> _kinds = [];

    public ReconcilingMetrics(IMeterFactory meters)
    {
        var meter = meters.Create("Gateway");
        _duration = meter.CreateHistogram<double>("gateway.rebuild.duration", "s", "Time to rebuild the session map from a listing of machines.");
        _drift = meter.CreateGauge<int>("gateway.rebuild.drift", "{machine}", "Machines without a valid proof of whose they are, at the last listing.");
        _found = meter.CreateGauge<int>("gateway.drift", "{drift}", "Differences between the session map and the platform at the last comparison of this replica.");
    }

    /// <summary>A kind that is not found any more goes back to zero. Called by one comparison at a time.</summary>
    public void Compared(IReadOnlyList<Drift> found)
    {
        _kinds.UnionWith(found.Select(drift => drift.Kind));
        foreach (var kind in _kinds)
        {
            _found.Record(found.Count(drift => drift.Kind == kind), new KeyValuePair<string, object?>("kind", kind));
        }
    }

    public void Rebuilt(TimeSpan took, int drift)
    {
        _duration.Record(took.TotalSeconds);
        _drift.Record(drift);
    }
}
