using Gateway.Machines;

namespace Gateway.Tests.Simulation;

/// <summary>The platform as one replica reaches it.</summary>
internal sealed class ReplicaMachines(IMachines platform, ICallPath path) : IMachines
{
    public Task<MachinesResult<MachinePage>> ListAsync(string app, IReadOnlyDictionary<string, string> metadata, string? cursor, CancellationToken cancellationToken) =>
        path.CallAsync("list", "", () => platform.ListAsync(app, metadata, cursor, cancellationToken));

    public Task<MachinesResult<Machine>> GetAsync(string app, MachineId machine, CancellationToken cancellationToken) =>
        path.CallAsync("get", machine.Value, () => platform.GetAsync(app, machine, cancellationToken));

    public Task<MachinesResult<Machine>> CreateAsync(string app, NewMachine machine, bool launch, CancellationToken cancellationToken) =>
        path.CallAsync("create", machine.Name, () => platform.CreateAsync(app, machine, launch, cancellationToken));

    public Task<MachinesResult<Machine>> UpdateAsync(string app, MachineId machine, MachineConfig config, string currentVersion, string? nonce, bool launch, CancellationToken cancellationToken) =>
        path.CallAsync("update", machine.Value, () => platform.UpdateAsync(app, machine, config, currentVersion, nonce, launch, cancellationToken));

    public Task<MachinesResult<Done>> StartAsync(string app, MachineId machine, string? nonce, CancellationToken cancellationToken) =>
        path.CallAsync("start", machine.Value, () => platform.StartAsync(app, machine, nonce, cancellationToken));

    public Task<MachinesResult<Done>> StopAsync(string app, MachineId machine, TimeSpan? grace, string? nonce, CancellationToken cancellationToken) =>
        path.CallAsync("stop", machine.Value, () => platform.StopAsync(app, machine, grace, nonce, cancellationToken));

    public Task<MachinesResult<Done>> SuspendAsync(string app, MachineId machine, string? nonce, CancellationToken cancellationToken) =>
        path.CallAsync("suspend", machine.Value, () => platform.SuspendAsync(app, machine, nonce, cancellationToken));

    public Task<MachinesResult<Done>> WaitAsync(string app, MachineId machine, string state, string? version, TimeSpan timeout, CancellationToken cancellationToken) =>
        path.CallAsync("wait", machine.Value, () => platform.WaitAsync(app, machine, state, version, timeout, cancellationToken));

    public Task<MachinesResult<MachineLease>> LeaseAsync(string app, MachineId machine, TimeSpan duration, string description, CancellationToken cancellationToken) =>
        path.CallAsync("lease", machine.Value, () => platform.LeaseAsync(app, machine, duration, description, cancellationToken));

    public Task<MachinesResult<Done>> ReleaseLeaseAsync(string app, MachineId machine, string nonce, CancellationToken cancellationToken) =>
        path.CallAsync("release", machine.Value, () => platform.ReleaseLeaseAsync(app, machine, nonce, cancellationToken));

    public Task<MachinesResult<Done>> SetMetadataAsync(string app, MachineId machine, string key, string value, CancellationToken cancellationToken) =>
        path.CallAsync("metadata", machine.Value, () => platform.SetMetadataAsync(app, machine, key, value, cancellationToken));

    public Task<MachinesResult<Done>> DestroyAsync(string app, MachineId machine, bool force, string? nonce, CancellationToken cancellationToken) =>
        path.CallAsync("destroy", machine.Value, () => platform.DestroyAsync(app, machine, force, nonce, cancellationToken));

    public Task<MachinesResult<IReadOnlyList<Volume>>> ListVolumesAsync(string app, CancellationToken cancellationToken) =>
        path.CallAsync("volumes.list", "", () => platform.ListVolumesAsync(app, cancellationToken));

    public Task<MachinesResult<Volume>> GetVolumeAsync(string app, VolumeId volume, CancellationToken cancellationToken) =>
        path.CallAsync("volumes.get", volume.Value, () => platform.GetVolumeAsync(app, volume, cancellationToken));

    public Task<MachinesResult<Volume>> CreateVolumeAsync(string app, NewVolume volume, CancellationToken cancellationToken) =>
        path.CallAsync("volumes.create", volume.Name, () => platform.CreateVolumeAsync(app, volume, cancellationToken));

    public Task<MachinesResult<Volume>> ExtendVolumeAsync(string app, VolumeId volume, int sizeGb, CancellationToken cancellationToken) =>
        path.CallAsync("volumes.extend", volume.Value, () => platform.ExtendVolumeAsync(app, volume, sizeGb, cancellationToken));

    public Task<MachinesResult<IReadOnlyList<VolumeSnapshot>>> ListSnapshotsAsync(string app, VolumeId volume, CancellationToken cancellationToken) =>
        path.CallAsync("volumes.snapshots", volume.Value, () => platform.ListSnapshotsAsync(app, volume, cancellationToken));

    public Task<MachinesResult<Done>> TakeSnapshotAsync(string app, VolumeId volume, CancellationToken cancellationToken) =>
        path.CallAsync("volumes.snapshot", volume.Value, () => platform.TakeSnapshotAsync(app, volume, cancellationToken));

    public Task<MachinesResult<Done>> DestroyVolumeAsync(string app, VolumeId volume, CancellationToken cancellationToken) =>
        path.CallAsync("volumes.destroy", volume.Value, () => platform.DestroyVolumeAsync(app, volume, cancellationToken));
}
