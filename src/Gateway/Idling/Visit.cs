namespace Gateway.Idling;

/// <summary>One request or socket in progress on a machine. Dispose it once, when it has ended.</summary>
/// <param name="machine">The machine visited.</param>
/// <param name="socket">It stays open without data for long.</param>
/// <param name="counts">That it was begun and ended is use of the machine.</param>
/// <param name="by">What it was let in by.</param>
/// <param name="traffic">What passes on it.</param>
internal readonly struct Visit(MachineVisits machine, bool socket, bool counts, VisitCredential by, Traffic traffic) : IDisposable
{
    /// <summary>What passes on it; written by the forwarder.</summary>
    public Traffic Traffic => traffic;

    /// <summary>A stop of the machine is being decided: win it back in the session map before anything is forwarded.</summary>
    public bool GateIsClosed => machine.GateIsClosed;

    /// <summary>The machine is awake for this visit: whatever stop was being decided is over.</summary>
    public void OpenGate() => machine.OpenGate();

    /// <summary>It was forwarded, and nobody was there.</summary>
    public void NeverReached() => traffic.NeverReached = true;

    /// <summary>A socket that somebody used begins the idle time anew when it ends, however it was opened.</summary>
    public void Dispose() => machine.Leave(socket, counts || (socket && traffic.LastPassed is not null), traffic, by);
}

/// <summary>The kind of credential a visit was let in by; never the credential.</summary>
internal enum VisitCredential
{
    /// <summary>None: the gateway's own visit, as while it wakes a machine ahead.</summary>
    None,

    /// <summary>The cookie of a browser that is signed in.</summary>
    SignIn,

    /// <summary>A bearer token.</summary>
    Token,
}
