using System.Globalization;
using Gateway.Machines;

namespace Gateway.Tests.Simulation;

/// <summary>One call of the platform, for assertions.</summary>
internal sealed record SimulatedCall(string Action, string App, string Target, DateTimeOffset At);

/// <summary>
/// The Machines API in memory, with the platform's own rules and delays, over a <see cref="TimeProvider"/>. Nothing runs by itself: a machine's
/// state is worked out when somebody looks. Actions are named <c>list get create update start stop suspend wait lease release metadata destroy</c>
/// and <c>volumes.list volumes.get volumes.create …</c>.
/// </summary>
internal sealed partial class SimulatedMachines(TimeProvider time) : IMachines
{
    private readonly Lock _lock = new();
    private readonly Dictionary<MachineId, SimulatedMachine> _machines = [];
    private readonly Dictionary<VolumeId, Volume> _volumes = [];
    private readonly Dictionary<VolumeId, string> _volumeApps = [];
    private readonly List<SimulatedCall> _calls = [];
    private TaskCompletionSource _changed = NewSignal();
    private int _made;

    public TimeSpan CreateDelay { get; set; } = TimeSpan.FromMilliseconds(400);
    public TimeSpan StartDelay { get; set; } = TimeSpan.FromMilliseconds(600);
    public TimeSpan ResumeDelay { get; set; } = TimeSpan.FromMilliseconds(200);

    /// <summary>From started to answering on its port.</summary>
    public TimeSpan ReadyDelay { get; set; } = TimeSpan.FromMilliseconds(800);
    public TimeSpan StopDelay { get; set; } = TimeSpan.FromSeconds(1);
    public TimeSpan SuspendDelay { get; set; } = TimeSpan.FromMilliseconds(500);
    public TimeSpan UpdateDelay { get; set; } = TimeSpan.FromSeconds(1);

    /// <summary>How long a machine that just stopped still answers "still active" to a start.</summary>
    public TimeSpan StillActive { get; set; }

    /// <summary>From started to exited, when a boot crashes.</summary>
    public TimeSpan CrashDelay { get; set; } = TimeSpan.FromMilliseconds(300);
    public int PageSize { get; set; } = 100;

    /// <summary>Every call of the replica passes through it first.</summary>
    public IMachines For(SimulatedReplica replica) => new ReplicaMachines(this, replica);

    /// <summary>Told of each call that was carried out, with its action and what it was about, whether its answer arrives or not.</summary>
    public Action<string, string>? CarriedOut { get; set; }

    public IReadOnlyList<SimulatedCall> Calls { get { lock (_lock) { return [.. _calls]; } } }

    public int CallsOf(string action, MachineId? machine = null)
    {
        lock (_lock)
        {
            return _calls.Count(call => call.Action == action && (machine is null || call.Target == machine.Value.Value));
        }
    }

    /// <summary>All machines that are not destroyed.</summary>
    public IReadOnlyList<Machine> Machines => Read(() => (IReadOnlyList<Machine>)[.. Alive().Select(machine => machine.Describe())]);

    /// <summary>All volumes, whatever their state.</summary>
    public IReadOnlyList<Volume> Volumes { get { lock (_lock) { return [.. _volumes.Values]; } } }

    public Machine? Find(MachineId machine) => Read(() => _machines.GetValueOrDefault(machine)?.Describe());

    /// <summary>Starts that the platform accepted, a launch at creation included.</summary>
    public int AcceptedStarts(MachineId machine) => Read(() => _machines[machine].AcceptedStarts);

    /// <summary>Boots that came as far as started.</summary>
    public int Boots(MachineId machine) => Read(() => _machines[machine].Boots);

    /// <summary>How long it was not at rest in all, by its events: from each start to the exit or the end of the suspend that followed.</summary>
    public TimeSpan AwakeFor(MachineId machine) => Read(() =>
    {
        var (awake, since) = (TimeSpan.Zero, (DateTimeOffset?)null);
        foreach (var happened in _machines[machine].Events)
        {
            switch (happened.Type)
            {
                case "start":
                    since ??= happened.At;
                    break;
                case "exit" or "suspend" when since is { } start:
                    awake += happened.At + (happened.Type == "suspend" ? SuspendDelay : TimeSpan.Zero) - start;
                    since = null;
                    break;
            }
        }

        return awake;
    });

    /// <summary>Its workspace would answer a probe now, at this address if one is given.</summary>
    public bool IsReady(MachineId machine, string? address = null) =>
        Read(() => _machines.TryGetValue(machine, out var found) && IsReadyNow(found) && (address is null || address == found.Address));

    /// <summary>Some workspace would answer a probe at this address now.</summary>
    public bool IsReadyAt(string address) => ReadyAt(address) is not null;

    public string NameOf(MachineId machine) { lock (_lock) { return _machines[machine].Name; } }

    /// <summary>The machine whose workspace answers at this address now.</summary>
    public MachineId? ReadyAt(string address)
    {
        lock (_lock)
        {
            SettleAll();
            foreach (var machine in _machines.Values)
            {
                if (machine.Address == address && IsReadyNow(machine))
                {
                    return machine.Id;
                }
            }

            return null;
        }
    }

    /// <summary>A process runs there, whether it answers well or not.</summary>
    public bool TakesConnectionsAt(string address)
    {
        lock (_lock)
        {
            SettleAll();
            foreach (var machine in _machines.Values)
            {
                if (machine.Address == address && Runs(machine))
                {
                    return true;
                }
            }

            return false;
        }
    }

    private static bool Runs(SimulatedMachine machine) => machine is { State: PlatformState.Started, HostUnreachable: false };

    private bool IsReadyNow(SimulatedMachine machine) => Runs(machine) && machine.ReadyAt <= time.GetUtcNow();

    private IEnumerable<SimulatedMachine> Alive() => _machines.Values.Where(machine => machine.GoneAt is null);

    private T Read<T>(Func<T> read)
    {
        lock (_lock)
        {
            SettleAll();
            return read();
        }
    }

    private void SettleAll()
    {
        var now = time.GetUtcNow();
        foreach (var machine in _machines.Values)
        {
            machine.Settle(now);
        }
    }

    /// <summary>A caller that gives up does not hear the answer; what was asked for is carried out all the same.</summary>
    private Task<MachinesResult<T>> CallAsync<T>(string action, string app, string target, Func<DateTimeOffset, MachinesResult<T>> carryOut, CancellationToken cancellationToken)
    {
        cancellationToken.ThrowIfCancellationRequested();
        var answer = CarryOutAsync(action, app, target, carryOut);
        return cancellationToken.CanBeCanceled ? answer.WaitAsync(cancellationToken) : answer;
    }

    private async Task<MachinesResult<T>> CarryOutAsync<T>(string action, string app, string target, Func<DateTimeOffset, MachinesResult<T>> carryOut)
    {
        Fault fault;
        lock (_lock)
        {
            _calls.Add(new SimulatedCall(action, app, target, time.GetUtcNow()));
            fault = TakeFault(action, target);
        }

        if (fault.Delay > TimeSpan.Zero)
        {
            await Task.Delay(fault.Delay, time);
        }
        else
        {
            await Task.Yield();
        }

        if (fault is { Failure: { } failure, CarriedOut: false })
        {
            return failure;
        }

        MachinesResult<T> result;
        TaskCompletionSource changed;
        lock (_lock)
        {
            SettleAll();
            result = carryOut(time.GetUtcNow());
            (changed, _changed) = (_changed, NewSignal());
        }

        if (result.IsOk)
        {
            CarriedOut?.Invoke(action, target);
        }

        changed.TrySetResult();
        return fault.Failure is { } lost && result.IsOk ? lost : result;
    }

    private MachinesResult<SimulatedMachine> Lookup(string app, MachineId id)
    {
        if (!_machines.TryGetValue(id, out var machine) || machine.App != app || machine.GoneAt is not null)
        {
            return new MachinesFailure(MachinesFailureKind.NotFound, 404, "not_found: machine not found");
        }

        return machine;
    }

    private MachinesResult<T> Change<T>(string app, MachineId id, string? nonce, Func<SimulatedMachine, MachinesResult<T>> change)
    {
        var found = Lookup(app, id);
        if (!found.IsOk)
        {
            return found.Failure;
        }

        var machine = found.Value;

        if (machine.HostUnreachable)
        {
            return Unreachable();
        }

        // Fly refuses a stale nonce as well as a missing one while somebody holds the lease; a nonce of no current lease is refused too.
        var held = machine.Lease is { } lease && lease.ExpiresAt > time.GetUtcNow() ? lease : null;
        if (nonce != held?.Nonce)
        {
            return new MachinesFailure(MachinesFailureKind.LeaseHeld, 409, held is null ? "lease nonce is not current" : "lease currently held by another");
        }

        return change(machine);
    }

    private static MachinesFailure Unreachable() => new(MachinesFailureKind.Unavailable, 503, "host unreachable");

    private string NewVersion() => string.Create(CultureInfo.InvariantCulture, $"01SIM{++_made:D21}");

    private static TaskCompletionSource NewSignal() => new();
}
