using Gateway.Machines;
using Gateway.Sessions;

namespace Gateway.Tests.Simulation.Whole;

/// <summary>How much of everything a run has; what a failing run is made smaller by.</summary>
/// <param name="Users">How many people.</param>
/// <param name="Gateways">How many gateways.</param>
/// <param name="Hours">How long before peace.</param>
/// <param name="Faults">How many faults, as a share of the usual.</param>
/// <param name="Everyday">People live whole days, under the idle times that the product has by default, and awake time is accounted for.</param>
internal sealed record WholeSize(int Users = 20, int Gateways = 3, double Hours = 2, double Faults = 1, bool Everyday = false);

/// <summary>What came of a run.</summary>
internal sealed record WholeResult(int Seed, WholeSize Size, string? Broken, ulong Trace, long Steps, Tally Tally, AwakeTime Awake);

/// <summary>Gateways, Redis, the platform, machines and people over one seed: two hours of their lives, then peace, and then everything has to be as it should.</summary>
internal sealed class WholeSystem : IDisposable
{
    /// <summary>Without a suffix the name is that of a user's first machine.</summary>
    private const int BaseNameLength = 23;

    private static readonly TimeSpan Look = TimeSpan.FromSeconds(15);

    private readonly Dictionary<string, UserId> _names = [];
    private readonly List<GatewayProcess> _former = [];
    private readonly People _people;
    private int _started;

    private WholeSystem(int seed, WholeSize size)
    {
        (Seed, Size) = (seed, size);
        World = new SeededWorld(seed);
        Promises = new Promises(this);
        _people = new People(this);
        World.Broken = exception => Promises.Break(5, $"nobody caught {exception}");
        Redis = new WholeRedis(World, Tally, Promises);
        Options = new WholeOptions(size.Everyday);
        Machines = new SimulatedMachines(World.Time)
        {
            CarriedOut = (action, target) =>
            {
                Promises.CarriedOut(action, target);
                Awake!.CarriedOut(action, target);
            },
        };
        Awake = new AwakeTime(this);
        Workspaces = new Workspaces(World, Machines, Promises, Awake, Tally);
        Names = new WorkspaceNames(Options.Workspaces.App, Options.Workspaces.NameKey);
        Users = [.. Enumerable.Range(0, size.Users).Select(static number => new UserId($"user-{number:00}"))];
        foreach (var user in Users)
        {
            _names[Names.MachineName(user)] = user;
        }
    }

    public int Seed { get; }

    public WholeSize Size { get; }

    public SeededWorld World { get; }

    /// <summary>Whoever ends a machine next is paused before that. Written by the nemesis and <see cref="TryPauseBeforeStop"/>.</summary>
    public bool PausesNextStop { get; set; }

    public Tally Tally { get; } = new();

    public Promises Promises { get; }

    public WholeOptions Options { get; }

    public WholeRedis Redis { get; }

    public SimulatedMachines Machines { get; }

    public Workspaces Workspaces { get; }

    public AwakeTime Awake { get; }

    public WorkspaceNames Names { get; }

    public IReadOnlyList<UserId> Users { get; }

    /// <summary>Those that live, paused ones included.</summary>
    public List<GatewayProcess> Gateways { get; } = [];

    public static string BaseName(string machineName) => machineName.Length > BaseNameLength ? machineName[..BaseNameLength] : machineName;

    public static WholeResult Run(int seed, WholeSize size, Action<string>? reader = null)
    {
        var before = SynchronizationContext.Current;
        using var system = new WholeSystem(seed, size);
        system.World.Reader = reader;
        try
        {
            SynchronizationContext.SetSynchronizationContext(system.World);
            system.Live();
        }
        catch (TimeoutException exception)
        {
            system.Promises.Break(5, exception.Message);
        }
        finally
        {
            system.World.End();
            SynchronizationContext.SetSynchronizationContext(before);
        }

        return new WholeResult(seed, size, system.Promises.Broken, system.World.Trace, system.World.Steps, system.Tally, system.Awake);
    }

    /// <summary>Whether a machine of this name was made for the user.</summary>
    public bool IsOf(UserId user, string machineName) => _names.TryGetValue(BaseName(machineName), out var owner) && owner == user;

    public GatewayProcess StartGateway()
    {
        var gateway = new GatewayProcess(this, $"gateway-{++_started}");
        Gateways.Add(gateway);
        _former.Add(gateway);
        World.Note("started", gateway.Name);
        return gateway;
    }

    public void Pause(GatewayProcess gateway, TimeSpan span)
    {
        if (gateway.Context.IsPaused)
        {
            return;
        }

        gateway.Context.Pause();
        World.After(span, () =>
        {
            gateway.TroubledAt = World.Now;
            gateway.Context.Resume();
        });
    }

    /// <summary>Pauses the gateway now that it is about to end the machine, if the nemesis wants that, for about as long as the leases that others wait for.</summary>
    public bool TryPauseBeforeStop(GatewayProcess gateway, MachineId machine)
    {
        if (!PausesNextStop)
        {
            return false;
        }

        PausesNextStop = false;
        Pause(gateway, World.Between(TimeSpan.FromSeconds(4), TimeSpan.FromSeconds(12)));
        _people.ComeBack(machine, 0.8, TimeSpan.FromSeconds(3));
        return true;
    }

    public void Kill(GatewayProcess gateway)
    {
        World.Note("killed", gateway.Name);
        Gateways.Remove(gateway);
        gateway.Die();
    }

    public void Dispose() => _former.ForEach(static gateway => gateway.Dispose());

    private void Live()
    {
        // Somebody is there already: a map lost before there is any machine cannot be told from a new installation.
        var volume = Machines.AddVolume(Options.Workspaces.App, Names.VolumeName(Users[0]));
        var name = Names.MachineName(Users[0]);
        Machines.Add(Options.Workspaces.App, name, metadata: Names.Metadata(Options.Workspaces.App, name, Users[0]), volume: volume.Id);
        for (var number = 0; number < Size.Gateways; number++)
        {
            StartGateway();
        }

        var nemesis = new Nemesis(this);
        Promises.Draining = machine => _people.ComeBack(machine, 0.15, TimeSpan.FromMilliseconds(500));
        _people.Begin();
        nemesis.Begin();
        World.Pass(TimeSpan.FromHours(Size.Hours));
        nemesis.End();
        _people.End();
        // The longest pause after failures is five minutes, and then somebody may try again.
        World.Pass(TimeSpan.FromMinutes(12));
        _people.AskOnce();
        PassUntil(() => _people.AreServed, TimeSpan.FromMinutes(15));
        _people.ExpectServed();
        // Idle, with all that can come between: a lease of a dead gateway, a stop given up, a sweep, and what a clock that was fast put off.
        PassUntil(() => Machines.Machines.All(IsAsleep), Options.Idling.AttachedFor + Options.Idling.ReplicaLease + TimeSpan.FromMinutes(20));
        // And stays so, but that a long suspended one is stopped: such a stop comes to its end.
        World.Pass(TimeSpan.FromMinutes(2));
        PassUntil(() => !Machines.Machines.Any(static machine => machine.State is PlatformState.Stopping), Options.Idling.StopGrace + Look);
        ExpectRest();
        Awake.Close();
    }

    private void PassUntil(Func<bool> isSo, TimeSpan atMost)
    {
        for (var end = World.Now + atMost.Ticks; !World.IsOver && World.Now < end && !isSo();)
        {
            World.Pass(Look);
        }
    }

    private static bool IsAsleep(Machine machine) => machine.State is PlatformState.Stopped or PlatformState.Suspended;

    /// <summary>One machine and one volume for each, and all of them asleep.</summary>
    private void ExpectRest()
    {
        if (World.IsOver)
        {
            return;
        }

        var machines = Machines.Machines;
        foreach (var machine in machines.Where(static machine => !IsAsleep(machine)))
        {
            Promises.Break(4, $"{machine.Id} of {_names[BaseName(machine.Name)]} is {machine.State} although nobody uses it; its record says {Redis.Map.Find(machine.Id)?.State}");
        }

        foreach (var user in Users)
        {
            var own = machines.Count(machine => IsOf(user, machine.Name));
            var volumes = Machines.Volumes.Count(volume => volume.Name == Names.VolumeName(user) && volume.Usable);
            if (own != 1 || volumes != 1)
            {
                Promises.Break(6, $"{user} has {own} machines and {volumes} volumes");
            }
        }
    }
}
