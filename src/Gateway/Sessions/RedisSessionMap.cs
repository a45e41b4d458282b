using System.Globalization;
using Microsoft.Extensions.Options;
using StackExchange.Redis;

namespace Gateway.Sessions;

/// <summary>The session map in Redis. Each write is one script: the compare, the new epoch, the index and the message to the others.</summary>
internal sealed class RedisSessionMap : ISessionMap, IDisposable
{
    public const string SessionKind = "session";
    public const string MachineKind = "machine";

    private static readonly RedisValue[] RecordFields = ["e", "b"];

    private readonly MapCalls _calls;
    private readonly MapKeys _keys;
    private readonly ChangeWaiters _waiters;
    private readonly TimeSpan _slowPoll;
    private readonly TimeProvider _time;

    // Of the present month; whoever comes first in a new one replaces it.
    private Months _months = new(default, "");

    public RedisSessionMap(MapCalls calls, MapKeys keys, ChangeFeed feed, IOptions<SessionsOptions> options, TimeProvider time)
    {
        (_calls, _keys, _time, _slowPoll) = (calls, keys, time, options.Value.SlowPoll);
        _waiters = new ChangeWaiters(feed);
    }

    public event Action<Session>? SessionWritten;

    public event Action<MachineRecord>? MachineWritten;

    public event Action<UserId, long>? SessionRemoved;

    public async Task<Session?> FindSessionAsync(UserId user, CancellationToken cancellationToken)
    {
        var (epoch, body) = await ReadAsync(_keys.Session(user), cancellationToken);
        return body is null ? null : RecordJson.ReadSession(body, epoch);
    }

    public async Task<MachineRecord?> FindMachineAsync(MachineId machine, CancellationToken cancellationToken)
    {
        var (epoch, body) = await ReadAsync(_keys.Machine(machine), cancellationToken);
        return body is null ? null : RecordJson.ReadMachine(body, epoch);
    }

    public async Task<IReadOnlyList<MachineRecord?>> FindMachinesAsync(IReadOnlyList<MachineId> machines, CancellationToken cancellationToken)
    {
        // Pipelined over the one connection: as fast as one command, and not bound to one slot.
        var reads = machines.Select(machine => FindMachineAsync(machine, cancellationToken)).ToList();
        return await Task.WhenAll(reads);
    }

    public async Task<MapWrite<Session>> WriteAsync(Session next, CancellationToken cancellationToken)
    {
        RedisKey[] keys =
        [
            _keys.Session(next.User), _keys.Sequence, _keys.Generation, _keys.Users, _keys.Assigned, _keys.Machine(next.Machine ?? default), _keys.Activity, _keys.Events, .. _keys.States,
        ];
        RedisValue[] index = [RouteState.Name(next.State), next.Machine?.Value ?? "", _keys.StatePrefix, next.Volume?.Value ?? "", LedgerEntry.Of(next), .. Ledger()];
        var answer = await WriteAsync(SessionScripts.WriteSession, keys, next.Epoch, RecordJson.Print(next), SessionKind, next.User.Value, index, cancellationToken);
        if (!answer.Won)
        {
            return new(false, answer.Body.Length == 0 ? null : RecordJson.ReadSession(answer.Body, answer.Epoch));
        }

        var written = next with { Epoch = answer.Epoch };
        SessionWritten?.Invoke(written);
        return new(true, written);
    }

    public async Task<MapWrite<MachineRecord>> WriteAsync(MachineRecord next, CancellationToken cancellationToken)
    {
        RedisKey[] keys =
        [
            _keys.Machine(next.Machine), _keys.Sequence, _keys.Generation, _keys.Due, _keys.Assigned, _keys.Counts, _keys.Timeline(next.Machine), _keys.Events, _keys.Suspended,
        ];
        // A machine that wakes or is awake and that nobody has reported on is due at once: the sweep finds what a dead replica woke. What is under way keeps its place.
        var due = next.State switch
        {
            MachineRecordState.Awake or MachineRecordState.Waking => "due",
            MachineRecordState.Asleep when next.Suspended => "suspended",
            MachineRecordState.Asleep or MachineRecordState.Gone => "gone",
            _ => "",
        };
        RedisValue[] index = [due, RouteState.Name(next.State), _keys.StatePrefix, next.Region ?? "", LedgerEntry.Of(next), .. Ledger()];
        var answer = await WriteAsync(SessionScripts.WriteMachine, keys, next.Epoch, RecordJson.Print(next), MachineKind, next.Machine.Value, index, cancellationToken);
        if (!answer.Won)
        {
            return new(false, answer.Body.Length == 0 ? null : RecordJson.ReadMachine(answer.Body, answer.Epoch));
        }

        var written = next with { Epoch = answer.Epoch };
        MachineWritten?.Invoke(written);
        return new(true, written);
    }

    public async Task<bool> RemoveAsync(Session session, CancellationToken cancellationToken)
    {
        var answer = await _calls.ScriptAsync(
            SessionScripts.RemoveSession,
            [_keys.Session(session.User), _keys.Sequence, _keys.Users, _keys.Assigned, .. _keys.States],
            [Text(session.Epoch), SessionKind, session.User.Value, _keys.Changes.ToString(), .. Ledger()],
            cancellationToken);
        if (answer.Resp2Type == ResultType.Integer)
        {
            return false;
        }

        SessionRemoved?.Invoke(session.User, long.Parse((string)answer!, CultureInfo.InvariantCulture));
        return true;
    }

    public Task<MachineRecord?> WaitForChangeAsync(MachineId machine, long pastEpoch, TimeSpan atMost, CancellationToken cancellationToken) =>
        WaitAsync(_waiters.Wait(machine), token => FindMachineAsync(machine, token), record => record is null ? pastEpoch > 0 : record.Epoch > pastEpoch, atMost, cancellationToken);

    public Task<Session?> WaitForChangeAsync(UserId user, long pastEpoch, TimeSpan atMost, CancellationToken cancellationToken) =>
        WaitAsync(_waiters.Wait(user), token => FindSessionAsync(user, token), session => session is null ? pastEpoch > 0 : session.Epoch > pastEpoch, atMost, cancellationToken);

    public async Task<MapGeneration> ReadGenerationAsync(CancellationToken cancellationToken)
    {
        var answer = (RedisResult[])(await _calls.ScriptAsync(SessionScripts.ReadGeneration, [_keys.Generation], [NewGeneration()], cancellationToken))!;
        return new MapGeneration((string)answer[0]!, (string?)answer[1] == "1", DateTimeOffset.FromUnixTimeMilliseconds(long.Parse((string)answer[2]!, CultureInfo.InvariantCulture)));
    }

    public async Task<bool> MarkListedAsync(string generation, bool foundNothing, CancellationToken cancellationToken) =>
        (long)await _calls.ScriptAsync(SessionScripts.MarkListed, [_keys.Generation], [generation, foundNothing ? 1 : 0], cancellationToken) == 1;

    public async Task<SessionsPage> PageAsync(string? after, string? prefix, int limit, CancellationToken cancellationToken)
    {
        RedisValue from = prefix ?? "";
        var exclude = Exclude.None;
        if (after is not null && string.CompareOrdinal(after, prefix ?? "") >= 0)
        {
            (from, exclude) = (after, Exclude.Start);
        }

        // The end of a prefix: no UTF-8 text holds the byte 0xFF.
        RedisValue to = string.IsNullOrEmpty(prefix) ? default : (RedisValue)(byte[])[.. System.Text.Encoding.UTF8.GetBytes(prefix), 0xFF];
        var users = await _calls.CallAsync(
            database => database.SortedSetRangeByValueAsync(_keys.Users, from.Length() == 0 && exclude == Exclude.None ? default : from, to, exclude, Order.Ascending, 0, limit),
            cancellationToken);
        var sessions = await Task.WhenAll(users.Select(user => FindSessionAsync(new UserId(user.ToString()), cancellationToken)));
        return new SessionsPage([.. sessions.OfType<Session>()], users.Length == limit ? users[^1].ToString() : null);
    }

    public void Dispose() => _waiters.Dispose();

    private async Task<(long Epoch, string? Body)> ReadAsync(RedisKey key, CancellationToken cancellationToken)
    {
        var fields = await _calls.CallAsync(database => database.HashGetAsync(key, RecordFields), cancellationToken);
        return fields[0].IsNull || fields[1].IsNull ? (0, null) : (Epoch(fields[0]), fields[1].ToString());
    }

    private async Task<(bool Won, long Epoch, string Body)> WriteAsync(string script, RedisKey[] keys, long epoch, string body, string kind, string id, RedisValue[] index, CancellationToken cancellationToken)
    {
        RedisValue[] arguments = [Text(epoch), body, kind, id, _keys.Changes.ToString(), NewGeneration(), .. index];
        var answer = (RedisResult[])(await _calls.ScriptAsync(script, keys, arguments, cancellationToken))!;
        var stands = long.Parse((string)answer[1]!, CultureInfo.InvariantCulture);
        return (long)answer[0] == 1 ? (true, stands, body) : (false, stands, (string)answer[2]! ?? "");
    }

    private async Task<T?> WaitAsync<T>(ChangeWaiters.Waiter waiter, Func<CancellationToken, Task<T?>> read, Func<T?, bool> isChanged, TimeSpan atMost, CancellationToken cancellationToken)
        where T : class
    {
        using (waiter)
        {
            var started = _time.GetTimestamp();
            while (true)
            {
                // Taken before the read, so that a change between the read and the wait is not slept through.
                var changed = waiter.Next();
                var record = await read(cancellationToken);
                var left = atMost - _time.GetElapsedTime(started);
                if (isChanged(record) || left <= TimeSpan.Zero)
                {
                    return record;
                }

                var poll = left < _slowPoll ? left : _slowPoll;
                await Task.WhenAny(changed, Task.Delay(poll, _time, cancellationToken));
                cancellationToken.ThrowIfCancellationRequested();
            }
        }
    }

    /// <summary>When it is by this replica's clock, and what the ledger's scripts make their keys and months of. A clock that is behind makes a span shorter and the next one longer.</summary>
    private RedisValue[] Ledger()
    {
        var now = _time.GetUtcNow();
        var months = _months;
        if (months.Of != LedgerMonth.Of(now))
        {
            _months = months = new Months(LedgerMonth.Of(now), LedgerMonth.KeptAt(now));
        }

        return [now.ToUnixTimeMilliseconds(), _keys.LedgerPrefix, months.Text];
    }

    private static long Epoch(RedisValue value) => long.Parse(value.ToString(), CultureInfo.InvariantCulture);

    private static string Text(long epoch) => epoch.ToString(CultureInfo.InvariantCulture);

    private static string NewGeneration() => Guid.NewGuid().ToString("N");

    private sealed record Months(LedgerMonth Of, string Text);
}
