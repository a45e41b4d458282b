using Gateway.Machines;

namespace Gateway.Tests.Simulation.Whole;

/// <summary>The single faults.</summary>
internal sealed class NemesisFaults(WholeSystem system, Func<bool> isPeace)
{
    public IEnumerable<(string Name, Action Do)> All =>
    [
        ("gateway killed", Kill),
        ("gateway paused", Pause),
        ("gateway paused before a stop", () => system.PausesNextStop = true),
        ("gateway isolated", Isolate),
        ("clock jumped", JumpClock),
        ("redis line cut", CutLine),
        ("redis outage", RedisAway),
        ("redis failover", FailOver),
        ("redis flush", system.Redis.Flush),
        ("redis calls lost", () => For(45, () => system.Redis.LosesCalls = 0.15, () => system.Redis.LosesCalls = 0)),
        ("redis slow", () => For(60, () => system.Redis.SlowCalls = 0.3, () => system.Redis.SlowCalls = 0)),
        ("messages lost", () => For(120, () => system.Redis.LosesMessages = 0.4, () => system.Redis.LosesMessages = 0)),
        ("messages late", () => For(120, () => system.Redis.DelaysMessages = 0.4, () => system.Redis.DelaysMessages = 0)),
        ("messages twice", () => For(120, () => system.Redis.RepeatsMessages = 0.4, () => system.Redis.RepeatsMessages = 0)),
        ("platform errs", () => system.Machines.FailNext(Nemesis.AnyAction(World), Nemesis.AnyKind(World), World.Random.Next(1, 7))),
        ("platform refuses all", () => system.Machines.FailNext("*", Nemesis.AnyKind(World), World.Random.Next(5, 40))),
        ("answers lost", () => system.Machines.LoseAnswerOf(Nemesis.AnyChange(World), World.Random.Next(1, 3))),
        ("platform slow", SlowPlatform),
        ("host full", () => OnMachine(machine => For(120, () => system.Machines.HostFull(machine), () => system.Machines.HostFull(machine, false)))),
        ("host unreachable", () => OnMachine(Unreachable)),
        ("region full", () => For(120, () => system.Machines.RegionFull("sjc"), () => system.Machines.RegionFull("sjc", false))),
        ("quota used up", () => For(120, () => system.Machines.QuotaUsedUp("sjc"), () => system.Machines.QuotaUsedUp("sjc", false))),
        ("boots fail", () => OnMachine(BadBoots)),
        ("boots slow", () => For(180, () => system.Machines.ReadyDelay = World.Between(TimeSpan.FromSeconds(2), TimeSpan.FromSeconds(40)), () => system.Machines.ReadyDelay = TimeSpan.FromMilliseconds(800))),
        ("process ended", () => OnMachine(End)),
        ("stopped behind our back", () => OnMachine(machine => Gone(machine, () => system.Machines.StopBehindOurBack(machine)))),
        ("destroyed behind our back", Destroy),
        ("migrated", () => OnMachine(machine => Gone(machine, () => system.Machines.Migrate(machine)))),
        ("metadata forged", Forge),
    ];

    private SeededWorld World => system.World;

    private void Kill()
    {
        if (system.Gateways.Count > 0)
        {
            system.Kill(World.Pick(system.Gateways));
            World.After(World.Between(TimeSpan.FromSeconds(1), TimeSpan.FromSeconds(60)), () => _ = isPeace() ? null : system.StartGateway());
        }
    }

    private void Pause() => OnGateway(gateway => system.Pause(gateway, World.Between(TimeSpan.FromSeconds(1), TimeSpan.FromSeconds(World.Chance(0.2) ? 400 : 60))));

    private void Isolate() => OnGateway(gateway => For(60, () => gateway.IsIsolated = true, () => (gateway.IsIsolated, gateway.TroubledAt) = (false, World.Now)));

    private void JumpClock() => OnGateway(gateway => For(
        600,
        () => (gateway.Time.Skew, gateway.ClockMovedAt) = (World.Between(TimeSpan.FromMinutes(-40), TimeSpan.FromMinutes(40)), World.Now),
        () => (gateway.Time.Skew, gateway.ClockMovedAt) = (TimeSpan.Zero, World.Now)));

    private void CutLine() => OnGateway(gateway => For(
        World.Chance(0.15) ? 900 : 60,
        () =>
        {
            system.Promises.MapTroubledAt = World.Now;
            gateway.Line.Cut();
        },
        () =>
        {
            system.Promises.MapTroubledAt = gateway.TroubledAt = World.Now;
            gateway.Line.Reconnect();
        }));

    private void RedisAway() => For(
        World.Chance(0.1) ? 900 : 40,
        () => (system.Redis.IsAway, system.Promises.MapTroubledAt) = (true, World.Now),
        () =>
        {
            (system.Redis.IsAway, system.Promises.MapTroubledAt) = (false, World.Now);
            system.Gateways.ForEach(static gateway => gateway.Line.Reconnect());
        });

    private void FailOver()
    {
        var copy = system.Redis.Copy();
        World.After(World.Between(TimeSpan.FromMilliseconds(1), TimeSpan.FromSeconds(4)), () =>
        {
            if (!isPeace())
            {
                system.Redis.FailOver(copy);
            }
        });
    }

    private void SlowPlatform()
    {
        var action = Nemesis.AnyAction(World);
        For(120, () => system.Machines.Delay(action, World.Between(TimeSpan.FromSeconds(1), TimeSpan.FromSeconds(9))), () => system.Machines.Delay(action, TimeSpan.Zero));
    }

    private void Unreachable(MachineId machine) => For(
        120,
        () => Gone(machine, () => system.Machines.HostUnreachable(machine)),
        () => system.Machines.HostUnreachable(machine, false));

    private void BadBoots(MachineId machine) => For(
        240,
        () => system.Machines.NextBoots(machine, World.Pick([BootBehaviour.Crashes, BootBehaviour.NeverHealthy, BootBehaviour.RunsOutOfMemory, BootBehaviour.HealthyWhenCold])),
        () =>
        {
            system.Machines.NextBoots(machine, BootBehaviour.Healthy);
            End(machine);
        });

    private void End(MachineId machine)
    {
        if (system.Machines.Find(machine) is { State: PlatformState.Started })
        {
            Gone(machine, () => system.Machines.Exit(machine, 1, outOfMemory: World.Chance(0.3)));
        }
    }

    // Rarely: whoever lost a machine gets another, but not from a host that keeps doing it.
    private void Destroy()
    {
        if (World.Chance(0.3))
        {
            OnMachine(machine => Gone(machine, () => system.Machines.DestroyBehindOurBack(machine)));
        }
    }

    // Code in one's own machine writes the name of somebody else into its metadata.
    private void Forge() => OnMachine(machine =>
    {
        var victim = World.Pick(system.Users);
        // Even with the proof of the victim's own machine, which is one for that machine's name.
        foreach (var (key, value) in system.Names.Metadata(system.Options.Workspaces.App, system.Names.MachineName(victim), victim))
        {
            system.Machines.RewriteMetadata(machine, key + "_forged", value);
        }
    });

    private void Gone(MachineId machine, Action how)
    {
        how();
        system.Workspaces.Cut(machine);
    }

    private void OnGateway(Action<GatewayProcess> what)
    {
        if (system.Gateways.Count > 0)
        {
            what(World.Pick(system.Gateways));
        }
    }

    private void OnMachine(Action<MachineId> what)
    {
        if (system.Machines.Machines is { Count: > 0 } machines)
        {
            what(World.Pick(machines).Id);
        }
    }

    private void For(double seconds, Action begin, Action end)
    {
        begin();
        World.After(World.Between(TimeSpan.FromSeconds(0.1), TimeSpan.FromSeconds(seconds)), () =>
        {
            if (!isPeace())
            {
                end();
            }
        });
    }
}
