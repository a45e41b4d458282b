using System.Globalization;
using System.Text.Json;
using System.Text.Json.Serialization;
using StackExchange.Redis;

namespace Gateway.Sessions;

/// <summary>The history in Redis: a sorted set for each machine, and one for the events, in the order of the map's sequence.</summary>
internal sealed class RedisRouteHistory(MapCalls calls, MapKeys keys) : IRouteHistory
{
    private const int CausesKept = 50;
    private const int EntriesAtOnce = 200;

    private static readonly TimeSpan CausesKeptFor = TimeSpan.FromDays(30);
    private static readonly TimeSpan VisitsKeptFor = TimeSpan.FromSeconds(30);

    public async Task AppendAsync(IReadOnlyList<RouteCause> causes, CancellationToken cancellationToken)
    {
        foreach (var some in causes.Chunk(EntriesAtOnce))
        {
            RedisKey[] where = [keys.Sequence, keys.Events, .. some.Select(cause => keys.Causes(cause.Machine))];
            RedisValue[] what =
            [
                keys.Changes.ToString(), CausesKept, (long)CausesKeptFor.TotalSeconds,
                .. some.SelectMany(static cause => new RedisValue[] { cause.At.ToUnixTimeMilliseconds(), Print(cause), cause.Machine.Value, cause.Kind == "use" ? 0 : 1 }),
            ];
            await calls.ScriptAsync(HistoryScripts.Append, where, what, cancellationToken);
        }
    }

    public async Task<IReadOnlyList<RouteCause>> ReadCausesAsync(MachineId machine, CancellationToken cancellationToken)
    {
        var causes = await calls.CallAsync(database => database.SortedSetRangeByRankAsync(keys.Causes(machine), 0, CausesKept - 1, Order.Descending), cancellationToken);
        return [.. causes.Select(cause => Read(cause.ToString(), machine))];
    }

    public async Task<IReadOnlyList<StateChange>> ReadTimelineAsync(MachineId machine, DateTimeOffset since, CancellationToken cancellationToken)
    {
        var all = await calls.CallAsync(database => database.SortedSetRangeByRankWithScoresAsync(keys.Timeline(machine)), cancellationToken);
        var changes = all.Select(static entry => new StateChange(DateTimeOffset.FromUnixTimeMilliseconds((long)entry.Score), entry.Element.ToString().Split('|', 2)[1])).ToList();
        var first = changes.FindLastIndex(change => change.At <= since);
        return first > 0 ? changes[first..] : changes;
    }

    public async Task<IReadOnlyList<RouteEvent>> ReadEventsAsync(long after, int limit, CancellationToken cancellationToken)
    {
        var events = await calls.CallAsync(
            database => database.SortedSetRangeByScoreAsync(keys.Events, after, double.PositiveInfinity, Exclude.Start, Order.Ascending, 0, limit), cancellationToken);
        return [.. events.Select(static text => ReadEvent(text.ToString()))];
    }

    public async Task<(long First, long Last)> ReadEventRangeAsync(CancellationToken cancellationToken)
    {
        var first = calls.CallAsync(database => database.SortedSetRangeByRankWithScoresAsync(keys.Events, 0, 0), cancellationToken);
        var last = await calls.CallAsync(database => database.SortedSetRangeByRankWithScoresAsync(keys.Events, -1, -1), cancellationToken);
        return (await first, last) is ([var one], [var other]) ? ((long)one.Score, (long)other.Score) : default;
    }

    public Task ReportVisitsAsync(string replica, IReadOnlyList<OpenVisits> visits, CancellationToken cancellationToken)
    {
        RedisKey[] where = [.. visits.Select(visit => keys.Visits(visit.Machine))];
        RedisValue[] what = [replica, (long)VisitsKeptFor.TotalSeconds, .. visits.Select(static visit => (RedisValue)Print(visit))];
        return calls.ScriptAsync(HistoryScripts.ReportVisits, where, what, cancellationToken);
    }

    public async Task<IReadOnlyList<OpenVisits>> ReadVisitsAsync(MachineId machine, CancellationToken cancellationToken)
    {
        var visits = await calls.CallAsync(database => database.HashGetAllAsync(keys.Visits(machine)), cancellationToken);
        return [.. visits.Select(visit => Read(machine, visit.Name.ToString(), visit.Value.ToString().Split('|')))];
    }

    public async Task<DateTimeOffset?> ReadDueAsync(MachineId machine, CancellationToken cancellationToken) =>
        await calls.CallAsync(database => database.SortedSetScoreAsync(keys.Due, machine.Value), cancellationToken) is { } due ? DateTimeOffset.FromUnixTimeMilliseconds((long)due) : null;

    private static string Print(OpenVisits visits) => visits is { Requests: 0, Sockets: 0 }
        ? ""
        : string.Create(CultureInfo.InvariantCulture, $"{visits.Requests}|{visits.Sockets}|{visits.LastActivity.ToUnixTimeMilliseconds()}|{visits.At.ToUnixTimeMilliseconds()}|{visits.BySignIn}|{visits.ByToken}");

    /// <summary>An older version says nothing of credentials.</summary>
    private static OpenVisits Read(MachineId machine, string replica, string[] numbers) =>
        new(machine, replica, (int)Number(numbers[0]), (int)Number(numbers[1]), DateTimeOffset.FromUnixTimeMilliseconds(Number(numbers[2])), DateTimeOffset.FromUnixTimeMilliseconds(Number(numbers[3])),
            numbers.Length > 5 ? (int)Number(numbers[4]) : 0, numbers.Length > 5 ? (int)Number(numbers[5]) : 0);

    /// <summary>Shapes: <c>number|ms|session or machine|before|state|id</c> and <c>number|ms|cause|machine|text</c>.</summary>
    private static RouteEvent ReadEvent(string text)
    {
        var parts = text.Split('|', 6);
        var at = DateTimeOffset.FromUnixTimeMilliseconds(Number(parts[1]));
        if (parts[2] != "cause")
        {
            return new RouteEvent(Number(parts[0]), at, parts[2], parts[5], parts[3].Length == 0 ? null : parts[3], parts[4], null);
        }

        parts = text.Split('|', 5);
        return new RouteEvent(Number(parts[0]), at, parts[2], parts[3], null, null, Read(parts[4], new MachineId(parts[3])));
    }

    private static long Number(string text) => long.Parse(text, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture);

    private static string Print(RouteCause cause) => JsonSerializer.Serialize(cause, HistoryJson.Default.RouteCause);

    private static RouteCause Read(string text, MachineId machine) => JsonSerializer.Deserialize(text, HistoryJson.Default.RouteCause)! with { Machine = machine };
}

[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.SnakeCaseLower, DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull)]
[JsonSerializable(typeof(RouteCause))]
internal sealed partial class HistoryJson : JsonSerializerContext;
