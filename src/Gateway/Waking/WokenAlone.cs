using System.Collections.Concurrent;

namespace Gateway.Waking;

/// <summary>
/// Machines this replica brought to awake without being able to write it down. Without this each further request would ask the platform to start them
/// again, and its rates would be all that such a machine can serve. Over as soon as the session map answers.
/// </summary>
internal sealed class WokenAlone
{
    private readonly ConcurrentDictionary<MachineId, (string Address, long Boot)> _woken = new();

    public (string Address, long Boot)? Find(MachineId machine) => _woken.TryGetValue(machine, out var woken) ? woken : null;

    public void Remember(MachineId machine, string address, long boot) => _woken[machine] = (address, boot);

    /// <summary>It was not reached in this boot; a later one stands.</summary>
    public void Forget(MachineId machine, long boot)
    {
        if (Find(machine) is { } woken && woken.Boot == boot)
        {
            _woken.TryRemove(new(machine, woken));
        }
    }

    /// <summary>The map answers, and what stands there counts.</summary>
    public void Clear()
    {
        if (!_woken.IsEmpty)
        {
            _woken.Clear();
        }
    }
}
