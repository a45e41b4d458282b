using Gateway.Sessions;

namespace Gateway.Provisioning;

/// <summary>
/// A replica's hold of one user's <c>provisioning</c> record. Every save is a compare-and-set that renews it, so work goes on only as long as nobody
/// took over. Used by one job, one step after the other.
/// </summary>
internal sealed class ProvisioningClaim
{
    public static readonly TimeSpan LeaseTime = TimeSpan.FromSeconds(5);

    private static readonly TimeSpan RenewEvery = LeaseTime / 3;

    private readonly ISessionMap _map;
    private readonly TimeProvider _time;
    private readonly string _owner;

    // By this job alone.
    private TimeSpan _volumeAskedBefore;
    private long _volumeAskedSince;

    private ProvisioningClaim(ISessionMap map, TimeProvider time, string owner, Session session, TimeSpan sinceLastWrite)
    {
        (_map, _time, _owner, Session) = (map, time, owner, session);
        (_volumeAskedBefore, _volumeAskedSince) = (sinceLastWrite, time.GetTimestamp());
    }

    /// <summary>The record as this job wrote it last.</summary>
    public Session Session { get; private set; }

    /// <summary>
    /// How long ago a volume was asked for, if one was. Whoever asked may have had another clock: what passed until this claim is by the map's, which is in
    /// the epochs, and what passes since then by one that nobody puts forward.
    /// </summary>
    public TimeSpan SinceVolumeAsked => _volumeAskedBefore + _time.GetElapsedTime(_volumeAskedSince);

    /// <summary>Takes the record on, whatever of the workspace it knows already; null when somebody else changed it first.</summary>
    public static async Task<ProvisioningClaim?> TryTakeAsync(ISessionMap map, TimeProvider time, string owner, Session known, CancellationToken cancellationToken)
    {
        var now = time.GetUtcNow();
        var write = await map.WriteAsync(known with { State = SessionState.Provisioning, Lease = new RecordLease(owner, now + LeaseTime), ChangedAt = now }, cancellationToken);
        return write.Won ? new ProvisioningClaim(map, time, owner, write.Current!, TimeSpan.FromMicroseconds(write.Current!.Epoch - known.Epoch)) : null;
    }

    /// <summary>Saves a step while the work goes on.</summary>
    public Task SaveAsync(Func<Session, Session> step, CancellationToken cancellationToken) =>
        WriteAsync(session => step(session) with { Lease = new RecordLease(_owner, _time.GetUtcNow() + LeaseTime) }, cancellationToken);

    /// <summary>Saves that a volume is about to be asked for, or may have been until now.</summary>
    public async Task AskVolumeAsync(CancellationToken cancellationToken)
    {
        await SaveAsync(session => session with { VolumeAskedAt = _time.GetUtcNow() }, cancellationToken);
        (_volumeAskedBefore, _volumeAskedSince) = (TimeSpan.Zero, _time.GetTimestamp());
    }

    /// <summary>Saves the end and lets the record go.</summary>
    public async Task<Session> EndAsync(Func<Session, Session> end, CancellationToken cancellationToken)
    {
        await WriteAsync(session => end(session) with { Lease = null, ChangedAt = _time.GetUtcNow() }, cancellationToken);
        return Session;
    }

    /// <summary>Gives the record back as it was before: the map lost its memory meanwhile.</summary>
    public Task AbandonAsync(Session known, CancellationToken cancellationToken) => known.Epoch == 0
        ? _map.RemoveAsync(Session, cancellationToken)
        : _map.WriteAsync(known with { Epoch = Session.Epoch }, cancellationToken);

    /// <summary>
    /// Makes a call of the platform, and renews the lease for as long as it takes. When that is lost the call is cancelled: one that waits for its turn is
    /// then not made any more.
    /// </summary>
    public async Task<T> DuringAsync<T>(Func<CancellationToken, Task<T>> call, CancellationToken cancellationToken)
    {
        // A process that was asleep since its last save may have been taken over: what it is about to send cannot be fenced by the map.
        if (Session.Lease!.Until - RenewEvery <= _time.GetUtcNow())
        {
            await SaveAsync(session => session, cancellationToken);
        }

        using var ours = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        var running = call(ours.Token);
        try
        {
            while (!running.IsCompleted)
            {
                // Not the caller's: that ends the call, and a delay it ended too would go on by way of the thread pool.
                using var done = new CancellationTokenSource();
                if (await Task.WhenAny(running, Task.Delay(RenewEvery, _time, done.Token)) != running)
                {
                    await RenewAsync(cancellationToken);
                }

                done.Cancel();
            }

            return await running;
        }
        finally
        {
            ours.Cancel();
        }
    }

    public async Task PauseAsync(TimeSpan pause, CancellationToken cancellationToken) =>
        await DuringAsync(async ours =>
        {
            await Task.Delay(pause, _time, ours);
            return true;
        }, cancellationToken);

    private async Task RenewAsync(CancellationToken cancellationToken)
    {
        cancellationToken.ThrowIfCancellationRequested();
        try
        {
            await SaveAsync(session => session, cancellationToken);
        }
        catch (SessionMapUnavailableException) when (Session.Lease!.Until > _time.GetUtcNow())
        {
            // The record is ours until the lease ends; the next renewal may get through.
        }
    }

    private async Task WriteAsync(Func<Session, Session> change, CancellationToken cancellationToken)
    {
        var write = await _map.WriteAsync(change(Session), cancellationToken);
        if (!write.Won && write.Current is { State: SessionState.Provisioning } stands && stands.Lease?.Owner == _owner)
        {
            // An earlier write of ours was made although its answer never came.
            write = await _map.WriteAsync(change(stands), cancellationToken);
        }

        if (!write.Won)
        {
            throw new ClaimLostException();
        }

        Session = write.Current!;
    }
}

/// <summary>Somebody else has the record now: the work ends where it is, and the job decides again from what stands in the map.</summary>
internal sealed class ClaimLostException : Exception;
