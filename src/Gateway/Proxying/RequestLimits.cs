using System.Buffers.Binary;
using System.Net;
using System.Net.Sockets;
using System.Threading.RateLimiting;
using Microsoft.Extensions.Options;

namespace Gateway.Proxying;

/// <summary>
/// How much one address, and one user, may ask of this replica. Addresses are limited before anybody looks at a credential, so that guessing is slow;
/// users after. A limit of 0 is none.
/// </summary>
internal sealed class RequestLimits : IDisposable
{
    private static readonly TimeSpan Second = TimeSpan.FromSeconds(1);

    private readonly PartitionedRateLimiter<ulong>? _addresses;
    private readonly PartitionedRateLimiter<UserId>? _users;
    private readonly PartitionedRateLimiter<UserId>? _atOnce;
    private readonly PartitionedRateLimiter<UserId>? _sockets;

    public RequestLimits(IOptions<ProxyingOptions> options)
    {
        var limits = options.Value;
        _addresses = Rate<ulong>(limits.RequestsPerAddress, limits.BurstPerAddress);
        _users = Rate<UserId>(limits.RequestsPerUser, limits.BurstPerUser);
        _atOnce = AtOnce(limits.ConcurrentPerUser);
        _sockets = AtOnce(limits.SocketsPerUser);
    }

    /// <summary>Null: the address may ask. Otherwise when it may again.</summary>
    public TimeSpan? Refuse(IPAddress? address)
    {
        // Loopback is the gateway's own host: no client's, and where a proxy of the host's own is in front, everybody's.
        if (_addresses is null || address is null || IPAddress.IsLoopback(address))
        {
            return null;
        }

        using var lease = _addresses.AttemptAcquire(KeyOf(address));
        return lease.IsAcquired ? null : RetryAfter(lease);
    }

    /// <summary>Counts the user's request until the admission is disposed, whatever it says.</summary>
    public Admission Admit(UserId user, bool isSocket)
    {
        if (_users is not null)
        {
            using var rate = _users.AttemptAcquire(user);
            if (!rate.IsAcquired)
            {
                return new Admission(null, RetryAfter(rate));
            }
        }

        var lease = (isSocket ? _sockets : _atOnce)?.AttemptAcquire(user);
        return new Admission(lease, lease is { IsAcquired: false } ? Second : null);
    }

    public void Dispose()
    {
        _addresses?.Dispose();
        _users?.Dispose();
        _atOnce?.Dispose();
        _sockets?.Dispose();
    }

    /// <summary>An IPv4 address, or the half of an IPv6 address that a network gives out: who has one address of it has them all.</summary>
    private static ulong KeyOf(IPAddress address)
    {
        Span<byte> bytes = stackalloc byte[16];
        if (!address.TryWriteBytes(bytes, out var written))
        {
            return 0;
        }

        return address.AddressFamily is AddressFamily.InterNetwork || address.IsIPv4MappedToIPv6
            ? BinaryPrimitives.ReadUInt32BigEndian(bytes[(written - 4)..written])
            : BinaryPrimitives.ReadUInt64BigEndian(bytes);
    }

    private static TimeSpan RetryAfter(RateLimitLease lease) => lease.TryGetMetadata(MetadataName.RetryAfter, out var after) ? after : Second;

    private static PartitionedRateLimiter<TKey>? Rate<TKey>(int perSecond, int burst)
        where TKey : notnull
    {
        // One factory for all keys: a call makes nothing but what the key needs the first time.
        Func<TKey, RateLimiter> make = _ => new TokenBucketRateLimiter(new TokenBucketRateLimiterOptions
        {
            TokensPerPeriod = perSecond, ReplenishmentPeriod = Second, TokenLimit = burst, QueueLimit = 0, AutoReplenishment = false,
        });
        return perSecond == 0 ? null : PartitionedRateLimiter.Create<TKey, TKey>(key => RateLimitPartition.Get(key, make));
    }

    private static PartitionedRateLimiter<UserId>? AtOnce(int most)
    {
        Func<UserId, RateLimiter> make = _ => new ConcurrencyLimiter(new ConcurrencyLimiterOptions { PermitLimit = most, QueueLimit = 0 });
        return most == 0 ? null : PartitionedRateLimiter.Create<UserId, UserId>(user => RateLimitPartition.Get(user, make));
    }
}

/// <summary>A user's request, counted while it lasts.</summary>
/// <param name="Lease">What counts it; null where nothing does.</param>
/// <param name="RetryAfter">Set: it is one too many.</param>
internal readonly record struct Admission(RateLimitLease? Lease, TimeSpan? RetryAfter) : IDisposable
{
    public void Dispose() => Lease?.Dispose();
}
