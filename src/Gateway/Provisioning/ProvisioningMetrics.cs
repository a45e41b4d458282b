using System.Diagnostics.Metrics;
using System.Text.Json;

namespace Gateway.Provisioning;

/// <summary>How often workspaces are asked for, and how long making one takes.</summary>
internal sealed class ProvisioningMetrics
{
    private readonly Histogram<double> _duration;

    public ProvisioningMetrics(IMeterFactory meters) =>
        _duration = meters.Create("Gateway").CreateHistogram<double>("gateway.provisioning.duration", "s", "From asking for a user's workspace to its outcome.");

    public void Ended(ProvisionOutcome outcome, TimeSpan took) =>
        _duration.Record(took.TotalSeconds, new KeyValuePair<string, object?>("outcome", outcome is ProvisionOutcome.Refused refused ? JsonNamingPolicy.SnakeCaseLower.ConvertName(refused.Reason.ToString()) : "assigned"));
}
