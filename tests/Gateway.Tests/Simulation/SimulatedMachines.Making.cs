using System.Globalization;
using Gateway.Machines;

namespace Gateway.Tests.Simulation;

/// <summary>Machines and volumes coming and going.</summary>
internal sealed partial class SimulatedMachines
{
    public Task<MachinesResult<MachinePage>> ListAsync(string app, IReadOnlyDictionary<string, string> metadata, string? cursor, CancellationToken cancellationToken) =>
        CallAsync<MachinePage>("list", app, cursor ?? "", _ =>
        {
            var rest = Alive().Where(machine => machine.App == app && string.CompareOrdinal(machine.Id.Value, cursor ?? "") > 0)
                .OrderBy(machine => machine.Id.Value, StringComparer.Ordinal).ToList();
            var page = rest.Take(PageSize).ToList();
            var matching = page.Where(machine => metadata.All(pair => machine.Config.Metadata?.GetValueOrDefault(pair.Key) == pair.Value));
            return new MachinePage([.. matching.Select(machine => machine.Describe())], rest.Count > page.Count ? page[^1].Id.Value : null);
        }, cancellationToken);

    public Task<MachinesResult<Machine>> GetAsync(string app, MachineId machine, CancellationToken cancellationToken) =>
        CallAsync<Machine>("get", app, machine.Value, _ => Lookup(app, machine) is { IsOk: true } found ? found.Value.Describe() : Lookup(app, machine).Failure!, cancellationToken);

    public Task<MachinesResult<Machine>> CreateAsync(string app, NewMachine machine, bool launch, CancellationToken cancellationToken) =>
        CallAsync<Machine>("create", app, machine.Name, now => Create(app, machine, launch, now), cancellationToken);

    public Task<MachinesResult<Machine>> UpdateAsync(string app, MachineId machine, MachineConfig config, string currentVersion, string? nonce, bool launch, CancellationToken cancellationToken) =>
        CallAsync("update", app, machine.Value, now => Change<Machine>(app, machine, nonce, found =>
        {
            if (found.Version != currentVersion)
            {
                return new MachinesFailure(MachinesFailureKind.Changed, 409, "aborted: machine update failed due to concurrent update");
            }

            var wasRunning = found.State is PlatformState.Started or PlatformState.Starting;
            found.Forget();
            found.Config = config;
            found.Version = NewVersion();
            found.State = PlatformState.Updating;
            found.ReadyAt = null;
            Event(found, "update", now, requested: true);
            found.After(now, UpdateDelay, (updated, at) =>
            {
                if (launch && wasRunning)
                {
                    Boot(updated, at, StartDelay);
                    return;
                }

                updated.State = PlatformState.Stopped;
                updated.RestingSince = at;
            });
            return found.Describe();
        }), cancellationToken);

    public Task<MachinesResult<Done>> SetMetadataAsync(string app, MachineId machine, string key, string value, CancellationToken cancellationToken) =>
        CallAsync<Done>("metadata", app, machine.Value, _ =>
        {
            var found = Lookup(app, machine);
            if (!found.IsOk)
            {
                return found.Failure;
            }

            var metadata = new Dictionary<string, string>(found.Value.Config.Metadata ?? []) { [key] = value };
            if (value.Length == 0)
            {
                metadata.Remove(key);
            }

            found.Value.Config = found.Value.Config with { Metadata = metadata };
            return default(Done);
        }, cancellationToken);

    public Task<MachinesResult<Done>> DestroyAsync(string app, MachineId machine, bool force, string? nonce, CancellationToken cancellationToken) =>
        CallAsync("destroy", app, machine.Value, now => Change<Done>(app, machine, nonce, found =>
        {
            if (!force && found.State is not (PlatformState.Stopped or PlatformState.Suspended or PlatformState.Failed))
            {
                return new MachinesFailure(MachinesFailureKind.NotYet, 412, "failed_precondition: unable to destroy machine, not currently stopped or suspended");
            }

            Destroy(found, now);
            return default(Done);
        }), cancellationToken);

    /// <summary>Puts a machine there without a call of the API, at rest.</summary>
    public Machine Add(string app, string name, string region = "sjc", IReadOnlyDictionary<string, string>? metadata = null, VolumeId? volume = null, PlatformState state = PlatformState.Stopped)
    {
        lock (_lock)
        {
            var config = new MachineConfig
            {
                Image = "image",
                Metadata = new(metadata ?? new Dictionary<string, string>()),
                Mounts = volume is { } mounted ? [new MachineMount { Volume = mounted.Value, Path = "/workspace" }] : null,
            };
            var machine = Make(app, name, region, config, time.GetUtcNow());
            machine.State = state;
            machine.Address = NewAddress();
            machine.ReadyAt = state is PlatformState.Started ? time.GetUtcNow() : null;
            if (volume is { } claimed)
            {
                _volumes[claimed] = _volumes[claimed] with { AttachedMachine = machine.Id };
            }

            return machine.Describe();
        }
    }

    /// <summary>Puts a volume there without a call of the API.</summary>
    public Volume AddVolume(string app, string name, string region = "sjc", string state = "created")
    {
        lock (_lock)
        {
            return MakeVolume(app, name, region, 5, state, time.GetUtcNow());
        }
    }

    private MachinesResult<Machine> Create(string app, NewMachine wanted, bool launch, DateTimeOffset now)
    {
        if (Alive().FirstOrDefault(machine => machine.App == app && machine.Name == wanted.Name) is { } other)
        {
            return new MachinesFailure(MachinesFailureKind.NameTaken, 409, $"already_exists: unique machine name violation, machine ID {other.Id} already exists with name \"{other.Name}\"") { Other = other.Id };
        }

        if (NoRoom(wanted.Region) is { } full)
        {
            return full;
        }

        if (wanted.Config.Mounts is [var mount, ..] && Refusal(app, wanted.Region, new VolumeId(mount.Volume)) is { } refusal)
        {
            return refusal;
        }

        var made = Make(app, wanted.Name, wanted.Region, wanted.Config, now);
        if (made.Volume is { } claimed)
        {
            _volumes[claimed] = _volumes[claimed] with { AttachedMachine = made.Id };
        }

        made.After(now, CreateDelay, (machine, at) =>
        {
            if (launch)
            {
                Boot(machine, at, StartDelay);
                return;
            }

            machine.State = PlatformState.Stopped;
            machine.RestingSince = at;
        });
        made.AcceptedStarts += launch ? 1 : 0;
        return made.Describe();
    }

    private MachinesFailure? Refusal(string app, string region, VolumeId volume)
    {
        if (!_volumes.TryGetValue(volume, out var found) || _volumeApps[volume] != app || !found.Usable || found.Region != region)
        {
            return new MachinesFailure(MachinesFailureKind.Invalid, 400, "invalid_argument: volume not found");
        }

        return found.AttachedMachine is { } claimed
            ? new MachinesFailure(MachinesFailureKind.VolumeClaimed, 412, $"failed_precondition: volume already claimed by machine {claimed}") { Other = claimed }
            : null;
    }

    private MachinesFailure? NoRoom(string region) =>
        _fullRegions.Contains(region) ? new MachinesFailure(MachinesFailureKind.RegionFull, 422, "could not find a candidate host")
        : _quotaRegions.Contains(region) ? new MachinesFailure(MachinesFailureKind.QuotaExceeded, 403, $"organization is using memory in {region} which is over the allowed quota")
        : null;

    private SimulatedMachine Make(string app, string name, string region, MachineConfig config, DateTimeOffset now)
    {
        var id = new MachineId(string.Create(CultureInfo.InvariantCulture, $"{++_made:x14}"));
        return _machines[id] = new SimulatedMachine(id, app, name, region) { Config = config, Version = NewVersion(), CreatedAt = now };
    }

    private void Destroy(SimulatedMachine machine, DateTimeOffset now)
    {
        machine.Forget();
        machine.State = PlatformState.Destroyed;
        machine.GoneAt = now;
        machine.ReadyAt = null;
        if (machine.Volume is { } volume && _volumes.TryGetValue(volume, out var claimed) && claimed.AttachedMachine == machine.Id)
        {
            _volumes[volume] = claimed with { AttachedMachine = null };
        }
    }
}
