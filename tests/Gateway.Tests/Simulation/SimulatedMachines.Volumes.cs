using System.Globalization;
using Gateway.Machines;

namespace Gateway.Tests.Simulation;

/// <summary>Volumes.</summary>
internal sealed partial class SimulatedMachines
{
    private readonly Dictionary<VolumeId, List<VolumeSnapshot>> _snapshots = [];

    public Task<MachinesResult<IReadOnlyList<Volume>>> ListVolumesAsync(string app, CancellationToken cancellationToken) =>
        CallAsync("volumes.list", app, "", _ => Ok<IReadOnlyList<Volume>>([.. _volumes.Values.Where(volume => _volumeApps[volume.Id] == app)]), cancellationToken);

    public Task<MachinesResult<Volume>> GetVolumeAsync(string app, VolumeId volume, CancellationToken cancellationToken) =>
        CallAsync("volumes.get", app, volume.Value, _ => LookupVolume(app, volume), cancellationToken);

    public Task<MachinesResult<Volume>> CreateVolumeAsync(string app, NewVolume volume, CancellationToken cancellationToken) =>
        CallAsync<Volume>("volumes.create", app, volume.Name, now =>
            volume.Name.Length is 0 or > 30 || volume.Name.Any(letter => letter is not ((>= 'a' and <= 'z') or (>= '0' and <= '9') or '_'))
                ? new MachinesFailure(MachinesFailureKind.Invalid, 400, "invalid_argument: volume name")
                : volume.Snapshot is { } snapshot && !_snapshots.Values.Any(taken => taken.Any(one => one.Id == snapshot))
                ? new MachinesFailure(MachinesFailureKind.Invalid, 400, "invalid_argument: snapshot not found")
                : NoRoom(volume.Region) is { } full ? full : MakeVolume(app, volume.Name, volume.Region, volume.SizeGb, "created", now), cancellationToken);

    public Task<MachinesResult<Volume>> ExtendVolumeAsync(string app, VolumeId volume, int sizeGb, CancellationToken cancellationToken) =>
        ChangeVolumeAsync("volumes.extend", app, volume, found => found with { SizeGb = Math.Max(found.SizeGb, sizeGb), BytesTotal = (long)Math.Max(found.SizeGb, sizeGb) << 30 }, cancellationToken);

    public Task<MachinesResult<IReadOnlyList<VolumeSnapshot>>> ListSnapshotsAsync(string app, VolumeId volume, CancellationToken cancellationToken) =>
        CallAsync("volumes.snapshots", app, volume.Value, _ => Ok<IReadOnlyList<VolumeSnapshot>>([.. _snapshots.GetValueOrDefault(volume, [])]), cancellationToken);

    public Task<MachinesResult<Done>> TakeSnapshotAsync(string app, VolumeId volume, CancellationToken cancellationToken) =>
        CallAsync<Done>("volumes.snapshot", app, volume.Value, now =>
        {
            var found = LookupVolume(app, volume);
            if (!found.IsOk)
            {
                return found.Failure;
            }

            _snapshots.TryAdd(volume, []);
            _snapshots[volume].Add(new VolumeSnapshot(string.Create(CultureInfo.InvariantCulture, $"vs_{++_made}"), found.Value.BytesUsed, now, "created"));
            return default(Done);
        }, cancellationToken);

    public async Task<MachinesResult<Done>> DestroyVolumeAsync(string app, VolumeId volume, CancellationToken cancellationToken)
    {
        var destroyed = await ChangeVolumeAsync("volumes.destroy", app, volume, found => found with { State = "pending_destroy" }, cancellationToken);
        return destroyed.IsOk ? default(Done) : destroyed.Failure;
    }

    /// <summary>So much of the volume is used.</summary>
    public void Fill(VolumeId volume, int percent)
    {
        lock (_lock)
        {
            _volumes[volume] = _volumes[volume] with { BytesUsed = _volumes[volume].BytesTotal / 100 * percent };
        }
    }

    private Task<MachinesResult<Volume>> ChangeVolumeAsync(string action, string app, VolumeId volume, Func<Volume, Volume> change, CancellationToken cancellationToken) =>
        CallAsync<Volume>(action, app, volume.Value, _ =>
        {
            var found = LookupVolume(app, volume);
            return found.IsOk ? _volumes[volume] = change(found.Value) : found;
        }, cancellationToken);

    private MachinesResult<Volume> LookupVolume(string app, VolumeId volume) =>
        _volumes.TryGetValue(volume, out var found) && _volumeApps[volume] == app
            ? found
            : new MachinesFailure(MachinesFailureKind.NotFound, 404, "not_found: volume not found");

    private Volume MakeVolume(string app, string name, string region, int sizeGb, string state, DateTimeOffset now)
    {
        var id = new VolumeId(string.Create(CultureInfo.InvariantCulture, $"vol_{++_made:x14}"));
        _volumeApps[id] = app;
        return _volumes[id] = new Volume { Id = id, Name = name, State = state, Region = region, SizeGb = sizeGb, BytesTotal = (long)sizeGb << 30, CreatedAt = now };
    }

    // An interface converts to a result by no operator, so it goes through the generic one here.
    private static MachinesResult<T> Ok<T>(T value) => value;
}
