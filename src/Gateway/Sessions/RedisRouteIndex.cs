using System.Globalization;
using System.Text;
using StackExchange.Redis;

namespace Gateway.Sessions;

/// <summary>The sorted sets that the record scripts and the reports of activity keep.</summary>
internal sealed class RedisRouteIndex(MapCalls calls, MapKeys keys) : IRouteIndex
{
    // No UTF-8 text holds this byte, so it comes after everything that begins with what stands before it.
    private const byte AfterAll = 0xFF;

    public async Task<IReadOnlyList<UserId>> ListUsersAsync(string? state, string prefix, UserId? after, int limit, CancellationToken cancellationToken)
    {
        var members = await RangeAsync(KeyOf(state), prefix, after?.Value, limit, cancellationToken);
        return [.. members.Select(static member => new UserId(member))];
    }

    public async Task<IReadOnlyList<MachineActivity>> ListByActivityAsync(MachineActivity? after, bool latestFirst, int limit, CancellationToken cancellationToken)
    {
        RedisValue[] arguments = [after?.At?.ToUnixTimeMilliseconds() ?? 0, after?.Machine.Value ?? "", limit, latestFirst ? 1 : 0];
        var page = (string[])(await calls.ScriptAsync(IndexScripts.ByActivity, [keys.Activity], arguments, cancellationToken))!;
        return [.. page.Chunk(2).Select(static pair => new MachineActivity(new MachineId(pair[0]), Moment(double.Parse(pair[1], CultureInfo.InvariantCulture))))];
    }

    public async Task<IReadOnlyList<IReadOnlyList<UserId>>> UsersOfAsync(IReadOnlyList<MachineId> machines, UserId? after, int limit, CancellationToken cancellationToken)
    {
        // Pipelined over the one connection: as fast as one command.
        var reads = machines.Select(machine => RangeAsync(keys.Assigned, machine.Value + "|", after is { } user ? machine.Value + "|" + user.Value : null, limit, cancellationToken)).ToList();
        var members = await Task.WhenAll(reads);
        return [.. members.Select((owners, i) => (IReadOnlyList<UserId>)[.. owners.Select(owner => new UserId(owner[(machines[i].Value.Length + 1)..]))])];
    }

    public Task<long> CountUsersOfAsync(MachineId machine, CancellationToken cancellationToken) => calls.CallAsync(
        database => database.SortedSetLengthByValueAsync(keys.Assigned, machine.Value + "|", EndOf(machine.Value + "|")), cancellationToken);

    public Task<long> CountUsersAsync(string? state, string prefix, CancellationToken cancellationToken) => calls.CallAsync(
        database => prefix.Length == 0 ? database.SortedSetLengthAsync(KeyOf(state)) : database.SortedSetLengthByValueAsync(KeyOf(state), prefix, EndOf(prefix)),
        cancellationToken);

    public Task<long> CountInactiveAsync(DateTimeOffset until, CancellationToken cancellationToken) =>
        calls.CallAsync(database => database.SortedSetLengthAsync(keys.Activity, double.NegativeInfinity, until.ToUnixTimeMilliseconds()), cancellationToken);

    public async Task<IReadOnlyList<MachineCount>> CountMachinesAsync(CancellationToken cancellationToken)
    {
        var counts = await calls.CallAsync(database => database.HashGetAllAsync(keys.Counts), cancellationToken);
        return [.. counts.Select(static count => (Place: count.Name.ToString().Split('|', 2), Machines: (long)count.Value))
            .Select(static count => new MachineCount(count.Place[0], count.Place[1], count.Machines))];
    }

    /// <summary>A score as a moment; 0 marks a machine that never was active.</summary>
    public static DateTimeOffset? Moment(double score) => score > 0 ? DateTimeOffset.FromUnixTimeMilliseconds((long)score) : null;

    private RedisKey KeyOf(string? state) => state is null ? keys.Users : keys.State(state);

    private async Task<IReadOnlyList<string>> RangeAsync(RedisKey key, string prefix, string? after, int limit, CancellationToken cancellationToken)
    {
        RedisValue from = (after ?? prefix) is { Length: > 0 } start ? start : default(RedisValue);
        var exclude = after is null ? Exclude.None : Exclude.Start;
        var to = prefix.Length == 0 ? default : EndOf(prefix);
        var members = await calls.CallAsync(database => database.SortedSetRangeByValueAsync(key, from, to, exclude, Order.Ascending, 0, limit), cancellationToken);
        return [.. members.Select(static member => member.ToString())];
    }

    private static RedisValue EndOf(string prefix) => (byte[])[.. Encoding.UTF8.GetBytes(prefix), AfterAll];
}
