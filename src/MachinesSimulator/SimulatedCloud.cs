using System.Collections.Concurrent;
using System.Globalization;
using System.Net;
using System.Security.Cryptography;
using System.Text.Json.Nodes;
using System.Text.RegularExpressions;

namespace MachinesSimulator;

/// <summary>All machines and volumes, with the platform's rules of making, changing and removing them.</summary>
internal sealed partial class SimulatedCloud : IAsyncDisposable
{
    private const int DefaultPort = 10000;

    private readonly SimulatorOptions _options;
    private readonly EchoWorkspace _echo;
    private readonly string _folder;
    private readonly ConcurrentDictionary<string, SimulatedMachine> _machines = new();
    private readonly ConcurrentDictionary<string, SimulatedVolume> _volumes = new();
    private readonly SavedState? _saved;
    private TaskCompletionSource _changed = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private int _addresses;

    public SimulatedCloud(SimulatorOptions options, EchoWorkspace echo)
    {
        (_options, _echo) = (options, echo);
        _folder = options.DataFolder ?? Path.Combine(Path.GetTempPath(), "machines-simulator-" + Guid.NewGuid().ToString("N"));
        Directory.CreateDirectory(Path.Combine(_folder, "volumes"));
        Life = new MachineLife(options, echo, Gate, FolderOf, id => _volumes.GetValueOrDefault(id), Changed);
        _saved = options.DataFolder is null ? null : new SavedState(Path.Combine(_folder, "machines.json"));
        _saved?.Load(this);
    }

    /// <summary>Held by every call while it decides and changes, so that of two calls at once one sees what the other did.</summary>
    public Lock Gate { get; } = new();

    public MachineLife Life { get; }

    public Faults Faults { get; } = new();

    /// <summary>Calls by action and machine (or app), the refused ones included.</summary>
    public ConcurrentDictionary<(string Action, string Target), int> Calls { get; } = new();

    public IEnumerable<SimulatedMachine> Machines => _machines.Values.OrderBy(static machine => machine.CreatedAt).ThenBy(static machine => machine.Id, StringComparer.Ordinal);

    public IEnumerable<SimulatedVolume> Volumes => _volumes.Values.OrderBy(static volume => volume.CreatedAt).ThenBy(static volume => volume.Id, StringComparer.Ordinal);

    public string FolderOf(SimulatedVolume volume) => Path.Combine(_folder, "volumes", volume.Folder);

    private DateTimeOffset Now => _options.Time.GetUtcNow();

    /// <summary>Completes at the next change of anything.</summary>
    public Task NextChange
    {
        get
        {
            lock (Gate)
            {
                return _changed.Task;
            }
        }
    }

    public SimulatedMachine Machine(string app, string id) =>
        _machines.TryGetValue(id, out var machine) && machine.App == app ? machine : throw ApiError.NotFound("machine not found");

    public SimulatedVolume Volume(string app, string id) =>
        _volumes.TryGetValue(id, out var volume) && volume.App == app ? volume : throw ApiError.NotFound("volume not found");

    public SimulatedMachine Create(string app, JsonObject body)
    {
        var config = body["config"] as JsonObject ?? throw ApiError.Invalid("config is required");
        if (config["image"]?.GetValue<string>() is not { Length: > 0 })
        {
            throw ApiError.Invalid("config.image is required");
        }

        var region = body["region"]?.GetValue<string>() is { Length: > 0 } asked ? asked.Split(',')[0] : "sjc";
        if (Faults.FullRegions.ContainsKey(region))
        {
            throw new ApiError(422, "could not find a candidate host", "insufficient_capacity");
        }

        SimulatedMachine machine;
        lock (Gate)
        {
            var id = RandomNumberGenerator.GetHexString(14, lowercase: true);
            var name = body["name"]?.GetValue<string>() is { Length: > 0 } given ? given : "machine-" + id[..6];
            if (_machines.Values.FirstOrDefault(other => other.App == app && other.Name == name && other.State != "destroyed") is { } taken)
            {
                throw new ApiError(409, $"already_exists: unique machine name violation, machine ID {taken.Id} already exists with name \"{name}\"");
            }

            machine = new SimulatedMachine
            {
                Id = id,
                App = app,
                Name = name,
                Region = region,
                Config = (JsonObject)config.DeepClone(),
                Version = NewVersion(),
                Front = NewFront(config, () => _machines.GetValueOrDefault(id)),
                CreatedAt = Now,
                UpdatedAt = Now,
            };
            ClaimVolume(machine);
            machine.Add("launch", "created", Now);
            _machines[id] = machine;
        }

        Changed();
        _ = SettleAsync(machine, launch: body["skip_launch"]?.GetValue<bool>() is not true);
        return machine;
    }

    private async Task SettleAsync(SimulatedMachine machine, bool launch)
    {
        await Task.Delay(_options.Delays.Create, _options.Time);
        lock (Gate)
        {
            if (machine.State != "created" || machine.Life != 0)
            {
                return;
            }

            if (launch)
            {
                Life.Boot(machine);
                return;
            }

            machine.State = "stopped";
        }

        Changed();
    }

    private void ClaimVolume(SimulatedMachine machine)
    {
        if (machine.VolumeId is not { } id)
        {
            return;
        }

        if (!_volumes.TryGetValue(id, out var volume) || volume.App != machine.App || volume.State is not ("created" or "hydrating"))
        {
            throw ApiError.Invalid("volume not found");
        }

        if (volume.Machine is { } holder)
        {
            throw ApiError.Precondition($"volume already claimed by machine {holder}");
        }

        if (volume.Region != machine.Region)
        {
            throw ApiError.Invalid($"volume {id} is in region {volume.Region}, not {machine.Region}");
        }

        volume.Machine = machine.Id;
    }

    public async Task DestroyAsync(SimulatedMachine machine, bool force)
    {
        if (!force && machine.State is not ("stopped" or "suspended" or "created" or "failed"))
        {
            throw ApiError.Precondition($"unable to destroy machine, not currently in destroyable state: '{machine.State}'");
        }

        await Life.DestroyAsync(machine);
        lock (Gate)
        {
            if (machine.VolumeId is { } id && _volumes.TryGetValue(id, out var volume) && volume.Machine == machine.Id)
            {
                volume.Machine = null;
            }
        }

        Changed();
    }

    public SimulatedVolume CreateVolume(string app, JsonObject body)
    {
        var name = body["name"]?.GetValue<string>() ?? "";
        if (!VolumeName().IsMatch(name))
        {
            throw ApiError.Invalid("name must be 1 to 30 of a-z, 0-9 and _");
        }

        var region = body["region"]?.GetValue<string>() ?? "sjc";
        if (Faults.FullRegions.ContainsKey(region))
        {
            throw new ApiError(422, "could not find a candidate host", "insufficient_capacity");
        }

        var id = "vol_" + RandomNumberGenerator.GetHexString(16, lowercase: true);
        var volume = new SimulatedVolume { Id = id, App = app, Name = name, Region = region, SizeGb = body["size_gb"]?.GetValue<int>() ?? 3, CreatedAt = Now, Folder = id };
        if (body["snapshot_id"]?.GetValue<string>() is { } snapshot)
        {
            Copy(SnapshotFolder(app, snapshot), FolderOf(volume));
        }

        Directory.CreateDirectory(FolderOf(volume));
        _volumes[id] = volume;
        Changed();
        return volume;
    }

    /// <summary>The files as they are now.</summary>
    public void KeepSnapshot(SimulatedVolume volume, string snapshot) => Copy(FolderOf(volume), Path.Combine(_folder, "snapshots", snapshot));

    private string SnapshotFolder(string app, string snapshot) =>
        _volumes.Values.Any(volume => volume.App == app && volume.Snapshots.Exists(taken => taken["id"]!.GetValue<string>() == snapshot))
            ? Path.Combine(_folder, "snapshots", snapshot)
            : throw ApiError.Invalid($"snapshot {snapshot} not found");

    private static void Copy(string from, string to)
    {
        Directory.CreateDirectory(to);
        foreach (var file in Directory.EnumerateFiles(from, "*", SearchOption.AllDirectories))
        {
            var copy = Path.Combine(to, Path.GetRelativePath(from, file));
            Directory.CreateDirectory(Path.GetDirectoryName(copy)!);
            File.Copy(file, copy, overwrite: true);
        }
    }

    /// <summary>Moves the machine to another host, as Fly does on its own: a new address, and a new id for the volume. A running machine is stopped and started.</summary>
    public void Migrate(SimulatedMachine machine)
    {
        lock (Gate)
        {
            machine.Front.Dispose();
            machine.Front = NewFront(machine.Config, () => machine);
            if (machine.VolumeId is { } old && _volumes.TryRemove(old, out var volume))
            {
                volume.Id = "vol_" + RandomNumberGenerator.GetHexString(16, lowercase: true);
                _volumes[volume.Id] = volume;
                machine.Config["mounts"]![0]!["volume"] = volume.Id;
            }
        }

        if (machine.State is "started" or "starting")
        {
            machine.Process?.Kill();
            Life.Boot(machine);
        }

        Changed();
    }

    public void Changed()
    {
        TaskCompletionSource changed;
        lock (Gate)
        {
            (changed, _changed) = (_changed, new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously));
        }

        changed.TrySetResult();
        lock (Gate)
        {
            _saved?.Save(this);
        }
    }

    public static string NewVersion() => "01" + RandomNumberGenerator.GetString("0123456789ABCDEFGHJKMNPQRSTVWXYZ", 24);

    public async ValueTask DisposeAsync()
    {
        foreach (var machine in _machines.Values)
        {
            machine.Life++;
            if (machine.Process is { } process)
            {
                await process.DisposeAsync();
            }

            machine.Dispose();
        }

        if (_options.DataFolder is null)
        {
            Directory.Delete(_folder, recursive: true);
        }
    }

    internal void Restore(SimulatedVolume volume)
    {
        Directory.CreateDirectory(FolderOf(volume));
        _volumes[volume.Id] = volume;
    }

    internal void Restore(Func<Front, SimulatedMachine> machine, JsonObject config)
    {
        var restored = default(SimulatedMachine);
        restored = machine(NewFront(config, () => restored));
        // A machine always has an event, and the last one says why it is down.
        restored.Add("exit", "stopped", Now);
        _machines[restored.Id] = restored;
    }

    /// <summary>The next address of the network, on the port that the machine's environment names.</summary>
    private Front NewFront(JsonObject config, Func<SimulatedMachine?> machine)
    {
        var number = Interlocked.Increment(ref _addresses);
        var address = IPAddress.Parse(string.Create(CultureInfo.InvariantCulture, $"{_options.Network}.{number / 250}.{(number % 250) + 1}"));
        var port = int.TryParse(config["env"]?["PORT"]?.GetValue<string>(), out var named) ? named : DefaultPort;
        return new Front(new IPEndPoint(address, port), () => Faults.NetworkDelay, (local, open) =>
        {
            if (machine() is { } behind)
            {
                _echo.Track(behind, local, open);
            }
        });
    }

    [GeneratedRegex("^[a-z0-9_]{1,30}$")]
    private static partial Regex VolumeName();
}
