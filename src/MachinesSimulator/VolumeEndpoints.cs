using System.Security.Cryptography;
using System.Text.Json.Nodes;

namespace MachinesSimulator;

/// <summary>The calls below <c>/v1/apps/{app}/volumes</c>.</summary>
internal sealed class VolumeEndpoints(SimulatedCloud cloud, SimulatorOptions options)
{
    private const string All = "/v1/apps/{app}/volumes";
    private const string One = All + "/{volume}";

    public void Map(IEndpointRouteBuilder endpoints, ApiEndpoint api)
    {
        endpoints.MapGet(All, api.Of("volumes.list", call => new JsonArray([.. cloud.Volumes.Where(volume => volume.App == call.App).Select(static volume => volume.Describe())])));
        endpoints.MapPost(All, api.Of("volumes.create", call => cloud.CreateVolume(call.App, call.Body).Describe()));
        endpoints.MapGet(One, api.Of("volumes.get", call => Found(call).Describe()));
        endpoints.MapPut(One + "/extend", api.Of("volumes.extend", Extend));
        endpoints.MapGet(One + "/snapshots", api.Of("volumes.snapshots", call => new JsonArray([.. Found(call).Snapshots.Select(static snapshot => snapshot.DeepClone())])));
        endpoints.MapPost(One + "/snapshots", api.Of("volumes.snapshot", TakeSnapshot));
        endpoints.MapDelete(One, api.Of("volumes.destroy", Destroy));
    }

    private SimulatedVolume Found(ApiCall call) => cloud.Volume(call.App, call.Volume!);

    private JsonNode Extend(ApiCall call)
    {
        var volume = Found(call);
        var size = call.Body["size_gb"]?.GetValue<int>() ?? 0;
        if (size <= volume.SizeGb || size > 500)
        {
            throw ApiError.Invalid("size_gb must be larger than the volume and at most 500");
        }

        volume.SizeGb = size;
        cloud.Changed();
        return new JsonObject { ["volume"] = volume.Describe(), ["needs_restart"] = false };
    }

    private JsonNode TakeSnapshot(ApiCall call)
    {
        var volume = Found(call);
        var snapshot = new JsonObject
        {
            ["id"] = "vs_" + RandomNumberGenerator.GetHexString(16, lowercase: true),
            ["size"] = 1024,
            ["volume_size"] = (long)volume.SizeGb << 30,
            ["digest"] = "",
            ["created_at"] = options.Time.GetUtcNow().ToString("O"),
            ["status"] = "created",
            ["retention_days"] = 5,
        };
        cloud.KeepSnapshot(volume, snapshot["id"]!.GetValue<string>());
        volume.Snapshots.Insert(0, snapshot);
        return snapshot.DeepClone();
    }

    /// <summary>A volume is not gone at once: for a day it can be seen, and not be used.</summary>
    private JsonNode Destroy(ApiCall call)
    {
        var volume = Found(call);
        if (volume.Machine is not null)
        {
            throw ApiError.Precondition($"volume is attached to machine {volume.Machine}");
        }

        volume.State = "pending_destroy";
        cloud.Changed();
        return volume.Describe();
    }
}
