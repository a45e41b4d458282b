using Gateway.Machines;

namespace Gateway.Tests.Simulation.Whole;

/// <summary>Everything that can go wrong, at moments the seed chooses. Each seed has its own temper: some are calm, so that the strictest promises apply.</summary>
internal sealed class Nemesis
{
    private static readonly string[] Actions = ["get", "get", "list", "start", "stop", "suspend", "wait", "lease", "release", "create", "volumes.create", "volumes.list", "volumes.get"];
    private static readonly string[] Changing = ["start", "start", "stop", "suspend", "create", "volumes.create", "lease"];
    private static readonly MachinesFailureKind[] Kinds = [MachinesFailureKind.Unavailable, MachinesFailureKind.RateLimited, MachinesFailureKind.Ambiguous, MachinesFailureKind.Unavailable];

    private readonly WholeSystem _system;
    private readonly List<(string Name, Action Do)> _faults;
    private readonly TimeSpan _pause;
    private bool _ended;

    public Nemesis(WholeSystem system)
    {
        _system = system;
        var all = new NemesisFaults(system, () => _ended).All;
        // A few kinds a seed, so that each is met on its own and in company.
        var temper = World.Random.NextDouble();
        _faults = temper < 0.15 ? [] : [.. all.Where(_ => World.Chance(temper))];
        _pause = TimeSpan.FromSeconds(World.Pick([25.0, 60.0, 150.0, 400.0]) / Math.Max(0.01, system.Size.Faults));
    }

    private SeededWorld World => _system.World;

    public static string AnyAction(SeededWorld world) => world.Pick(Actions);

    public static string AnyChange(SeededWorld world) => world.Pick(Changing);

    public static MachinesFailureKind AnyKind(SeededWorld world) => world.Pick(Kinds);

    public void Begin()
    {
        if (_faults.Count > 0 && _system.Size.Faults > 0)
        {
            _ = RageAsync();
        }
    }

    /// <summary>Peace: everything works again, and goes on from what was done.</summary>
    public void End()
    {
        (_ended, _system.PausesNextStop) = (true, false);
        var (redis, machines) = (_system.Redis, _system.Machines);
        (redis.IsAway, redis.LosesCalls, redis.SlowCalls) = (false, 0, 0);
        (redis.LosesMessages, redis.DelaysMessages, redis.RepeatsMessages) = (0, 0, 0);
        machines.Quiet();
        foreach (var machine in machines.Machines)
        {
            machines.HostFull(machine.Id, false);
            machines.HostUnreachable(machine.Id, false);
            machines.NextBoots(machine.Id, BootBehaviour.Healthy);
        }

        machines.ReadyDelay = TimeSpan.FromMilliseconds(800);
        foreach (var gateway in _system.Gateways)
        {
            if (gateway.IsIsolated || gateway.Context.IsPaused)
            {
                gateway.TroubledAt = World.Now;
            }

            if (gateway.Time.Skew != TimeSpan.Zero)
            {
                gateway.ClockMovedAt = World.Now;
            }

            gateway.IsIsolated = false;
            gateway.Time.Skew = TimeSpan.Zero;
            gateway.Line.Reconnect();
            if (gateway.Context.IsPaused)
            {
                gateway.Context.Resume();
            }
        }

        while (_system.Gateways.Count < _system.Size.Gateways)
        {
            _system.StartGateway();
        }
    }

    private async Task RageAsync()
    {
        while (!_ended)
        {
            await Task.Delay(World.Between(TimeSpan.Zero, _pause * 2), World.Time);
            if (_ended)
            {
                return;
            }

            var (name, fault) = World.Pick(_faults);
            _system.Tally.Count("fault: " + name);
            World.Note("fault", name);
            fault();
        }
    }
}
