using System.Text.Json;
using System.Text.Json.Serialization;
using Gateway.Sessions;

namespace Gateway.Provisioning;

[JsonSourceGenerationOptions]
[JsonSerializable(typeof(MachineSpec))]
internal sealed partial class SpecJson : JsonSerializerContext;

/// <summary>
/// Which template machines are brought to while replicas of two run side by side: that of the replica that started last. Without this, during a deploy, an
/// old replica's wake would take a user back to the image they just left, and their files with it to a program that does not know them.
/// </summary>
internal sealed class TemplateInForce(INotes notes, WorkspaceTemplate template)
{
    private const string Kind = "template";
    private const string Key = "spec";

    private volatile bool _announced;

    /// <summary>Once, when this replica starts: from now on it is this one's.</summary>
    public async Task AnnounceAsync(CancellationToken cancellationToken)
    {
        if (!_announced)
        {
            await WriteAsync(cancellationToken);
            _announced = true;
        }
    }

    /// <summary>False: a replica that started later has another template, and machines are its to upgrade.</summary>
    public async Task<bool> IsOursAsync(CancellationToken cancellationToken)
    {
        await AnnounceAsync(cancellationToken);
        var spec = await notes.ReadAsync(Kind, Key, cancellationToken) is { } text ? JsonSerializer.Deserialize(text, SpecJson.Default.MachineSpec) : null;
        if (spec is null)
        {
            // The map was lost: whoever asks first says it again, and a deploy that was under way goes on to its end.
            await WriteAsync(cancellationToken);
        }

        return spec is null || spec == template.SpecFor(null);
    }

    private Task WriteAsync(CancellationToken cancellationToken) =>
        notes.WriteAsync(Kind, new Dictionary<string, string?> { [Key] = JsonSerializer.Serialize(template.SpecFor(null), SpecJson.Default.MachineSpec) }, cancellationToken);
}
