using System.Globalization;

namespace Gateway.Sessions;

/// <summary>What something is paid by: how it stands, where, and its size. An empty region or a size of 0 was not known when it was written.</summary>
/// <param name="What"><see cref="Running"/>, <see cref="Suspended"/>, <see cref="Stopped"/> or <see cref="Volume"/>.</param>
internal sealed record LedgerEntry(string What, string Region, string CpuKind = "", int Cpus = 0, int MemoryMb = 0, int VolumeGb = 0)
{
    public const string Running = "running";
    public const string Suspended = "suspended";
    public const string Stopped = "stopped";
    public const string Volume = "volume";

    /// <summary>The account goes on as it was.</summary>
    private const string Unchanged = "=";

    /// <summary>The text the record's script keeps the account under.</summary>
    public static string Of(MachineRecord record)
    {
        var what = record.State switch
        {
            MachineRecordState.Waking or MachineRecordState.Awake or MachineRecordState.Draining or MachineRecordState.Stopping => Running,
            MachineRecordState.Asleep when record.Suspended => Suspended,
            MachineRecordState.Asleep or MachineRecordState.Failed => Stopped,
            MachineRecordState.Gone => "",
            _ => Unchanged,
        };
        return what is "" or Unchanged
            ? what
            : string.Create(CultureInfo.InvariantCulture, $"{what}|{record.Region}|{record.Make?.Spec.CpuKind}|{record.Make?.Spec.Cpus ?? 0}|{record.Make?.Spec.MemoryMb ?? 0}");
    }

    /// <inheritdoc cref="Of(MachineRecord)"/>
    public static string Of(Session session) =>
        session.Volume is null ? "" : string.Create(CultureInfo.InvariantCulture, $"{Volume}|{session.Region}|{session.VolumeGb ?? 0}");

    /// <summary>Null: a field of the ledger that is no entry, or one of a newer version.</summary>
    public static LedgerEntry? TryParse(string text) => text.Split('|') switch
    {
        [Running or Suspended or Stopped, _, _, var cpus, var memory] parts when Number(cpus) is { } many && Number(memory) is { } size => new(parts[0], parts[1], parts[2], many, size),
        [Volume, var region, var size] when Number(size) is { } gb => new(Volume, region, VolumeGb: gb),
        _ => null,
    };

    private static int? Number(string text) => int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out var number) ? number : null;
}
