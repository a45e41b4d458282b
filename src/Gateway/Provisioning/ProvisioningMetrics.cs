using System.Diagnostics.Metrics;
using System.Text.Json;

namespace Gateway.Provisioning;

/// <summary>How often workspaces are asked for, and how long making one takes.</summary>
internal sealed class ProvisioningMetrics
{
    private readonly Histogram<double> _duration;
    private readonly Counter<long> _upgrades;

    public ProvisioningMetrics(IMeterFactory meters)
    {
        var meter = meters.Create("Gateway");
        _duration = meter.CreateHistogram<double>("gateway.provisioning.duration", "s", "From asking for a user's workspace to its outcome.");
        _upgrades = meter.CreateCounter<long>("gateway.upgrades", "{upgrade}", "Machines brought to another image or size, back to an earlier one, or refused by the platform.");
    }

    public void Upgraded(string outcome) => _upgrades.Add(1, new KeyValuePair<string, object?>("outcome", outcome));

    public void Ended(ProvisionOutcome outcome, TimeSpan took) =>
        _duration.Record(took.TotalSeconds, new KeyValuePair<string, object?>("outcome", outcome is ProvisionOutcome.Refused refused ? JsonNamingPolicy.SnakeCaseLower.ConvertName(refused.Reason.ToString()) : "assigned"));
}
