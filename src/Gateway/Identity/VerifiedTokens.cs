using System.Collections.Concurrent;
using System.Runtime.InteropServices;
using System.Security.Claims;
using System.Security.Cryptography;
using Microsoft.Extensions.Options;
using Microsoft.IdentityModel.Protocols.OpenIdConnect;

namespace Gateway.Identity;

/// <summary>
/// The provider's tokens whose signature was checked lately, known by their hash: checking it anew costs more than all else a warm request does. That a
/// token has run out, or was ended, is asked of it each time all the same.
/// </summary>
internal sealed class VerifiedTokens(Provider provider, IOptions<IdentityOptions> options, TimeProvider time)
{
    private Round? _round;

    /// <summary>
    /// What was verified by the keys that the provider publishes now. All of it is forgotten at once: when the provider publishes others, after
    /// <see cref="IdentityOptions.BelieveFor"/>, and when it has grown to <see cref="IdentityOptions.MaximumBelieved"/>. Only once the provider is known.
    /// </summary>
    public async ValueTask<Round> CurrentAsync(CancellationToken cancellationToken)
    {
        // Asked each time, as the validation itself does: this is what notices that the keys are to be read again.
        var published = await provider.Configuration.GetConfigurationAsync(cancellationToken);
        var round = Volatile.Read(ref _round);
        if (round is not null && ReferenceEquals(round.Published, published) && round.Count < options.Value.MaximumBelieved && time.GetElapsedTime(round.Began) < options.Value.BelieveFor)
        {
            return round;
        }

        var next = new Round(published, time);
        Interlocked.CompareExchange(ref _round, next, round);
        return next;
    }

    /// <summary>What one set of keys has verified.</summary>
    internal sealed class Round(OpenIdConnectConfiguration published, TimeProvider time)
    {
        private readonly ConcurrentDictionary<Hash, Verified> _verified = new();
        private int _count;

        public OpenIdConnectConfiguration Published => published;

        public long Began { get; } = time.GetTimestamp();

        public int Count => Volatile.Read(ref _count);

        /// <summary>Null: it was not verified yet, or has run out, and whoever judges tokens is to judge it.</summary>
        public ClaimsPrincipal? Find(string token) =>
            _verified.TryGetValue(Hash.Of(token), out var verified) && time.GetUtcNow() - BearerSetup.ClockSkew <= verified.Ends ? verified.User : null;

        /// <param name="token">As it was sent.</param>
        /// <param name="user">Whom it speaks of; shared by all requests that come with it.</param>
        /// <param name="ends">When it runs out by itself.</param>
        public void Add(string token, ClaimsPrincipal user, DateTimeOffset ends)
        {
            if (_verified.TryAdd(Hash.Of(token), new Verified(user, ends)))
            {
                Interlocked.Increment(ref _count);
            }
        }
    }

    private sealed record Verified(ClaimsPrincipal User, DateTimeOffset Ends);

    /// <summary>SHA-256 of a token: nobody is signed in by what is kept here.</summary>
    private readonly record struct Hash(ulong A, ulong B, ulong C, ulong D)
    {
        public static Hash Of(string token)
        {
            Span<ulong> hash = stackalloc ulong[4];
            SHA256.HashData(MemoryMarshal.AsBytes(token.AsSpan()), MemoryMarshal.AsBytes(hash));
            return new Hash(hash[0], hash[1], hash[2], hash[3]);
        }

        public override int GetHashCode() => (int)A;
    }
}
