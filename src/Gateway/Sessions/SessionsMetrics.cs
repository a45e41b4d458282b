using System.Diagnostics.Metrics;

namespace Gateway.Sessions;

/// <summary>What the session map's side knows.</summary>
internal sealed class SessionsMetrics
{
    private readonly Counter<long> _calls;
    private readonly Counter<long> _gaps;

    public SessionsMetrics(IMeterFactory meters)
    {
        var meter = meters.Create(GatewayTelemetry.MeterName);
        _calls = meter.CreateCounter<long>("gateway.map.calls", "{call}", "Calls of the session map, by whether Redis answered.");
        _gaps = meter.CreateCounter<long>("gateway.map.feed.gaps", "{gap}", "Times that changes may have been missed, so that routes were read again.");
    }

    public void MapCalled(bool succeeded) => _calls.Add(1, new KeyValuePair<string, object?>("outcome", succeeded ? "answered" : "unanswered"));

    public void FeedGap() => _gaps.Add(1);
}
