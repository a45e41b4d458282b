namespace Gateway.Sessions;

/// <summary>
/// A machine record that this replica works on: its lease is renewed for as long as the work goes on, and every write goes through here, so that the work
/// and the renewal never write past each other. When somebody else takes the record over, <see cref="Lost"/> is cancelled.
/// </summary>
internal sealed class RecordClaim : IAsyncDisposable
{
    /// <summary>Long enough for a pause of a busy process, short enough for a user who waits for the next owner.</summary>
    public static readonly TimeSpan Lease = TimeSpan.FromSeconds(5);

    private static readonly TimeSpan Renewal = Lease / 3;

    private readonly ISessionMap _map;
    private readonly Replica _replica;
    private readonly TimeProvider _time;
    private readonly SemaphoreSlim _writing = new(1, 1);
    private readonly CancellationTokenSource _lost = new();
    private readonly CancellationTokenSource _ended = new();
    private readonly Func<MachineRecord, MachineRecord> _news;
    private readonly Task _renewing;

    /// <summary>When the last write was sent, from when its lease counts however long it took. Written by whoever has <see cref="_writing"/>.</summary>
    private long _sent;

    private RecordClaim(ISessionMap map, MachineRecord record, Replica replica, TimeProvider time, Func<MachineRecord, MachineRecord> news, long sent)
    {
        (_map, Record, _replica, _time, _news, _sent) = (map, record, replica, time, news, sent);
        Lost = _lost.Token;
        _renewing = RenewAsync();
    }

    /// <summary>As last written.</summary>
    public MachineRecord Record { get; private set; }

    public CancellationToken Lost { get; }

    /// <summary>Writes <paramref name="next"/> with a lease of this replica; null when another write was first.</summary>
    /// <param name="news">What each renewal tells the others besides.</param>
    public static async Task<RecordClaim?> TakeAsync(
        ISessionMap map, MachineRecord next, Replica replica, TimeProvider time, CancellationToken cancellationToken, Func<MachineRecord, MachineRecord>? news = null)
    {
        var sent = time.GetTimestamp();
        var write = await map.WriteAsync(Leased(next, replica, time), cancellationToken);
        return write.Won ? new RecordClaim(map, write.Current!, replica, time, news ?? (static record => record), sent) : null;
    }

    /// <summary>The next step of the work, still under the lease; false when the record was taken over.</summary>
    public Task<bool> WriteAsync(MachineRecord next, CancellationToken cancellationToken) => WriteAsync(_ => Leased(next, _replica, _time), cancellationToken);

    /// <summary>The end of the work: no lease, no renewal. False when the record was taken over, and then theirs stands.</summary>
    public async Task<bool> EndAsync(MachineRecord next, CancellationToken cancellationToken)
    {
        _ended.Cancel();
        // By the same look at the clock as whatever else it says of time, however long the write then waits for a renewal.
        var last = next with { Lease = null, Step = null, ChangedAt = _time.GetUtcNow() };
        return await WriteAsync(_ => last, cancellationToken);
    }

    public async ValueTask DisposeAsync()
    {
        _ended.Cancel();
        await _renewing;
        _ended.Dispose();
        _lost.Dispose();
        _writing.Dispose();
    }

    private async Task<bool> WriteAsync(Func<MachineRecord, MachineRecord> next, CancellationToken cancellationToken)
    {
        // Unbounded in itself: whoever writes is bounded by the map's own limit.
        await _writing.WaitAsync(CancellationToken.None);
        try
        {
            Volatile.Write(ref _sent, _time.GetTimestamp());
            var write = await _map.WriteAsync(next(Record) with { Epoch = Record.Epoch }, cancellationToken);
            if (write.Won)
            {
                Record = write.Current!;
                return true;
            }
        }
        finally
        {
            _writing.Release();
        }

        _lost.Cancel();
        return false;
    }

    private async Task RenewAsync()
    {
        while (true)
        {
            // Ends with the work, which is how nearly every claim ends and no exception.
            var left = Renewal - _time.GetElapsedTime(Volatile.Read(ref _sent));
            var pause = Task.Delay(left > TimeSpan.Zero ? left : TimeSpan.Zero, _time, _ended.Token);
            await pause.ConfigureAwait(ConfigureAwaitOptions.ContinueOnCapturedContext | ConfigureAwaitOptions.SuppressThrowing);
            if (pause.IsCanceled)
            {
                return;
            }

            try
            {
                // Not cancelled by the end: a write given up half-way may be carried out, and then the end would lose against our own renewal.
                if (!await WriteAsync(record => Leased(_news(record), _replica, _time), CancellationToken.None))
                {
                    return;
                }
            }
            catch (SessionMapUnavailableException)
            {
                // The work goes on; the next renewal, or the end, finds out whether the record is still ours.
            }
        }
    }

    private static MachineRecord Leased(MachineRecord record, Replica replica, TimeProvider time) =>
        record with { Lease = new RecordLease(replica.Name, time.GetUtcNow() + Lease) };
}
