using System.Globalization;
using Gateway.Machines;

namespace Gateway.FunctionalTests.Agreement;

/// <summary>
/// A seeded script of calls of the platform, written down with what came back. Ids and nonces are written down as the names they were given here; what is
/// under way is waited for before the next call, so that no two platforms differ by their pace alone.
/// </summary>
internal sealed class PlatformScript(int seed, IMachines machines, string image)
{
    private const string App = "workspaces";

    private static readonly TimeSpan Settling = TimeSpan.FromSeconds(20);
    private static readonly TimeSpan LeaseTime = TimeSpan.FromHours(1);
    private static readonly string[] Names = ["ws-1", "ws-2", "ws-3"];
    private static readonly Dictionary<string, string> Everything = [];

    private readonly Random _random = new(seed);
    private readonly List<string> _lines = [];
    private readonly Dictionary<string, MachineId> _ids = [];
    private readonly Dictionary<string, string> _nonces = [];
    private readonly Dictionary<string, string> _versions = [];
    private readonly List<VolumeId> _volumes = [];

    public async Task<IReadOnlyList<string>> RunAsync(int calls)
    {
        for (var call = 0; call < calls; call++)
        {
            _lines.Add(await CallAsync(Names[_random.Next(Names.Length)]));
        }

        return _lines;
    }

    private async Task<string> CallAsync(string name)
    {
        if (!_ids.TryGetValue(name, out var id))
        {
            return _random.Next(4) == 0 ? await VolumeAsync() : await CreateAsync(name);
        }

        return _random.Next(100) switch
        {
            < 4 => await CreateAsync(name),
            < 24 => await ChangeAsync("starts", name, id, nonce => machines.StartAsync(App, id, nonce, default)),
            < 38 => await ChangeAsync("stops", name, id, nonce => machines.StopAsync(App, id, null, nonce, default)),
            < 50 => await ChangeAsync("suspends", name, id, nonce => machines.SuspendAsync(App, id, nonce, default)),
            < 60 => await LeaseAsync(name, id),
            < 68 => await ReleaseAsync(name, id),
            < 76 => await UpdateAsync(name, id),
            < 82 => await MarkAsync(name, id),
            < 88 => await ListAsync(),
            < 91 => await VolumeAsync(),
            < 95 => await WaitAsync(name, id),
            < 97 => $"gets {name}: {await ReadAsync(id)}",
            _ => await DestroyAsync(name, id),
        };
    }

    private async Task<string> CreateAsync(string name)
    {
        var volume = _volumes.Count > 0 && _random.Next(2) == 0 ? _volumes[_random.Next(_volumes.Count)] : (VolumeId?)null;
        var launch = _random.Next(2) == 0;
        var made = await machines.CreateAsync(App, new NewMachine(name, "sjc", Config(volume)), launch, default);
        if (!made.IsOk)
        {
            return $"creates {name} launched {launch}: {made.Failure.Kind} because of {NameOf(made.Failure.Other)}";
        }

        _ids[name] = made.Value.Id;
        return $"creates {name} launched {launch}: {await SettledAsync(made.Value.Id)}";
    }

    private async Task<string> ChangeAsync(string what, string name, MachineId id, Func<string?, Task<MachinesResult<Done>>> change)
    {
        var (nonce, with) = AnyNonce(name);
        var done = await change(nonce);
        return $"{what} {name} with {with}: {Outcome(done)}, {await SettledAsync(id)}";
    }

    private async Task<string> LeaseAsync(string name, MachineId id)
    {
        var lease = await machines.LeaseAsync(App, id, LeaseTime, "script", default);
        if (lease.IsOk)
        {
            _nonces[name] = lease.Value.Nonce;
        }

        return $"leases {name}: {Outcome(lease)}";
    }

    private async Task<string> ReleaseAsync(string name, MachineId id)
    {
        if (!_nonces.Remove(name, out var nonce))
        {
            return $"releases nothing of {name}";
        }

        return $"releases {name}: {Outcome(await machines.ReleaseLeaseAsync(App, id, nonce, default))}";
    }

    private async Task<string> UpdateAsync(string name, MachineId id)
    {
        var read = await machines.GetAsync(App, id, default);
        if (!read.IsOk)
        {
            return $"updates nothing of {name}: {read.Failure.Kind}";
        }

        var (nonce, with) = AnyNonce(name);
        var isOld = _versions.TryGetValue(name, out var old) && old != read.Value.Version && _random.Next(3) == 0;
        _versions[name] = read.Value.Version;
        var config = read.Value.Config! with { Env = new() { ["TURN"] = _random.Next(10).ToString(CultureInfo.InvariantCulture) } };
        var updated = await machines.UpdateAsync(App, id, config, isOld ? old! : read.Value.Version, nonce, launch: _random.Next(2) == 0, default);
        return $"updates {name} with {with}, old version {isOld}: {Outcome(updated)}, {await SettledAsync(id)}";
    }

    private async Task<string> MarkAsync(string name, MachineId id)
    {
        var value = _random.Next(3) == 0 ? "" : _random.Next(2).ToString(CultureInfo.InvariantCulture);
        return $"marks {name} {value}: {Outcome(await machines.SetMetadataAsync(App, id, "mark", value, default))}, {await ReadAsync(id)}";
    }

    private async Task<string> ListAsync()
    {
        var filter = _random.Next(2) == 0 ? Everything : new() { ["mark"] = "1" };
        var page = await machines.ListAsync(App, filter, null, default);
        return $"lists {filter.Count}: {(page.IsOk ? string.Join(", ", page.Value.Machines.Where(static machine => machine.State is not PlatformState.Destroyed).Select(static machine => machine.Name).Order(StringComparer.Ordinal)) : page.Failure.Kind.ToString())}";
    }

    private async Task<string> VolumeAsync()
    {
        var name = _random.Next(5) == 0 ? "Not-A-Name" : "ws_volume";
        var made = await machines.CreateVolumeAsync(App, new NewVolume(name, "sjc", 1, new MachineGuest()), default);
        if (made.IsOk)
        {
            _volumes.Add(made.Value.Id);
        }

        var all = (await machines.ListVolumesAsync(App, default)).Value ?? [];
        return $"makes volume {name}: {Outcome(made)}, {all.Count} in all, {string.Join(", ", all.Where(static volume => volume.Usable).Select(volume => NameOf(volume.AttachedMachine)).Order(StringComparer.Ordinal))}";
    }

    private async Task<string> WaitAsync(string name, MachineId id)
    {
        var state = _random.Next(3) switch { 0 => "started", 1 => "stopped", _ => "suspended" };
        return $"waits until {name} is {state}: {Outcome(await machines.WaitAsync(App, id, state, null, TimeSpan.FromSeconds(1), default))}";
    }

    private async Task<string> DestroyAsync(string name, MachineId id)
    {
        var (nonce, with) = AnyNonce(name);
        var force = _random.Next(2) == 0;
        var done = await machines.DestroyAsync(App, id, force, nonce, default);
        if (!done.IsOk)
        {
            return $"destroys {name} with {with}, force {force}: {done.Failure.Kind}, {await SettledAsync(id)}";
        }

        await machines.WaitAsync(App, id, "destroyed", null, Settling, default);
        _nonces.Remove(name);
        _versions.Remove(name);
        _ids.Remove(name);
        return $"destroys {name} with {with}, force {force}: done";
    }

    /// <summary>What it comes to.</summary>
    private async Task<string> SettledAsync(MachineId id)
    {
        await machines.WaitAsync(App, id, "settled", null, Settling, default);
        return await ReadAsync(id);
    }

    private async Task<string> ReadAsync(MachineId id)
    {
        var read = await machines.GetAsync(App, id, default);
        return read switch
        {
            { Value: { } machine } => $"{machine.Name} {machine.State} in {machine.Region}, mark {machine.Metadata.GetValueOrDefault("mark")}, turn {machine.Config?.Env?.GetValueOrDefault("TURN")}, mounts {machine.Config?.Mounts?.Count ?? 0}",
            _ => read.Failure!.Kind.ToString(),
        };
    }

    private (string? Nonce, string With) AnyNonce(string name) => _random.Next(6) switch
    {
        0 => (null, "none"),
        1 => ("not-a-nonce", "another's"),
        _ => _nonces.TryGetValue(name, out var nonce) ? (nonce, "its nonce") : (null, "none"),
    };

    private MachineConfig Config(VolumeId? volume) => new()
    {
        Image = image,
        Guest = new(),
        Mounts = volume is { } mounted ? [new() { Volume = mounted.Value, Path = "/workspace" }] : null,
    };

    private static string Outcome<T>(MachinesResult<T> result) => result.IsOk ? "done" : result.Failure.Kind.ToString();

    private string NameOf(MachineId? machine) => machine is { } id ? _ids.FirstOrDefault(pair => pair.Value == id).Key ?? "one that is gone" : "nobody";
}
