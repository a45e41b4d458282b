using System.Net;
using System.Text.Json.Nodes;

namespace MachinesSimulator;

/// <summary>What happens to a machine over time: it boots, runs, stops, is frozen and thawed. Each transition belongs to one life of the machine and ends when that is over.</summary>
internal sealed class MachineLife(SimulatorOptions options, EchoWorkspace echo, Lock gate, Func<SimulatedVolume, string> folderOf, Func<string, SimulatedVolume?> volumeOf, Action changed)
{
    private static readonly TimeSpan Poll = TimeSpan.FromMilliseconds(5);

    private DateTimeOffset Now => options.Time.GetUtcNow();

    /// <summary>Begins to boot; the machine is <c>starting</c> when this returns.</summary>
    public void Boot(SimulatedMachine machine)
    {
        int life;
        lock (gate)
        {
            life = ++machine.Life;
            machine.Starts++;
            machine.Requests = 0;
            machine.State = "starting";
            machine.Add("start", "starting", Now);
            Show(machine, FrontMode.Silent);
        }

        changed();
        _ = BootAsync(machine, life);
    }

    /// <summary>Begins to thaw a suspended machine; what ran in it goes on.</summary>
    public void Resume(SimulatedMachine machine)
    {
        int life;
        lock (gate)
        {
            life = ++machine.Life;
            machine.Starts++;
            machine.State = "starting";
            machine.Add("start", "starting", Now);
        }

        changed();
        _ = Run(machine, life, async () =>
        {
            await Delay(options.Delays.Resume);
            if (machine.Process is { } process)
            {
                process.Thaw();
                Reach(machine, life, "started", "start", FrontMode.Open, process.Listens);
                Watch(machine, life, process);
            }
            else
            {
                Reach(machine, life, "started", "start", FrontMode.Open, echo.Listens);
            }
        });
    }

    public void Stop(SimulatedMachine machine, TimeSpan grace)
    {
        var (life, process) = Leave(machine, "stopping", "stop");
        _ = Run(machine, life, async () =>
        {
            var stopping = process is null ? Task.CompletedTask : process.StopAsync(grace, options.Time);
            await Delay(options.Delays.Stop);
            await stopping;
            await DropProcessAsync(machine, process);
            Reach(machine, life, "stopped", "exit", FrontMode.Refuse, exit: Exit(0, requested: true));
        });
    }

    public void Suspend(SimulatedMachine machine)
    {
        var (life, process) = Leave(machine, "suspending", "suspend");
        process?.Freeze();
        _ = Run(machine, life, async () =>
        {
            await Delay(options.Delays.Suspend);
            Reach(machine, life, "suspended", "suspend", FrontMode.Silent);
        });
    }

    /// <summary>The whole configuration is replaced: a running machine restarts, another stays as it is.</summary>
    public void Update(SimulatedMachine machine, string version, bool launch)
    {
        var runs = machine.State is "started" or "starting" or "created" && launch;
        var (life, process) = Leave(machine, "replacing", "update");
        machine.Version = version;
        _ = Run(machine, life, async () =>
        {
            if (process is not null)
            {
                await process.StopAsync(TimeSpan.FromSeconds(1), options.Time);
                await DropProcessAsync(machine, process);
            }

            await Delay(options.Delays.Update);
            Reach(machine, life, "stopped", "update", FrontMode.Refuse);
            if (runs && IsIn(machine, life))
            {
                Boot(machine);
            }
        });
    }

    /// <summary>The process ends by itself; nothing restarts it here, which is where a crash loop ends on Fly too.</summary>
    public void Kill(SimulatedMachine machine, int exitCode, bool outOfMemory)
    {
        var (life, process) = Leave(machine, "stopping", "exit");
        process?.Kill();
        _ = Run(machine, life, async () =>
        {
            await DropProcessAsync(machine, process);
            Reach(machine, life, "stopped", "exit", FrontMode.Refuse, exit: Exit(exitCode, requested: false, outOfMemory));
        });
    }

    public async Task DestroyAsync(SimulatedMachine machine)
    {
        var (_, process) = Leave(machine, "destroyed", "destroy");
        Show(machine, FrontMode.Refuse);
        await DropProcessAsync(machine, process);
        changed();
    }

    public static JsonObject Exit(int code, bool requested, bool outOfMemory = false) => new()
    {
        ["exit_code"] = code,
        ["guest_exit_code"] = code,
        ["oom_killed"] = outOfMemory,
        ["requested_stop"] = requested,
        ["restarting"] = false,
        ["signal"] = outOfMemory ? 9 : -1,
    };

    private async Task BootAsync(SimulatedMachine machine, int life) => await Run(machine, life, async () =>
    {
        await Delay(options.Delays.Start);
        if (EchoWorkspace.Runs(machine.Image))
        {
            Reach(machine, life, "started", "start", FrontMode.Silent);
            await Delay(machine.BootDelay ?? options.Delays.EchoBoot);
            if (machine.RefuseFor > TimeSpan.Zero)
            {
                Reach(machine, life, "started", null, FrontMode.Refuse);
                await Delay(machine.RefuseFor);
            }

            Reach(machine, life, "started", null, FrontMode.Open, echo.Listens);
            return;
        }

        if (!options.Images.TryGetValue(machine.Image, out var image))
        {
            Reach(machine, life, "failed", "launch", FrontMode.Refuse);
            return;
        }

        var process = await WorkspaceProcess.StartAsync(image, EnvironmentOf(machine), line => options.Log?.Invoke($"{machine.Name}: {line}"));
        if (!IsIn(machine, life))
        {
            await process.DisposeAsync();
            return;
        }

        machine.Process = process;
        Reach(machine, life, "started", "start", FrontMode.Refuse);
        Watch(machine, life, process);
        while (IsIn(machine, life) && !await process.ListensAsync())
        {
            await Delay(Poll);
        }

        Reach(machine, life, "started", null, FrontMode.Open, process.Listens);
    });

    /// <summary>The template's environment, with paths below the mount led to the volume's folder.</summary>
    private Dictionary<string, string> EnvironmentOf(SimulatedMachine machine)
    {
        var mount = machine.Config["mounts"]?[0];
        var path = mount?["path"]?.GetValue<string>();
        var volume = mount?["volume"]?.GetValue<string>() is { } id ? volumeOf(id) : null;
        var environment = new Dictionary<string, string>
        {
            ["FLY_APP_NAME"] = machine.App,
            ["FLY_MACHINE_ID"] = machine.Id,
            ["FLY_REGION"] = machine.Region,
            ["FLY_PRIVATE_IP"] = machine.Address.ToString(),
            ["FLY_IMAGE_REF"] = machine.Image,
        };
        foreach (var (name, value) in machine.Config["env"] as JsonObject ?? [])
        {
            var text = value?.GetValue<string>() ?? "";
            var inVolume = path is not null && volume is not null && (text == path || text.StartsWith(path + "/", StringComparison.Ordinal));
            environment[name] = inVolume ? folderOf(volume!) + text[path!.Length..] : text;
        }

        return environment;
    }

    private void Watch(SimulatedMachine machine, int life, WorkspaceProcess process) => _ = WatchAsync(machine, life, process);

    private async Task WatchAsync(SimulatedMachine machine, int life, WorkspaceProcess process)
    {
        await process.Exited;
        if (IsIn(machine, life) && machine.Process == process)
        {
            machine.Process = null;
            Reach(machine, life, "stopped", "exit", FrontMode.Refuse, exit: Exit(process.ExitCode, requested: false));
            await process.DisposeAsync();
        }
    }

    private static async Task DropProcessAsync(SimulatedMachine machine, WorkspaceProcess? process)
    {
        if (process is not null)
        {
            if (machine.Process == process)
            {
                machine.Process = null;
            }

            await process.DisposeAsync();
        }
    }

    /// <summary>Ends the present life: from now on the machine is on its way elsewhere, and silent.</summary>
    private (int Life, WorkspaceProcess? Process) Leave(SimulatedMachine machine, string state, string type)
    {
        lock (gate)
        {
            machine.Life++;
            machine.State = state;
            machine.Add(type, state, Now);
            Show(machine, FrontMode.Silent);
        }

        changed();
        return (machine.Life, machine.Process);
    }

    private void Reach(SimulatedMachine machine, int life, string state, string? type, FrontMode mode, IPEndPoint? target = null, JsonObject? exit = null)
    {
        lock (gate)
        {
            if (machine.Life != life)
            {
                return;
            }

            machine.State = state;
            if (type is not null)
            {
                machine.Add(type, state, Now, exit);
            }

            if (state == "stopped")
            {
                machine.ActiveUntil = Now + options.Delays.StillActive;
            }

            if (mode is FrontMode.Open)
            {
                machine.OpenSince = options.Time.GetTimestamp();
            }

            Show(machine, mode, target);
        }

        changed();
    }

    private static void Show(SimulatedMachine machine, FrontMode mode, IPEndPoint? target = null) => machine.Front.Set(machine.Forced ?? mode, target);

    private bool IsIn(SimulatedMachine machine, int life)
    {
        lock (gate)
        {
            return machine.Life == life;
        }
    }

    private Task Delay(TimeSpan delay) => delay > TimeSpan.Zero ? Task.Delay(delay, options.Time) : Task.CompletedTask;

    private async Task Run(SimulatedMachine machine, int life, Func<Task> work)
    {
        try
        {
            await work();
        }
        catch (Exception exception)
        {
            options.Log?.Invoke($"{machine.Name}: {exception.Message}");
            Reach(machine, life, "failed", "launch", FrontMode.Refuse);
        }
    }
}
