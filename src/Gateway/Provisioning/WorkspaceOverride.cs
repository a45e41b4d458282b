using System.Text.Json;
using System.Text.Json.Serialization;
using Gateway.Sessions;

namespace Gateway.Provisioning;

/// <summary>Where one user's workspace differs from the template. What is null is the template's.</summary>
internal sealed record WorkspaceOverride
{
    public string? Image { get; init; }
    public string? CpuKind { get; init; }
    public int? Cpus { get; init; }
    public int? MemoryMb { get; init; }
    public int? VolumeSizeGb { get; init; }

    /// <summary>Instead of the template's, in order.</summary>
    public IReadOnlyList<string>? Regions { get; init; }

    [JsonIgnore]
    public bool IsEmpty => this == new WorkspaceOverride();

    /// <summary>What is wrong with it, laid over the template; empty: nothing.</summary>
    public IReadOnlyList<string> FaultsOver(WorkspaceOptions template) => WorkspaceOptionsValidator.FaultsOf(this, template);
}

[JsonSourceGenerationOptions(
    PropertyNamingPolicy = JsonKnownNamingPolicy.SnakeCaseLower,
    DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull,
    UnmappedMemberHandling = JsonUnmappedMemberHandling.Skip)]
[JsonSerializable(typeof(WorkspaceOverride))]
internal sealed partial class OverrideJson : JsonSerializerContext;

/// <summary>The overrides of all users, in the session map. No machine's metadata can bring them back.</summary>
internal sealed class WorkspaceOverrides(INotes notes)
{
    /// <summary>The kind of note they are kept as.</summary>
    public const string Kind = "overrides";

    public async Task<WorkspaceOverride?> FindAsync(UserId user, CancellationToken cancellationToken) =>
        await notes.ReadAsync(Kind, user.Value, cancellationToken) is { } text ? Read(text) : null;

    public async Task<IReadOnlyList<(UserId User, WorkspaceOverride Override)>> ReadAllAsync(CancellationToken cancellationToken) =>
        [.. (await notes.ReadAllAsync(Kind, cancellationToken)).Select(note => (User: new UserId(note.Key), Override: Read(note.Value)))
            .Where(note => note.Override is not null).Select(note => (note.User, note.Override!)).OrderBy(note => note.User.Value, StringComparer.Ordinal)];

    public Task WriteAsync(UserId user, WorkspaceOverride own, CancellationToken cancellationToken) =>
        notes.WriteAsync(Kind, new Dictionary<string, string?> { [user.Value] = own.IsEmpty ? null : JsonSerializer.Serialize(own, OverrideJson.Default.WorkspaceOverride) }, cancellationToken);

    // One that cannot be read must not keep its user out: the template is always a workspace.
    private static WorkspaceOverride? Read(string text)
    {
        try
        {
            return JsonSerializer.Deserialize(text, OverrideJson.Default.WorkspaceOverride);
        }
        catch (JsonException)
        {
            return null;
        }
    }
}
