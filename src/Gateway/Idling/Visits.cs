using System.Collections.Concurrent;

namespace Gateway.Idling;

/// <summary>Who is on which machine, through this replica, right now.</summary>
internal sealed class Visits(TimeProvider time)
{
    private readonly ConcurrentDictionary<MachineId, MachineVisits> _machines = new();

    /// <summary>Called with each machine that was let go of; what it counted is final. Set once at start.</summary>
    public Action<MachineVisits>? Retired { get; set; }

    /// <summary>Opens a visit, before the wake, so that nothing puts the machine to sleep meanwhile. Dispose it when the request or socket has ended.</summary>
    /// <param name="machine">The machine visited.</param>
    /// <param name="socket">It stays open without data for long.</param>
    /// <param name="counts">It is use of the machine; background polls and monitors are not.</param>
    /// <param name="dataCounts">Whether what passes on a socket is use, however that was opened.</param>
    /// <param name="by">What it was let in by.</param>
    public Visit Open(MachineId machine, bool socket, bool counts, bool dataCounts = true, VisitCredential by = VisitCredential.None)
    {
        while (true)
        {
            var visits = _machines.GetValueOrDefault(machine) ?? Add(machine);
            if (visits.TryEnter(socket, counts, by))
            {
                var traffic = counts || (socket && dataCounts) ? visits.Counted : visits.Uncounted;
                return new Visit(visits, socket, counts, by, new Traffic(time, traffic, openingIsUse: counts));
            }
        }
    }

    /// <summary>A machine was woken: its idle time runs from here, whoever it was woken for.</summary>
    public void Begin(MachineId machine) => Open(machine, socket: false, counts: true).Dispose();

    /// <summary>What is known here of a machine's visits, or null when it had none lately.</summary>
    public MachineVisits? Of(MachineId machine) => _machines.GetValueOrDefault(machine);

    /// <summary>Every machine with visits, now or lately.</summary>
    public IEnumerable<MachineVisits> All => _machines.Select(static pair => pair.Value);

    /// <summary>Requests and sockets in progress on all machines.</summary>
    public int OpenInTotal => _machines.Sum(static pair => pair.Value.Open);

    /// <summary>
    /// Closes the machine's gate, then reads its visits: true when nobody is here. A machine unknown here gets an entry with a closed gate, so that a
    /// visit which arrives a moment later finds it.
    /// </summary>
    public bool CloseGate(MachineId machine)
    {
        while (true)
        {
            var visits = _machines.GetValueOrDefault(machine) ?? Add(machine);
            if (visits.CloseGate() is { } nobodyIsHere)
            {
                return nobodyIsHere;
            }
        }
    }

    /// <summary>No stop is being decided any more.</summary>
    public void OpenGate(MachineId machine) => Of(machine)?.OpenGate();

    /// <summary>Lets go of a machine nobody is on. Its last activity is in the session map by then.</summary>
    public void Retire(MachineVisits visits)
    {
        if (visits.TryRetire())
        {
            _machines.TryRemove(new(visits.Machine, visits));
            Retired?.Invoke(visits);
        }
    }

    private MachineVisits Add(MachineId machine) =>
        _machines.GetOrAdd(machine, static (id, time) => new MachineVisits(id, time), time);
}
