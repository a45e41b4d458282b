namespace Gateway.Proxying;

/// <summary>Where a request goes: one life of one machine.</summary>
/// <param name="Machine">Names the connection pool, together with <paramref name="Boot"/>: a connection of an earlier life is never used.</param>
/// <param name="Boot">The machine's present life.</param>
/// <param name="Address">An IP literal, version 4 or 6, without port.</param>
internal readonly record struct Destination(MachineId Machine, long Boot, string Address);

/// <summary>How far a forward came.</summary>
internal enum ForwardOutcome
{
    /// <summary>The workspace's answer went to the client, whatever it said.</summary>
    Completed,

    /// <summary>No connection to the machine came about. Nothing of the request was read: it may be sent again, whatever its method.</summary>
    NeverReached,

    /// <summary>The machine took the connection and then failed; the request may have been carried out.</summary>
    Failed,

    /// <summary>The workspace was silent for longer than is allowed on this path.</summary>
    Silent,

    /// <summary>The address is one the gateway may not dial. Nothing was sent.</summary>
    Forbidden,

    /// <summary>The workspace's answer was an order to the platform's proxy; nothing of it has passed.</summary>
    Steering,

    /// <summary>The client announced a body and did not begin to send it. The machine may have seen the head.</summary>
    BodyOverdue,

    /// <summary>The client left.</summary>
    ClientLeft,

    /// <summary>The gateway is shutting down and ended it.</summary>
    Drained,
}
