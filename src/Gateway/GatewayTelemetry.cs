using System.Diagnostics;

namespace Gateway;

/// <summary>The names under which the gateway's own measurements and spans are found; ids of machines belong on a span, never on a metric.</summary>
internal static class GatewayTelemetry
{
    public const string MeterName = "Gateway";
    public const string SourceName = "Gateway";

    /// <summary>A request for a workspace, from its arrival to the end of its answer.</summary>
    public const string Request = "gateway.request";

    /// <summary>How long it was held for a wake; linked to that wake, whoever began it.</summary>
    public const string Hold = "gateway.hold";

    /// <summary>A wake, below the hold of the request that began it, or a trace of its own if that is not traced. It goes on when that request has left.</summary>
    public const string Wake = "gateway.wake";

    /// <summary>A call of the Machines API, with all its tries.</summary>
    public const string MachinesCall = "gateway.machines.call";

    /// <summary>From the connection to the workspace to the last byte of its answer.</summary>
    public const string Forward = "gateway.forward";

    public static readonly ActivitySource Source = new(SourceName);

    /// <summary>A span of the request that is traced, or null when none is.</summary>
    public static Activity? Start(string name, ActivityKind kind = ActivityKind.Internal) =>
        Activity.Current is { Recorded: true } above && above.Source == Source ? Source.StartActivity(name, kind) : null;

    /// <summary>A span of something that requests share: below the one that began it, or of its own where that is not traced, so that the others have something to link to. Null when nothing is traced at all.</summary>
    public static Activity? StartShared(string name) => Start(name) ?? Source.StartActivity(name, ActivityKind.Internal, default(ActivityContext));
}
