using Gateway.Machines;
using Gateway.Sessions;

namespace Gateway.Provisioning;

/// <summary>The template, filled in for one user.</summary>
internal sealed class WorkspaceTemplate(WorkspaceOptions options, WorkspaceNames names)
{
    public string App => options.App;
    public IReadOnlyList<string> Regions => options.RegionsInOrder;

    public MachineGuest Guest => new() { CpuKind = options.CpuKind, Cpus = options.Cpus, MemoryMb = options.MemoryMb };

    public NewVolume Volume(UserId user, string region) => new(names.VolumeName(user), region, options.VolumeSizeGb, Guest);

    /// <summary>No <c>services</c>: they would put the machine on the public internet, and Fly's autostop would not see the gateway's traffic.</summary>
    public NewMachine Machine(UserId user, Volume volume, int copy)
    {
        var name = names.MachineName(user, copy);
        var env = options.Env.Where(entry => entry.Value.Length > 0).ToDictionary(entry => entry.Key, entry => entry.Value, StringComparer.Ordinal);
        env["USER_ID"] = user.Value;
        return new NewMachine(name, volume.Region, new MachineConfig
        {
            Image = options.Image,
            Env = env,
            Init = options.Command.Count == 0 ? null : new MachineInit { Cmd = [.. options.Command] },
            Guest = Guest,
            Mounts = [new MachineMount { Volume = volume.Id.Value, Path = options.MountPath }],
            Metadata = names.Metadata(options.App, name, user),
            Restart = new MachineRestart { Policy = options.RestartPolicy },
        });
    }
}
