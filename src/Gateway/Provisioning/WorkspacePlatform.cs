using Gateway.Machines;

namespace Gateway.Provisioning;

/// <summary>The calls of the platform that a build makes: each under the claim's lease, the passing refusals repeated a few times.</summary>
internal sealed class WorkspacePlatform(IMachines machines)
{
    private static readonly TimeSpan FirstPause = TimeSpan.FromMilliseconds(500);
    private static readonly TimeSpan LongestPause = TimeSpan.FromSeconds(5);
    private const int Tries = 4;

    /// <summary>A look without a claim.</summary>
    public Task<MachinesResult<Machine>> PeekAsync(string app, MachineId machine, CancellationToken cancellationToken) => machines.GetAsync(app, machine, cancellationToken);

    public Task<MachinesResult<Machine>> GetAsync(ProvisioningClaim claim, string app, MachineId machine, CancellationToken cancellationToken) =>
        TryAsync(claim, ours => machines.GetAsync(app, machine, ours), cancellationToken);

    public Task<MachinesResult<MachinePage>> ListAsync(ProvisioningClaim claim, string app, IReadOnlyDictionary<string, string> metadata, string? cursor, CancellationToken cancellationToken) =>
        TryAsync(claim, ours => machines.ListAsync(app, metadata, cursor, ours), cancellationToken);

    /// <summary>Launched at once: the boot is under way while the records are written, and a wake finds it starting already.</summary>
    public Task<MachinesResult<Machine>> CreateAsync(ProvisioningClaim claim, string app, NewMachine machine, CancellationToken cancellationToken) =>
        TryAsync(claim, ours => machines.CreateAsync(app, machine, launch: true, ours), cancellationToken);

    public Task<MachinesResult<IReadOnlyList<Volume>>> ListVolumesAsync(ProvisioningClaim claim, string app, CancellationToken cancellationToken) =>
        TryAsync(claim, ours => machines.ListVolumesAsync(app, ours), cancellationToken);

    public Task<MachinesResult<Volume>> GetVolumeAsync(ProvisioningClaim claim, string app, VolumeId volume, CancellationToken cancellationToken) =>
        TryAsync(claim, ours => machines.GetVolumeAsync(app, volume, ours), cancellationToken);

    public Task<MachinesResult<Volume>> CreateVolumeAsync(ProvisioningClaim claim, string app, NewVolume volume, CancellationToken cancellationToken) =>
        TryAsync(claim, ours => machines.CreateVolumeAsync(app, volume, ours), cancellationToken);

    private static async Task<MachinesResult<T>> TryAsync<T>(ProvisioningClaim claim, Func<CancellationToken, Task<MachinesResult<T>>> call, CancellationToken cancellationToken)
    {
        var pause = FirstPause;
        for (var attempt = 1; ; attempt++)
        {
            var result = await claim.DuringAsync(call, cancellationToken);
            if (attempt == Tries || result.Failure is not { Kind: MachinesFailureKind.Unavailable or MachinesFailureKind.RateLimited or MachinesFailureKind.NotYet } failure)
            {
                return result;
            }

            var asked = failure.RetryAfter ?? pause;
            if (asked > LongestPause)
            {
                return result;
            }

            await claim.PauseAsync(asked, cancellationToken);
            pause *= 2;
        }
    }
}
