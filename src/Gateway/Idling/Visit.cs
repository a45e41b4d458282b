namespace Gateway.Idling;

/// <summary>One request or socket in progress on a machine. Dispose it once, when it has ended.</summary>
internal readonly struct Visit(MachineVisits machine, bool socket, bool counts) : IDisposable
{
    /// <summary>What passes on it; written by the forwarder.</summary>
    public Traffic Traffic => counts ? machine.Counted : machine.Uncounted;

    /// <summary>A stop of the machine is being decided: win it back in the session map before anything is forwarded.</summary>
    public bool GateIsClosed => machine.GateIsClosed;

    /// <summary>The machine is awake for this visit: whatever stop was being decided is over.</summary>
    public void OpenGate() => machine.OpenGate();

    public void Dispose() => machine.Leave(socket, counts);
}
