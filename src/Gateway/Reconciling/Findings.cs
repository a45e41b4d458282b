using Gateway.Machines;
using Gateway.Sessions;

namespace Gateway.Reconciling;

/// <summary>Both sides of a comparison, as read one after the other: what changed in between is no drift, which is why nothing young is repaired.</summary>
internal sealed class Findings
{
    public List<(string App, Machine Machine)> Machines { get; } = [];
    public List<(string App, Volume Volume)> Volumes { get; } = [];
    public List<Session> Sessions { get; } = [];
    public Dictionary<MachineId, MachineRecord> Records { get; } = [];

    /// <summary>Apps that were read to the last page. Of another one nothing is said to be missing.</summary>
    public HashSet<string> Complete { get; } = [];

    /// <summary>Every session was read: then, and only then, a user without one has none.</summary>
    public bool AllSessions { get; set; }
}
