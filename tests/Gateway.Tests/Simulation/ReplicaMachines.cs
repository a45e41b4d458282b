using Gateway.Machines;

namespace Gateway.Tests.Simulation;

/// <summary>The platform as one replica reaches it.</summary>
internal sealed class ReplicaMachines(IMachines platform, SimulatedReplica replica) : IMachines
{
    public Task<MachinesResult<MachinePage>> ListAsync(string app, IReadOnlyDictionary<string, string> metadata, string? cursor, CancellationToken cancellationToken) =>
        replica.CallAsync("list", () => platform.ListAsync(app, metadata, cursor, cancellationToken));

    public Task<MachinesResult<Machine>> GetAsync(string app, MachineId machine, CancellationToken cancellationToken) =>
        replica.CallAsync("get", () => platform.GetAsync(app, machine, cancellationToken));

    public Task<MachinesResult<Machine>> CreateAsync(string app, NewMachine machine, bool launch, CancellationToken cancellationToken) =>
        replica.CallAsync("create", () => platform.CreateAsync(app, machine, launch, cancellationToken));

    public Task<MachinesResult<Machine>> UpdateAsync(string app, MachineId machine, MachineConfig config, string currentVersion, string? nonce, bool launch, CancellationToken cancellationToken) =>
        replica.CallAsync("update", () => platform.UpdateAsync(app, machine, config, currentVersion, nonce, launch, cancellationToken));

    public Task<MachinesResult<Done>> StartAsync(string app, MachineId machine, string? nonce, CancellationToken cancellationToken) =>
        replica.CallAsync("start", () => platform.StartAsync(app, machine, nonce, cancellationToken));

    public Task<MachinesResult<Done>> StopAsync(string app, MachineId machine, TimeSpan? grace, string? nonce, CancellationToken cancellationToken) =>
        replica.CallAsync("stop", () => platform.StopAsync(app, machine, grace, nonce, cancellationToken));

    public Task<MachinesResult<Done>> SuspendAsync(string app, MachineId machine, string? nonce, CancellationToken cancellationToken) =>
        replica.CallAsync("suspend", () => platform.SuspendAsync(app, machine, nonce, cancellationToken));

    public Task<MachinesResult<Done>> WaitAsync(string app, MachineId machine, string state, string? version, TimeSpan timeout, CancellationToken cancellationToken) =>
        replica.CallAsync("wait", () => platform.WaitAsync(app, machine, state, version, timeout, cancellationToken));

    public Task<MachinesResult<MachineLease>> LeaseAsync(string app, MachineId machine, TimeSpan duration, string description, CancellationToken cancellationToken) =>
        replica.CallAsync("lease", () => platform.LeaseAsync(app, machine, duration, description, cancellationToken));

    public Task<MachinesResult<Done>> ReleaseLeaseAsync(string app, MachineId machine, string nonce, CancellationToken cancellationToken) =>
        replica.CallAsync("release", () => platform.ReleaseLeaseAsync(app, machine, nonce, cancellationToken));

    public Task<MachinesResult<Done>> SetMetadataAsync(string app, MachineId machine, string key, string value, CancellationToken cancellationToken) =>
        replica.CallAsync("metadata", () => platform.SetMetadataAsync(app, machine, key, value, cancellationToken));

    public Task<MachinesResult<Done>> DestroyAsync(string app, MachineId machine, bool force, string? nonce, CancellationToken cancellationToken) =>
        replica.CallAsync("destroy", () => platform.DestroyAsync(app, machine, force, nonce, cancellationToken));

    public Task<MachinesResult<IReadOnlyList<Volume>>> ListVolumesAsync(string app, CancellationToken cancellationToken) =>
        replica.CallAsync("volumes.list", () => platform.ListVolumesAsync(app, cancellationToken));

    public Task<MachinesResult<Volume>> GetVolumeAsync(string app, VolumeId volume, CancellationToken cancellationToken) =>
        replica.CallAsync("volumes.get", () => platform.GetVolumeAsync(app, volume, cancellationToken));

    public Task<MachinesResult<Volume>> CreateVolumeAsync(string app, NewVolume volume, CancellationToken cancellationToken) =>
        replica.CallAsync("volumes.create", () => platform.CreateVolumeAsync(app, volume, cancellationToken));

    public Task<MachinesResult<Volume>> ExtendVolumeAsync(string app, VolumeId volume, int sizeGb, CancellationToken cancellationToken) =>
        replica.CallAsync("volumes.extend", () => platform.ExtendVolumeAsync(app, volume, sizeGb, cancellationToken));

    public Task<MachinesResult<IReadOnlyList<VolumeSnapshot>>> ListSnapshotsAsync(string app, VolumeId volume, CancellationToken cancellationToken) =>
        replica.CallAsync("volumes.snapshots", () => platform.ListSnapshotsAsync(app, volume, cancellationToken));

    public Task<MachinesResult<Done>> TakeSnapshotAsync(string app, VolumeId volume, CancellationToken cancellationToken) =>
        replica.CallAsync("volumes.snapshot", () => platform.TakeSnapshotAsync(app, volume, cancellationToken));

    public Task<MachinesResult<Done>> DestroyVolumeAsync(string app, VolumeId volume, CancellationToken cancellationToken) =>
        replica.CallAsync("volumes.destroy", () => platform.DestroyVolumeAsync(app, volume, cancellationToken));
}
