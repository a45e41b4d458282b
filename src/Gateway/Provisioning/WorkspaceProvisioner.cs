using Gateway.Machines;
using Gateway.Sessions;

namespace Gateway.Provisioning;

/// <summary>
/// Gives a user who has none a workspace. One job per user in this replica, detached from every caller; one across replicas, by the
/// <c>provisioning</c> record's lease. A job that dies is gone on with by the next request, on any replica.
/// </summary>
internal sealed partial class WorkspaceProvisioner(
    ISessionMap map,
    WorkspaceBuild build,
    WorkspaceTemplate template,
    WorkspaceOptions options,
    Func<CancellationToken, Task<bool>> readListing,
    string replica,
    TimeProvider time,
    ProvisioningMetrics metrics,
    ILogger<WorkspaceProvisioner> logger)
{
    private static readonly TimeSpan Soon = TimeSpan.FromSeconds(2);
    private static readonly TimeSpan LongestBackoff = TimeSpan.FromMinutes(5);

    private readonly Lock _lock = new();
    private readonly Dictionary<(UserId User, MachineId? Lost), (Task<ProvisionOutcome> Ended, QueueWatch Queue)> _jobs = [];
    private long _jobsStarted;

    /// <summary>The user's session with a machine, made if need be; the caller waits for it as long as <paramref name="hold"/>.</summary>
    public Task<ProvisionOutcome> EnsureAssignedAsync(UserId user, TimeSpan hold, CancellationToken cancellationToken) =>
        EnsureAssignedAsync(user, null, hold, cancellationToken);

    /// <param name="user">Whose workspace.</param>
    /// <param name="near">The region in which the user seems to be: a new workspace is made there first, if that is allowed.</param>
    /// <param name="hold">How long the caller waits.</param>
    /// <param name="cancellationToken">Ends the wait, not the work.</param>
    /// <inheritdoc cref="EnsureAssignedAsync(UserId, TimeSpan, CancellationToken)"/>
    public Task<ProvisionOutcome> EnsureAssignedAsync(UserId user, string? near, TimeSpan hold, CancellationToken cancellationToken) =>
        JoinAsync(user, null, near, hold, cancellationToken);

    /// <summary>
    /// The session's machine was destroyed behind our back: a new one on the same volume. A machine that turns out to be there is left as it is.
    /// </summary>
    public Task<ProvisionOutcome> ReplaceLostMachineAsync(Session session, TimeSpan hold, CancellationToken cancellationToken) =>
        JoinAsync(session.User, session.Machine, null, hold, cancellationToken);

    /// <summary>Whether this replica is making the user's workspace, or waits for one that does, and where that has to wait for its turn. Null: no.</summary>
    public QueueWatch? QueueOf(UserId user)
    {
        lock (_lock)
        {
            return _jobs.TryGetValue((user, null), out var job) ? job.Queue : null;
        }
    }

    private async Task<ProvisionOutcome> JoinAsync(UserId user, MachineId? lost, string? near, TimeSpan hold, CancellationToken cancellationToken)
    {
        try
        {
            var outcome = await Join(user, lost, near).WaitAsync(hold, time, cancellationToken);

            // The job ends all its callers' waits in one go; each goes on by itself.
            await Task.Yield();
            return outcome;
        }
        catch (TimeoutException)
        {
            return new ProvisionOutcome.Refused(ProvisionRefusal.HoldLimit, "The workspace is still being made.", Soon);
        }
    }

    private Task<ProvisionOutcome> Join(UserId user, MachineId? lost, string? near)
    {
        var ended = new TaskCompletionSource<ProvisionOutcome>();
        var queue = new QueueWatch();
        lock (_lock)
        {
            if (_jobs.TryGetValue((user, lost), out var running))
            {
                return running.Ended;
            }

            _jobs[(user, lost)] = (ended.Task, queue);
        }

        _ = RunAsync(user, lost, near, ended, queue);
        return ended.Task;
    }

    private async Task RunAsync(UserId user, MachineId? lost, string? near, TaskCompletionSource<ProvisionOutcome> ended, QueueWatch queue)
    {
        QueueWatch.Current = queue;
        var started = time.GetTimestamp();
        using var limit = new CancellationTokenSource(options.ProvisioningLimit, time);
        ProvisionOutcome outcome;
        try
        {
            outcome = await DecideAsync(user, lost, near, limit.Token);
        }
        catch (SessionMapUnavailableException)
        {
            outcome = new ProvisionOutcome.Refused(ProvisionRefusal.MapUnavailable, "The session map does not answer.", Soon);
        }
        catch (OperationCanceledException) when (limit.IsCancellationRequested)
        {
            outcome = new ProvisionOutcome.Refused(ProvisionRefusal.PlatformUnavailable, "Making the workspace took too long; the next request goes on with it.", Soon);
        }
        catch (Exception e)
        {
            Log.Faulted(logger, e);
            outcome = new ProvisionOutcome.Refused(ProvisionRefusal.Failed, "Making the workspace failed for a reason nobody foresaw.", Soon);
        }

        lock (_lock)
        {
            _jobs.Remove((user, lost));
        }

        metrics.Ended(outcome, time.GetElapsedTime(started));
        ended.TrySetResult(outcome);
    }

    private async Task<ProvisionOutcome> DecideAsync(UserId user, MachineId? lost, string? near, CancellationToken cancellationToken)
    {
        var owner = $"{replica}/{Interlocked.Increment(ref _jobsStarted)}";
        while (true)
        {
            cancellationToken.ThrowIfCancellationRequested();
            var session = await map.FindSessionAsync(user, cancellationToken);
            var now = time.GetUtcNow();
            switch (session)
            {
                case { State: SessionState.Assigned } when session.Machine != lost || lost is null:
                    return new ProvisionOutcome.Assigned(session);
                case { State: SessionState.Assigned } when session.App != template.App:
                    return new ProvisionOutcome.Refused(ProvisionRefusal.Failed, "The machine is gone, and its app is not the one the gateway makes machines in.", LongestBackoff);
                case { State: SessionState.Assigned, Volume: null }:
                    return new ProvisionOutcome.Refused(ProvisionRefusal.Failed, "The machine is gone, and it had no volume of the user's own.", LongestBackoff);
                case { State: SessionState.Assigned, Machine: { } machine } when await build.FindLostAsync(machine, cancellationToken) is { } result:
                    return result.Machine is not null
                        ? new ProvisionOutcome.Assigned(session)
                        : new ProvisionOutcome.Refused(result.Reason, result.Detail, result.RetryAfter ?? Soon);
                case { State: SessionState.Failed, Failure: { } failure } when failure.Until > now:
                    return new ProvisionOutcome.Refused(BuildResult.ReasonOf(failure.Reason), failure.Detail, failure.Until - now);
                case { State: SessionState.Unknown }:
                    return new ProvisionOutcome.Refused(ProvisionRefusal.Failed, "The session is in a state of a newer version of the gateway.", Soon);
                case { State: SessionState.Provisioning, Lease: { } lease } when lease.Until > now:
                    await map.WaitForChangeAsync(user, session.Epoch, lease.Until - now, cancellationToken);
                    continue;
            }

            var known = session ?? new Session { User = user, State = SessionState.Provisioning, App = template.App };
            if (await ProvisionAsync(owner, known, near, cancellationToken) is { } outcome)
            {
                return outcome;
            }
        }
    }

    /// <summary>Null: the record changed under our hands; decide again.</summary>
    private async Task<ProvisionOutcome?> ProvisionAsync(string owner, Session known, string? near, CancellationToken cancellationToken)
    {
        var generation = await map.ReadGenerationAsync(cancellationToken);
        if (!generation.Listed)
        {
            // The map forgot something: the user may have a machine it does not know. Only a complete listing tells.
            return await IsListedOrFoundAsync(known, cancellationToken)
                ? null
                : new ProvisionOutcome.Refused(ProvisionRefusal.PlatformUnavailable, "The machines have not been listed yet since the session map was lost.", Soon);
        }

        var claim = await ProvisioningClaim.TryTakeAsync(map, time, owner, known, cancellationToken);
        if (claim is null)
        {
            return null;
        }

        if (await map.ReadGenerationAsync(cancellationToken) != generation)
        {
            await claim.AbandonAsync(known, cancellationToken);
            return null;
        }

        try
        {
            var result = await build.FinishAsync(claim, near, cancellationToken);
            return result.Machine is { } machine ? await AssignAsync(claim, machine, cancellationToken) : await RememberAsync(claim, result, cancellationToken);
        }
        catch (ClaimLostException)
        {
            return null;
        }
    }

    // A machine that is found gets its session long before the listing counts as complete: its user waits no longer than for that.
    private async Task<bool> IsListedOrFoundAsync(Session known, CancellationToken cancellationToken)
    {
        using var enough = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        var listing = readListing(cancellationToken);
        var found = map.WaitForChangeAsync(known.User, known.Epoch, options.ProvisioningLimit, enough.Token);
        var first = await Task.WhenAny(listing, found);
        enough.Cancel();
        if (first == listing)
        {
            return await listing;
        }

        // There, changed or gone: whichever it is, it is decided on anew.
        await found;
        return true;
    }

    private async Task<ProvisionOutcome> AssignAsync(ProvisioningClaim claim, Machine machine, CancellationToken cancellationToken)
    {
        await claim.SaveAsync(session => session with { Machine = machine.Id, Region = machine.Region }, cancellationToken);

        // Not awake until it answers a probe: that is the waker's to say. A record that is there already knows better.
        await map.WriteAsync(new MachineRecord
        {
            Machine = machine.Id,
            App = template.App,
            State = MachineRecordState.Asleep,
            Region = machine.Region,
            Make = WorkspaceTemplate.SpecOf(machine.Config) is { } spec ? new MachineMake(spec) : null,
            ChangedAt = time.GetUtcNow(),
        }, cancellationToken);
        var volume = machine.Config?.Mounts is [var mount, ..] ? new VolumeId(mount.Volume) : claim.Session.Volume;
        // With the machine once more: a failover may have lost the save before, and the record is then one of ours that does not name it.
        var assigned = await claim.EndAsync(
            session => session with { State = SessionState.Assigned, Machine = machine.Id, Region = machine.Region, Volume = volume, Failure = null, VolumeAskedAt = null }, cancellationToken);
        Log.Assigned(logger, machine.Id, machine.Region);
        return new ProvisionOutcome.Assigned(assigned);
    }

    private async Task<ProvisionOutcome> RememberAsync(ProvisioningClaim claim, BuildResult result, CancellationToken cancellationToken)
    {
        var times = (claim.Session.Failure?.Times ?? 0) + 1;
        var backoff = TimeSpan.FromSeconds(Math.Min(LongestBackoff.TotalSeconds, Math.Pow(2, Math.Min(times, 10))));
        backoff = result.RetryAfter is { } asked && asked > backoff ? asked : backoff;
        var failure = new RecordFailure(result.Word, result.Detail, times, time.GetUtcNow() + backoff);

        // After a clear refusal no volume is on its way any more.
        var unclear = result.Reason is ProvisionRefusal.PlatformUnavailable;
        await claim.EndAsync(session => session with { State = SessionState.Failed, Failure = failure, VolumeAskedAt = unclear ? session.VolumeAskedAt : null }, cancellationToken);
        Log.Failed(logger, result.Word, times, backoff);
        return new ProvisionOutcome.Refused(result.Reason, result.Detail, backoff);
    }

    private static partial class Log
    {
        [LoggerMessage(7001, LogLevel.Information, "A workspace was assigned: machine {Machine} in {Region}", EventName = "WorkspaceAssigned")]
        public static partial void Assigned(ILogger logger, MachineId machine, string region);

        [LoggerMessage(7002, LogLevel.Warning, "A workspace could not be made ({Reason}, {Times} times in a row); not tried again for {Backoff}", EventName = "ProvisioningFailed")]
        public static partial void Failed(ILogger logger, string reason, int times, TimeSpan backoff);

        [LoggerMessage(7003, LogLevel.Error, "Making a workspace ended in an unforeseen way", EventName = "ProvisioningFaulted")]
        public static partial void Faulted(ILogger logger, Exception exception);
    }
}
