namespace Gateway.Waking;

/// <summary>One life of one machine, at its address, for whom it is woken (null: for nobody in particular), and how densely it is to be asked.</summary>
internal readonly record struct ProbeTarget(MachineId Machine, long Boot, string Address, UserId? User, ProbePace Pace);

/// <summary>Asks the machine itself whether it is ready. A port: the real one goes over the forwarder's own connections, the simulation asks its machines.</summary>
internal interface IReadinessProbe
{
    /// <summary>
    /// Asks again and again, connecting as fast as a booting machine allows, until it gave its good answers or <paramref name="limit"/> is over.
    /// <paramref name="connected"/> is called once, when it first took a connection.
    /// </summary>
    Task<ProbeOutcome> ProbeAsync(ProbeTarget target, TimeSpan limit, Action connected, CancellationToken cancellationToken);
}

/// <summary>How far a machine came.</summary>
internal enum ProbeOutcome
{
    Ready,

    /// <summary>It took connections and gave no good answer.</summary>
    Unhealthy,

    /// <summary>It took no connection.</summary>
    Silent,
}
