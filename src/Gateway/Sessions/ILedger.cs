namespace Gateway.Sessions;

/// <summary>
/// What was used, by month and by day: the record scripts of the map account for states and volumes, replicas report what passed. Nothing here costs by the number of machines, but for what is asked
/// about machines by name. Months and days are UTC's. A process boundary like <see cref="ISessionMap"/>, with the same exception when the map does not answer.
/// </summary>
internal interface ILedger
{
    /// <summary>What this replica saw of machines in one minute that is over.</summary>
    Task ReportAsync(long minute, IReadOnlyList<MachineUse> uses, CancellationToken cancellationToken);

    /// <summary>All machines and volumes together on each day from the first to the last, what still goes on up to <paramref name="now"/> included; and when the ledger began, null: not yet.</summary>
    Task<(IReadOnlyList<LedgerSum> Days, DateTimeOffset? Began)> ReadDaysAsync(DateOnly first, DateOnly last, DateTimeOffset now, CancellationToken cancellationToken);

    /// <summary>Each machine in the month, in the order asked for.</summary>
    Task<IReadOnlyList<LedgerSum>> ReadMachinesAsync(LedgerMonth month, IReadOnlyList<MachineId> machines, DateTimeOffset now, CancellationToken cancellationToken);

    /// <summary>Each volume in the month, in the order asked for.</summary>
    Task<IReadOnlyList<LedgerSum>> ReadVolumesAsync(LedgerMonth month, IReadOnlyList<VolumeId> volumes, DateTimeOffset now, CancellationToken cancellationToken);

    /// <summary>For each volume how many users are assigned it, in the order asked for.</summary>
    Task<IReadOnlyList<long>> CountSharersAsync(IReadOnlyList<VolumeId> volumes, CancellationToken cancellationToken);

    /// <summary>Machines that may be those which were awake without use for the longest in the month: those with the most such time in lives that are over, and those awake for the longest now.</summary>
    Task<IReadOnlyList<MachineId>> ListIdleAsync(LedgerMonth month, int limit, CancellationToken cancellationToken);

    /// <summary>How many machines are awake although they might have been put to sleep since then or longer.</summary>
    Task<long> CountOverdueAsync(DateTimeOffset since, CancellationToken cancellationToken);
}

/// <summary>What passed on one machine through one replica in one minute.</summary>
/// <param name="Turns">A digit for each turn of <see cref="LedgerMonth.Turn"/>: 0 nothing, 1 a socket was open, 2 something that counts as use passed.</param>
/// <param name="Egress">Bytes sent to clients.</param>
/// <param name="Used">Something that counts as use passed.</param>
internal readonly record struct MachineUse(MachineId Machine, string Turns, long Egress, bool Used);

/// <summary>What was used of something in a span of time.</summary>
internal sealed class LedgerSum
{
    /// <summary>How long, by what it is paid by.</summary>
    public Dictionary<LedgerEntry, TimeSpan> Entries { get; } = [];

    /// <summary>Bytes sent out, by region; '' is not known.</summary>
    public Dictionary<string, long> Egress { get; } = new(StringComparer.Ordinal);

    public TimeSpan Active { get; set; }

    public TimeSpan Attached { get; set; }

    public long Wakes { get; set; }

    /// <summary>Lives of a machine that ended without use.</summary>
    public long Wasted { get; set; }

    public void Add(LedgerSum other)
    {
        foreach (var (entry, span) in other.Entries)
        {
            Add(entry, span);
        }

        foreach (var (region, bytes) in other.Egress)
        {
            Egress[region] = Egress.GetValueOrDefault(region) + bytes;
        }

        (Active, Attached, Wakes, Wasted) = (Active + other.Active, Attached + other.Attached, Wakes + other.Wakes, Wasted + other.Wasted);
    }

    public void Add(LedgerEntry entry, TimeSpan span) => Entries[entry] = Entries.GetValueOrDefault(entry) + span;

    public TimeSpan In(string what) => new(Entries.Where(entry => entry.Key.What == what).Sum(static entry => entry.Value.Ticks));
}
