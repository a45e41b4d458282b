using Gateway.Machines;

namespace Gateway.Tests.Simulation;

/// <summary>How the next boots of a machine go.</summary>
internal enum BootBehaviour
{
    Healthy,
    NeverHealthy,

    /// <summary>A resume never gives a good answer, a cold start does.</summary>
    HealthyWhenCold,
    Crashes,
    RunsOutOfMemory,
}

/// <summary>One machine of the <see cref="SimulatedMachines"/>; read and changed under its lock only.</summary>
internal sealed class SimulatedMachine(MachineId id, string app, string name, string region)
{
    private const int MostEvents = 20;

    private readonly List<(DateTimeOffset At, Action<SimulatedMachine, DateTimeOffset> Step)> _ahead = [];

    public MachineId Id { get; } = id;
    public string App { get; } = app;
    public string Name { get; } = name;
    public string Region { get; } = region;
    public required MachineConfig Config { get; set; }
    public required string Version { get; set; }
    public required DateTimeOffset CreatedAt { get; init; }
    public PlatformState State { get; set; } = PlatformState.Created;
    public string? Address { get; set; }
    public bool HostFull { get; set; }
    public bool Hangs { get; set; }
    public bool HostUnreachable { get; set; }
    public BootBehaviour Boot { get; set; } = BootBehaviour.Healthy;
    public DateTimeOffset? ReadyAt { get; set; }
    public DateTimeOffset? RestingSince { get; set; }
    public DateTimeOffset? GoneAt { get; set; }
    public bool Resumes { get; set; }
    public int AcceptedStarts { get; set; }
    public int Boots { get; set; }
    public MachineLease? Lease { get; set; }
    public List<MachineEvent> Events { get; } = [];

    /// <summary>When the next thing happens to it by itself.</summary>
    public DateTimeOffset? Next => _ahead.Count == 0 ? null : _ahead.Min(step => step.At);

    public VolumeId? Volume => Config.Mounts is [var mount, ..] ? new VolumeId(mount.Volume) : null;

    public void After(DateTimeOffset now, TimeSpan delay, Action<SimulatedMachine, DateTimeOffset> step) => _ahead.Add((now + delay, step));

    public void Forget() => _ahead.Clear();

    /// <summary>Carries out what is due by now, each step at its own time.</summary>
    public void Settle(DateTimeOffset now)
    {
        while (_ahead.Count > 0)
        {
            var due = _ahead.MinBy(step => step.At);
            if (due.At > now)
            {
                return;
            }

            _ahead.Remove(due);
            due.Step(this, due.At);
        }
    }

    public Machine Describe() => new()
    {
        Id = Id,
        Name = Name,
        State = State,
        Region = Region,
        Version = Version,
        PrivateAddress = Address,
        HostUnreachable = HostUnreachable,
        Config = HostUnreachable ? null : Config with { Metadata = new(Config.Metadata ?? []) },
        CreatedAt = CreatedAt,
        Events = LatestEvents(),
    };

    /// <summary>The newest first.</summary>
    private MachineEvent[] LatestEvents()
    {
        var latest = new MachineEvent[Math.Min(Events.Count, MostEvents)];
        for (var i = 0; i < latest.Length; i++)
        {
            latest[i] = Events[^(i + 1)];
        }

        return latest;
    }
}
