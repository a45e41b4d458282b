using System.Collections.Concurrent;
using System.Threading.RateLimiting;
using Microsoft.Extensions.Options;

namespace Gateway.Machines;

/// <summary>
/// Keeps the documented rates: a token bucket for each action and each machine, or each app where the call is keyed by the app. Callers wait in order;
/// buckets nobody uses are dropped by the limiter itself.
/// </summary>
internal sealed class MachinesRates : IDisposable
{
    // A little slower than documented, so that clocks and queues in between do not make it faster.
    private static readonly TimeSpan CallEvery = TimeSpan.FromMilliseconds(1010);
    private static readonly TimeSpan ReadEvery = TimeSpan.FromMilliseconds(205);

    private readonly PartitionedRateLimiter<(MachinesCall Call, string Key)> _limiter;
    private readonly ConcurrentDictionary<(MachinesCall Call, string Key), QueueLine> _lines = new();
    private readonly (TimeSpan Call, TimeSpan Read) _every;

    public MachinesRates(IOptions<MachinesOptions> options)
        : this(options.Value, CallEvery, ReadEvery)
    {
    }

    internal MachinesRates(MachinesOptions options, TimeSpan callEvery, TimeSpan readEvery)
    {
        _every = (callEvery, readEvery);
        _limiter = PartitionedRateLimiter.Create<(MachinesCall Call, string Key), (MachinesCall, string)>(call => options.KeepRates
            ? RateLimitPartition.GetTokenBucketLimiter(call, key => key.Item1 is MachinesCall.Get
                ? Bucket(burst: 10, readEvery, options.QueuedPerRate)
                : Bucket(burst: 3, callEvery, options.QueuedPerRate))
            : RateLimitPartition.GetNoLimiter(call));
    }

    /// <summary>Waits for the call's turn; a lease that is not acquired: too many wait already.</summary>
    public async ValueTask<RateLimitLease> AcquireAsync(MachinesCall call, string key, CancellationToken cancellationToken)
    {
        var acquiring = _limiter.AcquireAsync((call, key), 1, cancellationToken);
        if (acquiring.IsCompleted || QueueWatch.Current is not { } watch)
        {
            return await acquiring;
        }

        var line = _lines.GetOrAdd((call, key), static (rate, every) => new QueueLine(rate.Call is MachinesCall.Get ? every.Read : every.Call), _every);
        var place = line.Enter();
        watch.Place = place;
        try
        {
            return await acquiring;
        }
        finally
        {
            watch.Place = null;
            if (line.Leave(place))
            {
                // Whoever enters this very moment is seen in a line of their own, which is as long.
                _lines.TryRemove(new((call, key), line));
            }
        }
    }

    public void Dispose() => _limiter.Dispose();

    private static TokenBucketRateLimiterOptions Bucket(int burst, TimeSpan every, int queued) => new()
    {
        TokenLimit = burst,
        TokensPerPeriod = 1,
        ReplenishmentPeriod = every,
        QueueLimit = queued,
        QueueProcessingOrder = QueueProcessingOrder.OldestFirst,
        AutoReplenishment = true,
    };
}
