using System.Diagnostics.Metrics;
using Gateway.Proxying.Sockets;

namespace Gateway.Proxying;

/// <summary>What forwarding knows.</summary>
internal sealed class ProxyingMetrics
{
    private readonly Counter<long> _forwards;
    private readonly Counter<long> _disarmed;

    public ProxyingMetrics(IMeterFactory meters, OpenSockets sockets)
    {
        var meter = meters.Create(GatewayTelemetry.MeterName);
        _forwards = meter.CreateCounter<long>("gateway.forwards", "{request}", "Requests and sockets forwarded, by outcome.");
        _disarmed = meter.CreateCounter<long>("gateway.answers.disarmed", "{answer}", "What was taken out of workspaces' answers because it would reach beyond them, by kind.");
        meter.CreateObservableUpDownCounter("gateway.websockets.open", () => sockets.Count, "{socket}", "Sockets open.");
    }

    public void Forwarded(ForwardOutcome outcome)
    {
        if (_forwards.Enabled)
        {
            _forwards.Add(1, new KeyValuePair<string, object?>("outcome", NameOf(outcome)));
        }
    }

    public void Disarmed(string kind) => _disarmed.Add(1, new KeyValuePair<string, object?>("kind", kind));

    private static string NameOf(ForwardOutcome outcome) => outcome switch
    {
        ForwardOutcome.Completed => "completed",
        ForwardOutcome.NeverReached => "never_reached",
        ForwardOutcome.Failed => "failed",
        ForwardOutcome.Silent => "silent",
        ForwardOutcome.Forbidden => "forbidden",
        ForwardOutcome.Steering => "steering",
        ForwardOutcome.BodyOverdue => "body_overdue",
        ForwardOutcome.ClientLeft => "client_left",
        _ => "drained",
    };
}
