namespace Gateway.Machines;

/// <summary>
/// The Machines API as the rest of the gateway needs it. A process boundary: <see cref="MachinesClient"/> speaks HTTP, the simulation speaks to itself.
/// Every call answers with a result; an exception is a bug or the caller's own cancellation. Calls wait for their turn under the documented rates.
/// <c>app</c> is the Fly app the machine lives in. <c>nonce</c> is that of a held <see cref="MachineLease"/>.
/// </summary>
internal interface IMachines
{
    /// <summary>One page of the app's machines whose metadata has all of <paramref name="metadata"/>; start with a null cursor.</summary>
    Task<MachinesResult<MachinePage>> ListAsync(string app, IReadOnlyDictionary<string, string> metadata, string? cursor, CancellationToken cancellationToken);

    Task<MachinesResult<Machine>> GetAsync(string app, MachineId machine, CancellationToken cancellationToken);

    /// <summary>Creates and starts, or only creates when <paramref name="launch"/> is false. <see cref="MachinesFailureKind.Ambiguous"/>: look for the name before repeating.</summary>
    Task<MachinesResult<Machine>> CreateAsync(string app, NewMachine machine, bool launch, CancellationToken cancellationToken);

    /// <summary>Replaces the whole configuration, provided that <paramref name="currentVersion"/> is still the current one.</summary>
    Task<MachinesResult<Machine>> UpdateAsync(string app, MachineId machine, MachineConfig config, string currentVersion, string? nonce, bool launch, CancellationToken cancellationToken);

    Task<MachinesResult<Done>> StartAsync(string app, MachineId machine, string? nonce, CancellationToken cancellationToken);

    /// <summary>Asks for a stop; the platform carries it out in its own time.</summary>
    Task<MachinesResult<Done>> StopAsync(string app, MachineId machine, TimeSpan? grace, string? nonce, CancellationToken cancellationToken);

    Task<MachinesResult<Done>> SuspendAsync(string app, MachineId machine, string? nonce, CancellationToken cancellationToken);

    /// <summary>Waits, at most 60 s, until the machine is in <paramref name="state"/> (<c>started</c>, <c>stopped</c>, <c>suspended</c>, <c>destroyed</c>, <c>settled</c>).</summary>
    Task<MachinesResult<Done>> WaitAsync(string app, MachineId machine, string state, string? version, TimeSpan timeout, CancellationToken cancellationToken);

    Task<MachinesResult<MachineLease>> LeaseAsync(string app, MachineId machine, TimeSpan duration, string description, CancellationToken cancellationToken);

    Task<MachinesResult<Done>> ReleaseLeaseAsync(string app, MachineId machine, string nonce, CancellationToken cancellationToken);

    Task<MachinesResult<Done>> SetMetadataAsync(string app, MachineId machine, string key, string value, CancellationToken cancellationToken);

    Task<MachinesResult<Done>> DestroyAsync(string app, MachineId machine, bool force, string? nonce, CancellationToken cancellationToken);

    Task<MachinesResult<IReadOnlyList<Volume>>> ListVolumesAsync(string app, CancellationToken cancellationToken);

    Task<MachinesResult<Volume>> GetVolumeAsync(string app, VolumeId volume, CancellationToken cancellationToken);

    Task<MachinesResult<Volume>> CreateVolumeAsync(string app, NewVolume volume, CancellationToken cancellationToken);

    Task<MachinesResult<Volume>> ExtendVolumeAsync(string app, VolumeId volume, int sizeGb, CancellationToken cancellationToken);

    Task<MachinesResult<IReadOnlyList<VolumeSnapshot>>> ListSnapshotsAsync(string app, VolumeId volume, CancellationToken cancellationToken);

    Task<MachinesResult<Done>> TakeSnapshotAsync(string app, VolumeId volume, CancellationToken cancellationToken);

    /// <summary>Only ever called for an operator's explicit, confirmed request.</summary>
    Task<MachinesResult<Done>> DestroyVolumeAsync(string app, VolumeId volume, CancellationToken cancellationToken);
}

/// <summary>A machine to create. The name is unique in its app and never changes.</summary>
internal sealed record NewMachine(string Name, string Region, MachineConfig Config);

/// <summary>A volume to create. The name has 1 to 30 of <c>a-z 0-9 _</c> and need not be unique; <paramref name="Guest"/> asks for a host that also has room for the machine.</summary>
internal sealed record NewVolume(string Name, string Region, int SizeGb, MachineGuest Guest)
{
    /// <summary>The snapshot it begins with; null: empty.</summary>
    public string? Snapshot { get; init; }
}
