using Gateway.Sessions;

namespace Gateway.FunctionalTests;

/// <summary>A ledger of which nothing was ever written.</summary>
internal class EmptyLedger : ILedger
{
    public virtual Task ReportAsync(long minute, IReadOnlyList<MachineUse> uses, CancellationToken cancellationToken) => Task.CompletedTask;

    public Task<(IReadOnlyList<LedgerSum> Days, DateTimeOffset? Began)> ReadDaysAsync(DateOnly first, DateOnly last, DateTimeOffset now, CancellationToken cancellationToken) =>
        Task.FromResult<(IReadOnlyList<LedgerSum>, DateTimeOffset?)>(([.. Enumerable.Range(0, last.DayNumber - first.DayNumber + 1).Select(static _ => new LedgerSum())], null));

    public Task<IReadOnlyList<LedgerSum>> ReadMachinesAsync(LedgerMonth month, IReadOnlyList<MachineId> machines, DateTimeOffset now, CancellationToken cancellationToken) =>
        Task.FromResult<IReadOnlyList<LedgerSum>>([.. machines.Select(static _ => new LedgerSum())]);

    public Task<IReadOnlyList<LedgerSum>> ReadVolumesAsync(LedgerMonth month, IReadOnlyList<VolumeId> volumes, DateTimeOffset now, CancellationToken cancellationToken) =>
        Task.FromResult<IReadOnlyList<LedgerSum>>([.. volumes.Select(static _ => new LedgerSum())]);

    public Task<IReadOnlyList<long>> CountSharersAsync(IReadOnlyList<VolumeId> volumes, CancellationToken cancellationToken) => Task.FromResult<IReadOnlyList<long>>([.. volumes.Select(static _ => 1L)]);

    public Task<IReadOnlyList<MachineId>> ListIdleAsync(LedgerMonth month, int limit, CancellationToken cancellationToken) => Task.FromResult<IReadOnlyList<MachineId>>([]);

    public Task<long> CountOverdueAsync(DateTimeOffset since, CancellationToken cancellationToken) => Task.FromResult(0L);
}
