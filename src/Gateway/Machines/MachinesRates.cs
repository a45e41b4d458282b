using System.Threading.RateLimiting;
using Microsoft.Extensions.Options;

namespace Gateway.Machines;

/// <summary>
/// Keeps the documented rates: a token bucket for each action and each machine, or each app where the call is keyed by the app. Callers wait in order;
/// buckets nobody uses are dropped by the limiter itself.
/// </summary>
internal sealed class MachinesRates(IOptions<MachinesOptions> options) : IDisposable
{
    private readonly PartitionedRateLimiter<(MachinesCall Call, string Key)> _limiter =
        PartitionedRateLimiter.Create<(MachinesCall Call, string Key), (MachinesCall, string)>(call => options.Value.KeepRates
            ? RateLimitPartition.GetTokenBucketLimiter(call, key => Bucket(key.Item1, options.Value.QueuedPerRate))
            : RateLimitPartition.GetNoLimiter(call));

    /// <summary>Waits for the call's turn; a lease that is not acquired: too many wait already.</summary>
    public ValueTask<RateLimitLease> AcquireAsync(MachinesCall call, string key, CancellationToken cancellationToken) =>
        _limiter.AcquireAsync((call, key), 1, cancellationToken);

    public void Dispose() => _limiter.Dispose();

    private static TokenBucketRateLimiterOptions Bucket(MachinesCall call, int queued)
    {
        var reads = call is MachinesCall.Get;
        return new TokenBucketRateLimiterOptions
        {
            TokenLimit = reads ? 10 : 3,
            TokensPerPeriod = 1,
            // A little slower than documented, so that clocks and queues in between do not make it faster.
            ReplenishmentPeriod = TimeSpan.FromMilliseconds(reads ? 205 : 1010),
            QueueLimit = queued,
            QueueProcessingOrder = QueueProcessingOrder.OldestFirst,
            AutoReplenishment = true,
        };
    }
}
