using System.Text.Json;
using System.Text.Json.Serialization;
using Gateway.Sessions;

namespace Gateway.Reconciling;

/// <summary>One comparison, as every replica can read it.</summary>
/// <param name="Incomplete">Why it does not count as a whole one; null: it does.</param>
internal sealed record ReconcilePass(DateTimeOffset At, double Seconds, int Machines, int Sessions, int Volumes, string? Incomplete, string Replica);

[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.SnakeCaseLower)]
[JsonSerializable(typeof(ReconcilePass))]
internal sealed partial class ReconcilePassJson : JsonSerializerContext;

/// <summary>The drift that stands, shared by the replicas: one compares, any of them tells.</summary>
internal sealed class DriftList(INotes notes)
{
    private const string Kind = "drift";
    private const string PassKind = "reconciling";
    private const string Pass = "pass";

    /// <summary>Oldest first.</summary>
    public async Task<IReadOnlyList<Drift>> ReadAsync(CancellationToken cancellationToken) =>
        [.. (await notes.ReadAllAsync(Kind, cancellationToken)).Values.Select(text => JsonSerializer.Deserialize(text, DriftJson.Default.Drift)).OfType<Drift>().OrderBy(drift => drift.FirstSeen).ThenBy(drift => drift.Key, StringComparer.Ordinal)];

    public async Task<ReconcilePass?> ReadPassAsync(CancellationToken cancellationToken) =>
        await notes.ReadAsync(PassKind, Pass, cancellationToken) is { } text ? JsonSerializer.Deserialize(text, ReconcilePassJson.Default.ReconcilePass) : null;

    /// <summary>What was found now takes the place of what stood, with the time it was first seen; after an incomplete comparison nothing counts as gone.</summary>
    public async Task<IReadOnlyList<Drift>> MergeAsync(List<Drift> found, ReconcilePass pass, CancellationToken cancellationToken)
    {
        var known = (await ReadAsync(cancellationToken)).GroupBy(drift => drift.Key).ToDictionary(same => same.Key, same => same.First());
        var merged = found.GroupBy(drift => drift.Key).Select(same => same.First())
            .Select(drift => known.GetValueOrDefault(drift.Key) is { } before
                ? drift with { FirstSeen = before.FirstSeen, LastSeen = pass.At, Outcome = before.Outcome }
                : drift with { FirstSeen = pass.At, LastSeen = pass.At })
            .ToList();
        var notesNow = merged.ToDictionary(drift => drift.Key, drift => (string?)Print(drift));
        foreach (var key in pass.Incomplete is null ? known.Keys.Where(key => !notesNow.ContainsKey(key)).ToList() : [])
        {
            notesNow[key] = null;
        }

        await notes.WriteAsync(Kind, notesNow, cancellationToken);
        await notes.WriteAsync(PassKind, new Dictionary<string, string?> { [Pass] = JsonSerializer.Serialize(pass, ReconcilePassJson.Default.ReconcilePass) }, cancellationToken);
        return merged;
    }

    public Task SaveAsync(Drift drift, CancellationToken cancellationToken) => notes.WriteAsync(Kind, new Dictionary<string, string?> { [drift.Key] = Print(drift) }, cancellationToken);

    private static string Print(Drift drift) => JsonSerializer.Serialize(drift, DriftJson.Default.Drift);
}
