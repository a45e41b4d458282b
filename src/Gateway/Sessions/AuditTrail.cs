using System.Text.Json;
using System.Text.Json.Serialization;

namespace Gateway.Sessions;

/// <summary>One step that took something away from somebody, or could have.</summary>
/// <param name="Action">A stable word: <c>machine-destroyed</c>, <c>volume-destroyed</c>, …</param>
/// <param name="Subject">The machine, volume or user it was done to.</param>
/// <param name="By">The operator, or <c>gateway</c>.</param>
internal sealed record AuditEntry(string Id, DateTimeOffset At, string Action, string Subject, string By, string Detail, string Replica);

[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.SnakeCaseLower)]
[JsonSerializable(typeof(AuditEntry))]
internal sealed partial class AuditJson : JsonSerializerContext;

/// <summary>
/// The steps that cannot be taken back, in the order they were taken. Written before the step: a step without its entry would be worse than an entry without
/// its step.
/// </summary>
internal sealed class AuditTrail(INotes notes, Replica replica, TimeProvider time)
{
    public const string Log = "audit";
    public const string Gateway = "gateway";
    private const int Kept = 10_000;

    public Task RecordAsync(string action, string subject, string by, string detail, CancellationToken cancellationToken) =>
        AppendAsync(new AuditEntry(Guid.NewGuid().ToString("N"), time.GetUtcNow(), action, subject, by, detail, replica.Name), cancellationToken);

    /// <summary>Also for what an export brings back.</summary>
    public Task AppendAsync(AuditEntry entry, CancellationToken cancellationToken) =>
        notes.AppendAsync(Log, JsonSerializer.Serialize(entry, AuditJson.Default.AuditEntry), Kept, cancellationToken);

    /// <summary>Newest first.</summary>
    public async Task<IReadOnlyList<AuditEntry>> ReadLastAsync(int limit, CancellationToken cancellationToken) =>
        [.. (await notes.ReadLastAsync(Log, limit, cancellationToken)).Select(text => JsonSerializer.Deserialize(text, AuditJson.Default.AuditEntry)).OfType<AuditEntry>()];
}
