using System.Buffers.Text;
using System.Collections.Concurrent;
using System.Globalization;
using System.Security.Cryptography;
using Microsoft.AspNetCore.Authentication;
using Microsoft.AspNetCore.Authentication.Cookies;
using Microsoft.Extensions.Options;

namespace Gateway.Identity;

/// <summary>
/// The sign-ins behind the cookie's handle: in the store for all replicas, and those verified lately in memory, so that a warm request asks nobody.
/// </summary>
internal sealed partial class SignIns(ISignInStore store, TimeProvider time, IOptions<IdentityOptions> options, ILogger<SignIns> logger) : ITicketStore
{
    private const string EndsAtItem = "gateway.ends-at";
    private static readonly TimeSpan AskAgainAfter = TimeSpan.FromSeconds(2);

    private readonly ConcurrentDictionary<string, Belief> _believed = new(StringComparer.Ordinal);
    private readonly IdentityOptions _options = options.Value;
    private int _evicting;

    public int Believed => _believed.Count;

    public async Task<string> StoreAsync(AuthenticationTicket ticket)
    {
        var handle = Base64Url.EncodeToString(RandomNumberGenerator.GetBytes(32));
        var endsAt = time.GetUtcNow() + _options.AbsoluteLifetime;
        ticket.Properties.Items[EndsAtItem] = endsAt.ToUnixTimeSeconds().ToString(CultureInfo.InvariantCulture);
        await WriteAsync(handle, ticket);
        return handle;
    }

    /// <summary>Called while an answer is on its way to the client, so an unreachable store must not spoil it: the sign-in then keeps its old end.</summary>
    public async Task RenewAsync(string key, AuthenticationTicket ticket)
    {
        try
        {
            await WriteAsync(key, ticket);
        }
        catch (SignInStoreUnavailableException)
        {
            Log.SignInNotRenewed(logger);
        }
    }

    public Task<AuthenticationTicket?> RetrieveAsync(string key) => RetrieveAsync(key, onUnknown: null).AsTask();

    public Task<AuthenticationTicket?> RetrieveAsync(string key, HttpContext httpContext, CancellationToken cancellationToken) =>
        RetrieveAsync(key, httpContext).AsTask();

    public async Task RemoveAsync(string key)
    {
        // Remembered as gone before the store is told: a read that is under way here must not bring it back.
        _believed[key] = new Belief(null, time.GetTimestamp());
        await store.RemoveAsync(key);
    }

    public Task RemoveAsync(string key, HttpContext httpContext, CancellationToken cancellationToken) => RemoveAsync(key);

    /// <summary>Makes the next use of every sign-in ask the store.</summary>
    public void Unverify()
    {
        foreach (var belief in _believed.Values)
        {
            belief.Doubt();
        }
    }

    /// <summary>Past its absolute end, whatever use was made of it.</summary>
    public bool HasEnded(AuthenticationProperties properties) =>
        !properties.Items.TryGetValue(EndsAtItem, out var text)
        || !long.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out var seconds)
        || time.GetUtcNow() >= DateTimeOffset.FromUnixTimeSeconds(seconds);

    private async ValueTask<AuthenticationTicket?> RetrieveAsync(string handle, HttpContext? onUnknown)
    {
        _believed.TryGetValue(handle, out var belief);
        if (belief is { Doubted: false } && Age(belief) < _options.BelieveFor && !IsPastExpiry(belief.Ticket))
        {
            return belief.Ticket;
        }

        if (belief is not null && belief.AskedAt != 0 && time.GetElapsedTime(belief.AskedAt) < AskAgainAfter)
        {
            return BelieveWithoutStore(belief, onUnknown);
        }

        try
        {
            return Learn(handle, belief, await store.ReadAsync(handle));
        }
        catch (SignInStoreUnavailableException)
        {
            belief?.AskedInVain(time.GetTimestamp());
            return BelieveWithoutStore(belief, onUnknown);
        }
    }

    private AuthenticationTicket? BelieveWithoutStore(Belief? belief, HttpContext? onUnknown)
    {
        if (belief is not null && Age(belief) <= _options.TrustWithoutRedis)
        {
            return belief.Ticket;
        }

        onUnknown?.Features.Set(CredentialUnknown.SignIn);
        return null;
    }

    // Replaces only what was there before the read: a sign-out meanwhile wins.
    private AuthenticationTicket? Learn(string handle, Belief? before, byte[]? stored)
    {
        var ticket = stored is null ? null : TicketSerializer.Default.Deserialize(stored);
        if (ticket is null)
        {
            _believed.TryRemove(handle, out _);
            return null;
        }

        var next = new Belief(ticket, time.GetTimestamp());
        var learnt = before is null ? _believed.TryAdd(handle, next) : _believed.TryUpdate(handle, next, before);
        EvictIfFull();
        return learnt || !_believed.TryGetValue(handle, out var other) ? ticket : other.Ticket;
    }

    private async Task WriteAsync(string handle, AuthenticationTicket ticket)
    {
        var lifetime = (ticket.Properties.ExpiresUtc ?? time.GetUtcNow() + _options.CookieLifetime) - time.GetUtcNow();
        if (lifetime <= TimeSpan.Zero || !ticket.Principal.TryGetUserId(out var user))
        {
            return;
        }

        await store.WriteAsync(handle, user, TicketSerializer.Default.Serialize(ticket), lifetime);
        _believed[handle] = new Belief(ticket, time.GetTimestamp());
        EvictIfFull();
    }

    private void EvictIfFull()
    {
        if (_believed.Count <= _options.MaximumBelieved || Interlocked.Exchange(ref _evicting, 1) == 1)
        {
            return;
        }

        // A tenth at a time, the longest unverified first: a sort per entry would be the attack.
        foreach (var (handle, _) in _believed.OrderBy(pair => pair.Value.ReadAt).Take((_options.MaximumBelieved / 10) + 1))
        {
            _believed.TryRemove(handle, out _);
        }

        Volatile.Write(ref _evicting, 0);
    }

    private TimeSpan Age(Belief belief) => time.GetElapsedTime(belief.ReadAt);

    private bool IsPastExpiry(AuthenticationTicket? ticket) => ticket?.Properties.ExpiresUtc <= time.GetUtcNow();

    /// <summary>What the store said, and when. Without a ticket: signed out here.</summary>
    private sealed class Belief(AuthenticationTicket? ticket, long readAt)
    {
        private long _askedAt;
        private volatile bool _doubted;

        public AuthenticationTicket? Ticket { get; } = ticket;

        public long ReadAt { get; } = readAt;

        /// <summary>When the store was last asked without an answer; 0: never.</summary>
        public long AskedAt => Volatile.Read(ref _askedAt);

        public bool Doubted => _doubted;

        public void Doubt() => _doubted = true;

        public void AskedInVain(long now) => Volatile.Write(ref _askedAt, now);
    }

    private static partial class Log
    {
        [LoggerMessage(1002, LogLevel.Warning, "A sign-in was not renewed because Redis does not answer; it keeps its old end", EventName = "SignInNotRenewed")]
        public static partial void SignInNotRenewed(ILogger logger);
    }
}
