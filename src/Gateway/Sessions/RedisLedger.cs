using System.Globalization;
using StackExchange.Redis;

namespace Gateway.Sessions;

/// <summary>The ledger in Redis: a hash for each day, one for each machine and volume in each month, and one for all that still goes on.</summary>
internal sealed class RedisLedger(MapCalls calls, MapKeys keys) : ILedger
{
    private const int AtOnce = 500;

    public async Task ReportAsync(long minute, IReadOnlyList<MachineUse> uses, CancellationToken cancellationToken)
    {
        var at = DateTimeOffset.FromUnixTimeSeconds(minute * 60);
        foreach (var some in uses.Chunk(AtOnce))
        {
            RedisKey[] records = [.. some.Select(use => keys.Machine(use.Machine))];
            RedisValue[] arguments =
            [
                keys.LedgerPrefix, LedgerMonth.Of(at).ToString(), DayOf(DateOnly.FromDateTime(at.UtcDateTime)), minute, (long)LedgerMonth.Turn.TotalMilliseconds,
                .. some.SelectMany(static use => new RedisValue[] { use.Machine.Value, use.Turns, use.Egress, use.Used ? 1 : 0 }),
            ];
            await calls.ScriptAsync(LedgerScripts.Use, records, arguments, cancellationToken);
        }
    }

    public async Task<(IReadOnlyList<LedgerSum> Days, DateTimeOffset? Began)> ReadDaysAsync(DateOnly first, DateOnly last, DateTimeOffset now, CancellationToken cancellationToken)
    {
        var days = Enumerable.Range(DayOf(first), Math.Max(0, DayOf(last) - DayOf(first) + 1)).ToList();
        var read = await ReadAsync([keys.LedgerOpen, .. days.Select(keys.LedgerDay)], [], cancellationToken);
        var sums = read.Skip(1).Select(Closed).ToList();
        var open = read[0].Chunk(2).ToDictionary(static field => field[0], static field => long.Parse(field[1], CultureInfo.InvariantCulture), StringComparer.Ordinal);
        foreach (var (name, count) in open)
        {
            if (name.Split('|', 3) is ["n", var day, var what] && LedgerEntry.TryParse(what) is { } entry)
            {
                Spread(sums, days, entry, int.Parse(day, CultureInfo.InvariantCulture), count, open.GetValueOrDefault($"s|{day}|{what}"), now);
            }
        }

        var began = open.TryGetValue("began", out var ms) ? DateTimeOffset.FromUnixTimeMilliseconds(ms) : (DateTimeOffset?)null;
        return (sums, began);
    }

    public Task<IReadOnlyList<LedgerSum>> ReadMachinesAsync(LedgerMonth month, IReadOnlyList<MachineId> machines, DateTimeOffset now, CancellationToken cancellationToken) =>
        ReadAsync(month, [.. machines.Select(machine => (keys.LedgerOf(month, machine), keys.Machine(machine)))], now, cancellationToken);

    public Task<IReadOnlyList<LedgerSum>> ReadVolumesAsync(LedgerMonth month, IReadOnlyList<VolumeId> volumes, DateTimeOffset now, CancellationToken cancellationToken) =>
        ReadAsync(month, [.. volumes.Select(volume => (keys.LedgerOf(month, volume), keys.LedgerVolume(volume)))], now, cancellationToken);

    public async Task<IReadOnlyList<long>> CountSharersAsync(IReadOnlyList<VolumeId> volumes, CancellationToken cancellationToken) =>
        [.. (await Task.WhenAll(volumes.Select(volume => calls.CallAsync(database => database.HashGetAsync(keys.LedgerVolume(volume), "n"), cancellationToken)))).Select(static count => (long)count)];

    public async Task<IReadOnlyList<MachineId>> ListIdleAsync(LedgerMonth month, int limit, CancellationToken cancellationToken)
    {
        var over = calls.CallAsync(database => database.SortedSetRangeByRankAsync(keys.LedgerIdle(month), 0, limit - 1, Order.Descending), cancellationToken);
        var awake = await calls.CallAsync(database => database.SortedSetRangeByRankAsync(keys.LedgerRunning, 0, limit - 1), cancellationToken);
        return [.. (await over).Concat(awake).Distinct().Select(static machine => new MachineId(machine.ToString()))];
    }

    public Task<long> CountOverdueAsync(DateTimeOffset since, CancellationToken cancellationToken) =>
        calls.CallAsync(database => database.SortedSetLengthAsync(keys.Due, double.NegativeInfinity, since.ToUnixTimeMilliseconds()), cancellationToken);

    private async Task<IReadOnlyList<LedgerSum>> ReadAsync(LedgerMonth month, IReadOnlyList<(RedisKey Month, RedisKey Account)> of, DateTimeOffset now, CancellationToken cancellationToken)
    {
        if (of.Count == 0)
        {
            return [];
        }

        var read = await ReadAsync([.. of.Select(static one => one.Month)], [.. of.Select(static one => one.Account)], cancellationToken);
        var sums = read.Take(of.Count).Select(Closed).ToList();
        for (var i = 0; i < sums.Count; i++)
        {
            if (read[of.Count + i] is [var what, var began] && LedgerEntry.TryParse(what) is { } entry && long.TryParse(began, NumberStyles.None, CultureInfo.InvariantCulture, out var since))
            {
                var spent = Math.Min(now.ToUnixTimeMilliseconds(), month.End.ToUnixTimeMilliseconds()) - Math.Max(since, month.First.ToUnixTimeMilliseconds());
                if (spent > 0)
                {
                    sums[i].Add(entry, TimeSpan.FromMilliseconds(spent));
                }
            }
        }

        return sums;
    }

    private async Task<IReadOnlyList<string[]>> ReadAsync(RedisKey[] hashes, RedisKey[] accounts, CancellationToken cancellationToken)
    {
        var answer = (RedisResult[])(await calls.ScriptAsync(LedgerScripts.Read, [.. hashes, .. accounts], [hashes.Length], cancellationToken))!;
        return [.. answer.Select(static part => Array.ConvertAll((RedisResult[])part!, static field => (string)field!))];
    }

    /// <summary>So many began on that day and go on, the sum of how far into it they began being <paramref name="offsets"/>.</summary>
    private static void Spread(List<LedgerSum> sums, List<int> days, LedgerEntry entry, int began, long count, long offsets, DateTimeOffset now)
    {
        const long dayLong = 86_400_000;
        for (var i = 0; i < days.Count; i++)
        {
            var first = days[i] * dayLong;
            var until = Math.Clamp(now.ToUnixTimeMilliseconds() - first, 0, dayLong);
            var spent = days[i] < began || until == 0 ? 0 : (count * until) - (days[i] == began ? offsets : 0);
            if (spent > 0)
            {
                sums[i].Add(entry, TimeSpan.FromMilliseconds(spent));
            }
        }
    }

    private static LedgerSum Closed(string[] fields)
    {
        var sum = new LedgerSum();
        foreach (var field in fields.Chunk(2))
        {
            var (name, number) = (field[0], field[1]);
            switch (name)
            {
                case "minute" or "turns":
                    break;
                case "active":
                    sum.Active = TimeSpan.FromMilliseconds(Number(number));
                    break;
                case "attached":
                    sum.Attached = TimeSpan.FromMilliseconds(Number(number));
                    break;
                case "wakes":
                    sum.Wakes = Number(number);
                    break;
                case "wasted":
                    sum.Wasted = Number(number);
                    break;
                case ['e', 'g', 'r', 'e', 's', 's', '|', .. var region]:
                    sum.Egress[region] = Number(number);
                    break;
                default:
                    if (LedgerEntry.TryParse(name) is { } entry)
                    {
                        sum.Add(entry, TimeSpan.FromMilliseconds(Number(number)));
                    }

                    break;
            }
        }

        return sum;
    }

    private static long Number(string text) => long.Parse(text, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture);

    private static int DayOf(DateOnly day) => day.DayNumber - DateOnly.FromDateTime(DateTime.UnixEpoch).DayNumber;
}
