using Gateway.Machines;
using Gateway.Sessions;

namespace Gateway.Provisioning;

/// <summary>The template, filled in for one user.</summary>
internal sealed class WorkspaceTemplate(WorkspaceOptions options, WorkspaceNames names)
{
    public string App => options.App;

    /// <summary>In the order in which they are tried. <paramref name="near"/>, where the user seems to be, comes first, and only if it is one of them.</summary>
    public IReadOnlyList<string> RegionsFor(WorkspaceOverride? own, string? near)
    {
        var regions = own?.Regions is { Count: > 0 } theirs ? theirs : options.RegionsInOrder;
        return near is not null && regions.Contains(near) ? [near, .. regions.Where(region => region != near)] : regions;
    }

    /// <summary>The image and the size that the user's machine should have.</summary>
    public MachineSpec SpecFor(WorkspaceOverride? own) => new(
        own?.Image ?? options.Image, own?.CpuKind ?? options.CpuKind, own?.Cpus ?? options.Cpus, own?.MemoryMb ?? options.MemoryMb);

    /// <summary>What the configuration says of a machine's image and size; null: too little to tell.</summary>
    public static MachineSpec? SpecOf(MachineConfig? config) =>
        config is { Guest: { } guest } ? new MachineSpec(config.Image, guest.CpuKind, guest.Cpus, guest.MemoryMb) : null;

    /// <summary>The configuration with another image and size, and everything else as it was, also what we do not know.</summary>
    public static MachineConfig With(MachineConfig config, MachineSpec spec) => config with
    {
        Image = spec.Image,
        Guest = (config.Guest ?? new MachineGuest()) with { CpuKind = spec.CpuKind, Cpus = spec.Cpus, MemoryMb = spec.MemoryMb },
    };

    public NewVolume Volume(UserId user, string region, WorkspaceOverride? own) =>
        new(names.VolumeName(user), region, own?.VolumeSizeGb ?? options.VolumeSizeGb, GuestOf(SpecFor(own)));

    /// <summary>No <c>services</c>: they would put the machine on the public internet, and Fly's autostop would not see the gateway's traffic.</summary>
    public NewMachine Machine(UserId user, Volume volume, int copy, WorkspaceOverride? own)
    {
        var name = names.MachineName(user, copy);
        var spec = SpecFor(own);
        var env = options.Env.Where(entry => entry.Value.Length > 0).ToDictionary(entry => entry.Key, entry => entry.Value, StringComparer.Ordinal);
        env["USER_ID"] = user.Value;
        return new NewMachine(name, volume.Region, new MachineConfig
        {
            Image = spec.Image,
            Env = env,
            Init = options.Command.Count == 0 ? null : new MachineInit { Cmd = [.. options.Command] },
            Guest = GuestOf(spec),
            Mounts = [new MachineMount { Volume = volume.Id.Value, Path = options.MountPath }],
            Metadata = names.Metadata(options.App, name, user),
            Restart = new MachineRestart { Policy = options.RestartPolicy },
        });
    }

    private static MachineGuest GuestOf(MachineSpec spec) => new() { CpuKind = spec.CpuKind, Cpus = spec.Cpus, MemoryMb = spec.MemoryMb };
}
