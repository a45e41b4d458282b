using System.Diagnostics;

namespace Gateway;

/// <summary>The names under which the gateway's own measurements and spans are found.</summary>
internal static class GatewayTelemetry
{
    public const string MeterName = "Gateway";
    public const string SourceName = "Gateway";

    /// <summary>Spans <c>gateway.wake</c> and <c>gateway.forward</c>; ids of users and machines belong here, never on a metric.</summary>
    public static readonly ActivitySource Source = new(SourceName);
}
