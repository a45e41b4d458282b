using System.Text.Json.Nodes;

namespace MachinesSimulator;

/// <summary>A volume: a folder that outlives machines. Read and changed under the cloud's lock.</summary>
internal sealed class SimulatedVolume
{
    public required string Id { get; set; }
    public required string App { get; init; }
    public required string Name { get; init; }
    public required string Region { get; init; }
    public int SizeGb { get; set; }
    public string State { get; set; } = "created";
    public string? Machine { get; set; }
    public DateTimeOffset CreatedAt { get; init; }
    public List<JsonObject> Snapshots { get; init; } = [];

    /// <summary>The folder's name below the volumes' folder; it stays when the id changes by a migration.</summary>
    public required string Folder { get; init; }

    public JsonObject Describe() => new()
    {
        ["id"] = Id,
        ["name"] = Name,
        ["state"] = State,
        ["region"] = Region,
        ["size_gb"] = SizeGb,
        ["zone"] = "a1b2",
        ["encrypted"] = true,
        ["attached_machine_id"] = Machine,
        ["attached_alloc_id"] = null,
        ["created_at"] = CreatedAt.ToString("O"),
        ["blocks"] = 0,
        ["block_size"] = 4096,
        ["blocks_free"] = 0,
        ["blocks_avail"] = 0,
        ["bytes_total"] = (long)SizeGb << 30,
        ["bytes_used"] = 1L << 20,
        ["fstype"] = "ext4",
        ["snapshot_retention"] = 5,
        ["auto_backup_enabled"] = true,
        ["host_status"] = "ok",
    };
}
