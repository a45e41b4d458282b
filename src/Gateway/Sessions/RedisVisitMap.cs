using System.Globalization;
using Gateway.Redis;
using StackExchange.Redis;

namespace Gateway.Sessions;

/// <summary>The visit map in Redis: sorted sets by time, so that what is due is found without looking at the rest.</summary>
internal sealed class RedisVisitMap(RedisConnection connection, MapCalls calls, MapKeys keys) : IVisitMap
{
    private static readonly TimeSpan ConsentKept = TimeSpan.FromMinutes(2);

    public Task HeartbeatAsync(string replica, TimeSpan lease, CancellationToken cancellationToken) =>
        calls.ScriptAsync(SessionScripts.Heartbeat, [keys.Replicas], [replica, (long)lease.TotalMilliseconds], cancellationToken);

    public Task SayGoodbyeAsync(string replica, CancellationToken cancellationToken) =>
        calls.CallAsync(database => database.SortedSetRemoveAsync(keys.Replicas, replica), cancellationToken);

    public Task ReportAsync(IReadOnlyList<IdleReport> reports, CancellationToken cancellationToken)
    {
        var arguments = new RedisValue[reports.Count * 3];
        for (var i = 0; i < reports.Count; i++)
        {
            arguments[i * 3] = reports[i].Machine.Value;
            arguments[(i * 3) + 1] = Milliseconds(reports[i].NotIdleBefore);
            arguments[(i * 3) + 2] = Milliseconds(reports[i].LastActivity);
        }

        return calls.ScriptAsync(SessionScripts.Report, [keys.Due, keys.Activity], arguments, cancellationToken);
    }

    public Task<IReadOnlyList<MachineId>> ReadDueAsync(DateTimeOffset now, int limit, CancellationToken cancellationToken) => ReadAsync(keys.Due, now, limit, cancellationToken);

    public Task<IReadOnlyList<MachineId>> ReadSuspendedAsync(DateTimeOffset since, int limit, CancellationToken cancellationToken) =>
        ReadAsync(keys.Suspended, since, limit, cancellationToken);

    public Task ForgetSuspendedAsync(MachineId machine, DateTimeOffset since, CancellationToken cancellationToken) =>
        calls.ScriptAsync(SessionScripts.ForgetDue, [keys.Suspended], [machine.Value, Milliseconds(since)], cancellationToken);

    public async Task<IReadOnlyList<DateTimeOffset?>> LastActivityAsync(IReadOnlyList<MachineId> machines, CancellationToken cancellationToken)
    {
        if (machines.Count == 0)
        {
            return [];
        }

        var scores = await calls.CallAsync(
            database => Task.WhenAll(machines.Select(machine => database.SortedSetScoreAsync(keys.Activity, machine.Value))), cancellationToken);
        return [.. scores.Select(score => RedisRouteIndex.Moment(score ?? 0))];
    }

    public async Task<DateTimeOffset?> DueAtAsync(MachineId machine, CancellationToken cancellationToken) =>
        await calls.CallAsync(database => database.SortedSetScoreAsync(keys.Due, machine.Value), cancellationToken) is { } at
            ? DateTimeOffset.FromUnixTimeMilliseconds((long)at)
            : null;

    public Task ForgetDueAsync(MachineId machine, DateTimeOffset dueBy, CancellationToken cancellationToken) =>
        calls.ScriptAsync(SessionScripts.ForgetDue, [keys.Due], [machine.Value, Milliseconds(dueBy)], cancellationToken);

    public Task AskConsentAsync(MachineId machine, long epoch, CancellationToken cancellationToken) =>
        calls.CallAsync(database => database.PublishAsync(keys.ConsentsAsked, $"{epoch.ToString(CultureInfo.InvariantCulture)}|{machine.Value}"), cancellationToken);

    /// <summary>Subscribes as soon as there is a connection; the client subscribes again by itself after each reconnect.</summary>
    public void OnConsentAsked(Func<MachineId, long, Task> answer) => _ = connection.ListenAsync(keys.ConsentsAsked, message => HearAsync(message, answer));

    public Task ConsentAsync(MachineId machine, long epoch, string replica, CancellationToken cancellationToken) =>
        calls.ScriptAsync(SessionScripts.Consent, [keys.Consents(machine, epoch)], [replica, (long)ConsentKept.TotalSeconds], cancellationToken);

    public async Task<StopQuestion> ReadQuestionAsync(MachineId machine, long epoch, CancellationToken cancellationToken)
    {
        var answer = (RedisResult[])(await calls.ScriptAsync(
            SessionScripts.ReadQuestion, [keys.Replicas, keys.Consents(machine, epoch), keys.Machine(machine), keys.Due], [epoch.ToString(CultureInfo.InvariantCulture), machine.Value], cancellationToken))!;
        var due = (string)answer[2]! is { Length: > 0 } at ? DateTimeOffset.FromUnixTimeMilliseconds((long)double.Parse(at, CultureInfo.InvariantCulture)) : (DateTimeOffset?)null;
        return new StopQuestion((long)answer[0] == 1, (long)answer[1] == 1, due);
    }

    public async Task<bool> HoldDutyAsync(string duty, string replica, TimeSpan lease, CancellationToken cancellationToken) =>
        (long)await calls.ScriptAsync(SessionScripts.HoldDuty, [keys.Duty(duty)], [replica, (long)lease.TotalMilliseconds], cancellationToken) == 1;

    private async Task<IReadOnlyList<MachineId>> ReadAsync(RedisKey key, DateTimeOffset until, int limit, CancellationToken cancellationToken)
    {
        var machines = await calls.CallAsync(
            database => database.SortedSetRangeByScoreAsync(key, double.NegativeInfinity, Milliseconds(until), Exclude.None, Order.Ascending, 0, limit),
            cancellationToken);
        return [.. machines.Select(static machine => new MachineId(machine.ToString()))];
    }

    private static Task HearAsync(string message, Func<MachineId, long, Task> answer)
    {
        var bar = message.IndexOf('|', StringComparison.Ordinal);
        return bar > 0 && long.TryParse(message[..bar], NumberStyles.None, CultureInfo.InvariantCulture, out var epoch)
            ? answer(new MachineId(message[(bar + 1)..]), epoch)
            : Task.CompletedTask;
    }

    private static long Milliseconds(DateTimeOffset at) => at.ToUnixTimeMilliseconds();
}
