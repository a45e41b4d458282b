using System.Net;
using System.Text.Json.Nodes;

namespace MachinesSimulator;

/// <summary>One machine: what the API says of it, and what runs. Read and changed under the cloud's lock; its life is in <see cref="MachineLife"/>.</summary>
internal sealed class SimulatedMachine : IDisposable
{
    public required string Id { get; init; }
    public required string App { get; init; }
    public required string Name { get; init; }
    public required string Region { get; init; }
    public required JsonObject Config { get; set; }
    public required string Version { get; set; }
    public required Front Front { get; set; }
    public string State { get; set; } = "created";
    public DateTimeOffset CreatedAt { get; init; }
    public DateTimeOffset UpdatedAt { get; set; }

    /// <summary>Until then a start is refused as "still active".</summary>
    public DateTimeOffset ActiveUntil { get; set; }
    public List<JsonObject> Events { get; init; } = [];
    public JsonObject? Lease { get; set; }
    public string? Nonce { get; set; }
    public DateTimeOffset LeaseUntil { get; set; }
    public bool HostFull { get; set; }
    public bool HostUnreachable { get; set; }
    public bool NeverHealthy { get; set; }

    /// <summary>How long the next boots stay silent and then refuse, beyond what the options say; for images inside the simulator.</summary>
    public TimeSpan? BootDelay { get; set; }
    public TimeSpan RefuseFor { get; set; }
    public FrontMode? Forced { get; set; }
    public WorkspaceProcess? Process { get; set; }

    /// <summary>When it last began to take connections, by the time provider's own count; the image inside the simulator tells it with each answer.</summary>
    public long OpenSince { get; set; }

    /// <summary>Counts lives; work of an earlier one finds that it is over.</summary>
    public int Life { get; set; }

    /// <summary>Accepted starts, creations that launched included.</summary>
    public int Starts { get; set; }

    /// <summary>Requests that the image inside the simulator answered in this boot.</summary>
    public int Requests { get; set; }

    public string Image => Config["image"]?.GetValue<string>() ?? "";

    public string? VolumeId => Config["mounts"]?[0]?["volume"]?.GetValue<string>();

    public IPAddress Address => Front.Address.Address;

    public JsonObject Metadata => (JsonObject)(Config["metadata"] ??= new JsonObject());

    /// <summary>Refuses what only the machine's host could do.</summary>
    public void RequireHost()
    {
        if (HostUnreachable)
        {
            throw new ApiError(408, "deadline_exceeded: the machine's host does not answer");
        }
    }

    public JsonObject Describe(bool lease = false)
    {
        var machine = new JsonObject
        {
            ["id"] = Id,
            ["name"] = Name,
            ["state"] = State,
            ["region"] = Region,
            ["instance_id"] = Version,
            ["private_ip"] = Address.ToString(),
            ["created_at"] = CreatedAt.ToString("O"),
            ["updated_at"] = UpdatedAt.ToString("O"),
            ["image_ref"] = new JsonObject { ["registry"] = "registry.fly.io", ["repository"] = Image, ["tag"] = "latest", ["digest"] = "sha256:0" },
            ["config"] = HostUnreachable ? null : Config.DeepClone(),
            ["host_status"] = HostUnreachable ? "unreachable" : "ok",
            ["events"] = new JsonArray([.. Events.Select(static e => e.DeepClone())]),
        };
        if (lease && Lease is { } held)
        {
            machine["lease"] = held.DeepClone();
        }

        return machine;
    }

    public void Add(string type, string status, DateTimeOffset now, JsonObject? exit = null)
    {
        UpdatedAt = now;
        var entry = new JsonObject { ["id"] = Guid.NewGuid().ToString("N"), ["type"] = type, ["status"] = status, ["source"] = "flyd", ["timestamp"] = now.ToUnixTimeMilliseconds() };
        if (exit is not null)
        {
            entry["request"] = new JsonObject { ["exit_event"] = exit, ["restart_count"] = 0 };
        }

        // Newest first, as the API has them.
        Events.Insert(0, entry);
        if (Events.Count > 50)
        {
            Events.RemoveAt(Events.Count - 1);
        }
    }

    public void Dispose() => Front.Dispose();
}
