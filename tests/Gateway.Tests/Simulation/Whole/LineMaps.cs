using Gateway.Sessions;

namespace Gateway.Tests.Simulation.Whole;

/// <summary>The session map at the end of one gateway's line.</summary>
internal sealed class LineSessionMap(RedisLine line, SeededTime time) : ISessionMap
{
    private static readonly TimeSpan Poll = TimeSpan.FromSeconds(1);

    private readonly Dictionary<object, List<TaskCompletionSource>> _waiting = [];

    public event Action<Session>? SessionWritten;

    public event Action<MachineRecord>? MachineWritten;

    public event Action<UserId, long>? SessionRemoved;

    public Task<Session?> FindSessionAsync(UserId user, CancellationToken cancellationToken) => line.CallAsync(() => line.Redis.Map.Find(user), cancellationToken);

    public Task<MachineRecord?> FindMachineAsync(MachineId machine, CancellationToken cancellationToken) => line.CallAsync(() => line.Redis.Map.Find(machine), cancellationToken);

    public Task<IReadOnlyList<MachineRecord?>> FindMachinesAsync(IReadOnlyList<MachineId> machines, CancellationToken cancellationToken) =>
        line.CallAsync<IReadOnlyList<MachineRecord?>>(() => [.. machines.Select(line.Redis.Map.Find)], cancellationToken);

    public Task<SessionsPage> PageAsync(string? after, string? prefix, int limit, CancellationToken cancellationToken) =>
        line.CallAsync(() => line.Redis.Map.Page(after, prefix, limit), cancellationToken);

    public async Task<MapWrite<Session>> WriteAsync(Session next, CancellationToken cancellationToken)
    {
        var write = await line.CallAsync(() => line.Redis.Write(next, line), cancellationToken);
        if (write.Won)
        {
            SessionWritten?.Invoke(write.Current!);
        }

        return write;
    }

    public async Task<MapWrite<MachineRecord>> WriteAsync(MachineRecord next, CancellationToken cancellationToken)
    {
        var write = await line.CallAsync(() => line.Redis.Write(next, line), cancellationToken);
        if (write.Won)
        {
            MachineWritten?.Invoke(write.Current!);
        }

        return write;
    }

    public async Task<bool> RemoveAsync(Session session, CancellationToken cancellationToken)
    {
        var epoch = await line.CallAsync(() => line.Redis.Map.Remove(session), cancellationToken);
        if (epoch > 0)
        {
            SessionRemoved?.Invoke(session.User, epoch);
        }

        return epoch > 0;
    }

    public Task<MachineRecord?> WaitForChangeAsync(MachineId machine, long pastEpoch, TimeSpan atMost, CancellationToken cancellationToken) =>
        WaitAsync(machine, token => FindMachineAsync(machine, token), record => record is null ? pastEpoch > 0 : record.Epoch > pastEpoch, atMost, cancellationToken);

    public Task<Session?> WaitForChangeAsync(UserId user, long pastEpoch, TimeSpan atMost, CancellationToken cancellationToken) =>
        WaitAsync(user, token => FindSessionAsync(user, token), session => session is null ? pastEpoch > 0 : session.Epoch > pastEpoch, atMost, cancellationToken);

    public Task<MapGeneration> ReadGenerationAsync(CancellationToken cancellationToken) => line.CallAsync(line.Redis.Map.ReadGeneration, cancellationToken);

    public Task<bool> MarkListedAsync(string generation, bool foundNothing, CancellationToken cancellationToken) => line.CallAsync(() => line.Redis.Map.MarkListed(generation, foundNothing), cancellationToken);

    /// <summary>Heard from the feed.</summary>
    public void Changed(object key)
    {
        if (_waiting.Remove(key, out var waiting))
        {
            waiting.ToList().ForEach(static waiter => waiter.TrySetResult());
        }
    }

    public void AllChanged()
    {
        foreach (var key in _waiting.Keys.OrderBy(static key => key.ToString(), StringComparer.Ordinal).ToList())
        {
            Changed(key);
        }
    }

    // The same steps as over the real one: wait before the read, so that no change falls between.
    private async Task<T?> WaitAsync<T>(object key, Func<CancellationToken, Task<T?>> read, Func<T?, bool> isChanged, TimeSpan atMost, CancellationToken cancellationToken)
        where T : class
    {
        var started = time.GetTimestamp();
        while (true)
        {
            var changed = new TaskCompletionSource();
            if (!_waiting.TryGetValue(key, out var waiting))
            {
                _waiting[key] = waiting = [];
            }

            waiting.Add(changed);
            var record = await read(cancellationToken);
            var left = atMost - time.GetElapsedTime(started);
            if (isChanged(record) || left <= TimeSpan.Zero)
            {
                return record;
            }

            // Not WhenAny of a delay: one that is cancelled goes on by way of the thread pool.
            await using var poll = time.CreateTimer(static waiter => ((TaskCompletionSource)waiter!).TrySetResult(), changed, left < Poll ? left : Poll, Timeout.InfiniteTimeSpan);
            using var cancelled = cancellationToken.UnsafeRegister(static waiter => ((TaskCompletionSource)waiter!).TrySetResult(), changed);
            await changed.Task;
            waiting.Remove(changed);
            cancellationToken.ThrowIfCancellationRequested();
        }
    }
}

/// <summary>The visit map at the end of one gateway's line.</summary>
internal sealed class LineVisitMap(RedisLine line) : IVisitMap
{
    private readonly SimulatedVisitStore _far = line.Redis.Visits;

    public Task HeartbeatAsync(string replica, TimeSpan lease, CancellationToken cancellationToken) =>
        DoAsync(() => line.Redis.Heartbeat(replica, lease), cancellationToken);

    public Task SayGoodbyeAsync(string replica, CancellationToken cancellationToken) => DoAsync(() => _far.Replicas.TryRemove(replica, out _), cancellationToken);

    public Task ReportAsync(IReadOnlyList<IdleReport> reports, CancellationToken cancellationToken) => DoAsync(() => _far.Report(reports), cancellationToken);

    public Task<IReadOnlyList<MachineId>> ReadDueAsync(DateTimeOffset now, int limit, CancellationToken cancellationToken) =>
        line.CallAsync(() => _far.ReadDue(now, limit), cancellationToken);

    public Task<IReadOnlyList<DateTimeOffset?>> LastActivityAsync(IReadOnlyList<MachineId> machines, CancellationToken cancellationToken) =>
        line.CallAsync(() => _far.LastActivity(machines), cancellationToken);

    public Task<DateTimeOffset?> DueAtAsync(MachineId machine, CancellationToken cancellationToken) => line.CallAsync(() => _far.DueAt(machine), cancellationToken);

    public Task ForgetDueAsync(MachineId machine, DateTimeOffset dueBy, CancellationToken cancellationToken) => DoAsync(() => _far.ForgetDue(machine, dueBy), cancellationToken);

    public Task<IReadOnlyList<MachineId>> ReadSuspendedAsync(DateTimeOffset since, int limit, CancellationToken cancellationToken) =>
        line.CallAsync(() => _far.ReadSuspended(since, limit), cancellationToken);

    public Task ForgetSuspendedAsync(MachineId machine, DateTimeOffset since, CancellationToken cancellationToken) =>
        DoAsync(() => _far.ForgetSuspended(machine, since), cancellationToken);

    public Task AskConsentAsync(MachineId machine, long epoch, CancellationToken cancellationToken) => DoAsync(() => line.Redis.Ask(machine, epoch), cancellationToken);

    public void OnConsentAsked(Func<MachineId, long, Task> answer) => line.OnConsentAsked(answer);

    public Task ConsentAsync(MachineId machine, long epoch, string replica, CancellationToken cancellationToken) =>
        DoAsync(() => _far.Consent(machine, epoch, replica), cancellationToken);

    public Task<StopQuestion> ReadQuestionAsync(MachineId machine, long epoch, CancellationToken cancellationToken) =>
        line.CallAsync(() => _far.ReadQuestion(machine, epoch), cancellationToken);

    public Task<bool> HoldDutyAsync(string duty, string replica, TimeSpan lease, CancellationToken cancellationToken) =>
        line.CallAsync(() => _far.HoldDuty(duty, replica, lease), cancellationToken);

    private Task<bool> DoAsync(Action change, CancellationToken cancellationToken) => line.CallAsync(() =>
    {
        change();
        return true;
    }, cancellationToken);
}
