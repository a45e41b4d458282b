using Gateway.Machines;

namespace Gateway.Tests.Simulation;

/// <summary>Faults on demand.</summary>
internal sealed partial class SimulatedMachines
{
    private readonly List<PlannedFault> _planned = [];
    private readonly Dictionary<string, TimeSpan> _delays = [];
    private readonly Dictionary<string, BootBehaviour> _images = [];
    private readonly HashSet<string> _fullRegions = [];
    private readonly HashSet<string> _quotaRegions = [];

    /// <summary>The next calls of the action (<c>*</c>: any), of this machine or of any, fail so and are not carried out.</summary>
    public void FailNext(string action, MachinesFailure failure, int times = 1, MachineId? machine = null) => Plan(action, failure, times, machine, carriedOut: false);

    public void FailNext(string action, MachinesFailureKind kind, int times = 1, MachineId? machine = null) =>
        FailNext(action, new MachinesFailure(kind, StatusOf(kind), "simulated"), times, machine);

    /// <summary>The next calls of the action are carried out, and their answers are lost.</summary>
    public void LoseAnswerOf(string action, int times = 1, MachineId? machine = null) =>
        Plan(action, new MachinesFailure(MachinesFailureKind.Ambiguous, 0, "the answer was lost"), times, machine, carriedOut: true);

    /// <summary>Every call of the action takes this long before it is carried out.</summary>
    public void Delay(string action, TimeSpan delay) { lock (_lock) { _delays[action] = delay; } }

    public void RegionFull(string region, bool full = true) { lock (_lock) { _ = full ? _fullRegions.Add(region) : _fullRegions.Remove(region); } }

    /// <summary>The organisation's quota in the region is used up.</summary>
    public void QuotaUsedUp(string region, bool usedUp = true) { lock (_lock) { _ = usedUp ? _quotaRegions.Add(region) : _quotaRegions.Remove(region); } }

    /// <summary>All planned faults, delays and shortages of regions end.</summary>
    public void Quiet()
    {
        lock (_lock)
        {
            _planned.Clear();
            _delays.Clear();
            _fullRegions.Clear();
            _quotaRegions.Clear();
        }
    }

    /// <summary>The machine's host has no room for a start.</summary>
    public void HostFull(MachineId machine, bool full = true) => Touch(machine, (found, _) => found.HostFull = full);

    public void HostUnreachable(MachineId machine, bool unreachable = true) => Touch(machine, (found, _) => found.HostUnreachable = unreachable);

    /// <summary>A stop or suspend of it is accepted and does not end.</summary>
    public void Hang(MachineId machine) => Touch(machine, (found, _) => found.Hangs = true);

    /// <summary>How the boots of the machine go from now on.</summary>
    public void NextBoots(MachineId machine, BootBehaviour behaviour) => Touch(machine, (found, _) => found.Boot = behaviour);

    /// <summary>How every boot with this image goes, on all machines.</summary>
    public void BootsOf(string image, BootBehaviour behaviour) { lock (_lock) { _images[image] = behaviour; } }

    /// <summary>Somebody changed the configuration behind the gateway's back, at rest.</summary>
    public void Reconfigure(MachineId machine, MachineConfig config) => Touch(machine, (found, _) => found.Config = config);

    /// <summary>What the platform says of the machine from now on.</summary>
    public void SetState(MachineId machine, PlatformState state) => Touch(machine, (found, _) => found.State = state);

    /// <summary>Fly moved the machine to another host: the address is another one.</summary>
    public string Migrate(MachineId machine)
    {
        Touch(machine, (found, _) => found.Address = NewAddress());
        return Find(machine)!.PrivateAddress!;
    }

    /// <summary>The process ends by itself.</summary>
    public void Exit(MachineId machine, int exitCode, bool outOfMemory = false) =>
        Touch(machine, (found, now) => Exited(found, now, exitCode, outOfMemory, requested: false));

    /// <summary>Somebody stopped it behind the gateway's back, at once.</summary>
    public void StopBehindOurBack(MachineId machine) => Touch(machine, (found, now) => Exited(found, now, 0, outOfMemory: false, requested: true));

    /// <summary>Somebody destroyed it behind the gateway's back.</summary>
    public void DestroyBehindOurBack(MachineId machine) => Touch(machine, Destroy);

    /// <summary>The volume went into its soft deletion.</summary>
    public void DestroyVolumeBehindOurBack(VolumeId volume)
    {
        lock (_lock)
        {
            _volumes[volume] = _volumes[volume] with { State = "pending_destroy" };
        }
    }

    /// <summary>The machine's configuration is another from now on.</summary>
    public void Configure(MachineId machine, Func<MachineConfig, MachineConfig> change) => Touch(machine, (found, _) => found.Config = change(found.Config));

    /// <summary>Code in the machine rewrote its own metadata.</summary>
    public void RewriteMetadata(MachineId machine, string key, string value) =>
        Touch(machine, (found, _) => found.Config = found.Config with { Metadata = new(found.Config.Metadata ?? []) { [key] = value } });

    private void Touch(MachineId machine, Action<SimulatedMachine, DateTimeOffset> change)
    {
        TaskCompletionSource changed;
        lock (_lock)
        {
            SettleAll();
            change(_machines[machine], time.GetUtcNow());
            (changed, _changed) = (_changed, NewSignal());
        }

        changed.TrySetResult();
    }

    private void Plan(string action, MachinesFailure failure, int times, MachineId? machine, bool carriedOut)
    {
        lock (_lock)
        {
            _planned.Add(new PlannedFault(action, failure, machine, carriedOut) { Left = times });
        }
    }

    private Fault TakeFault(string action, string target)
    {
        var delay = _delays.GetValueOrDefault(action);
        var planned = _planned.Find(fault => fault.Left > 0 && (fault.Action == "*" || fault.Action == action) && (fault.Machine is null || fault.Machine.Value.Value == target));
        if (planned is null)
        {
            return new Fault(delay, null, CarriedOut: true);
        }

        planned.Left--;
        return new Fault(delay, planned.Failure, planned.CarriedOut);
    }

    private static int StatusOf(MachinesFailureKind kind) => kind switch
    {
        MachinesFailureKind.Unavailable or MachinesFailureKind.Ambiguous => 503,
        MachinesFailureKind.NotFound => 404,
        MachinesFailureKind.Forbidden or MachinesFailureKind.QuotaExceeded => 403,
        MachinesFailureKind.Invalid => 400,
        MachinesFailureKind.NotYet or MachinesFailureKind.VolumeClaimed => 412,
        MachinesFailureKind.RegionFull => 422,
        MachinesFailureKind.RateLimited => 429,
        MachinesFailureKind.NotReached => 408,
        _ => 409,
    };

    private sealed record PlannedFault(string Action, MachinesFailure Failure, MachineId? Machine, bool CarriedOut)
    {
        public int Left { get; set; }
    }

    private readonly record struct Fault(TimeSpan Delay, MachinesFailure? Failure, bool CarriedOut);
}
