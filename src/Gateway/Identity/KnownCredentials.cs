using System.Collections.Concurrent;
using System.Globalization;
using System.Runtime.InteropServices;
using System.Security.Cryptography;
using System.Text;
using Gateway.Identity.Access;
using Gateway.Identity.Tokens;
using Microsoft.AspNetCore.Authentication;
using Microsoft.Extensions.Options;

namespace Gateway.Identity;

/// <summary>
/// The credentials that lately let somebody into a workspace, by the hash of what was sent: a warm request is let in by what is remembered here, and
/// passes no authentication handler. Whatever a handler or the workspace policy would find changed since makes it pass them all again: the credential has
/// run out, or is due to be renewed; it was ended, or may have been; an operator decided on somebody; the provider publishes other keys.
/// </summary>
internal sealed class KnownCredentials(SignIns signIns, PersonalTokens tokens, UserAccess access, CredentialsOrigin credentials, IOptions<IdentityOptions> options, TimeProvider time)
{
    // A token of more is judged anew each time.
    private const int LongestHashed = 8 * 1024;

    private Generations _generations = new([], []);

    /// <summary>Null: the request is for the handlers to judge. Sockets by cookie are, always: which page they come from matters as well.</summary>
    public Caller? Find(HttpContext context)
    {
        // A token that opens the workspace opens nothing at the credentials' origin.
        if (credentials.IsAt(context) || Sent.In(context.Request) is not { } sent || (!sent.ByHeader && context.Request.IsUpgrade()) || Find(sent) is not { } known)
        {
            return null;
        }

        if (known.Evidence.Doubted || known.Decisions != access.Decisions || known.Until <= time.GetUtcNow() || time.GetElapsedTime(known.Evidence.ReadAt) >= options.Value.BelieveFor)
        {
            return null;
        }

        if (known.Token is { } token)
        {
            tokens.Used(token);
        }

        return known.Caller;
    }

    /// <summary>Remembers by what the request was let in, where that can be. Called after the handlers and the policy.</summary>
    /// <param name="context">The request.</param>
    /// <param name="caller">Whom they found.</param>
    public void Remember(HttpContext context, Caller caller)
    {
        // Read first: what is decided while this looks is then found to be newer.
        var decisions = access.Decisions;
        if (Sent.In(context.Request) is not { } sent || access.HasEnded(caller.Principal) || !access.Allows(caller.Principal))
        {
            return;
        }

        // A header that was let pass stands beside the cookie that counted, and another one may count tomorrow.
        if (caller.ByHeader != sent.ByHeader || Judge(context, caller) is not var (evidence, until, token))
        {
            return;
        }

        Add(sent, new Known(caller, evidence, until, decisions, token));
    }

    /// <summary>What the judgement rests on, and until when it can be relied on; null: it cannot.</summary>
    private (Evidence Evidence, DateTimeOffset Until, PersonalTokens.Verified? Token)? Judge(HttpContext context, Caller caller)
    {
        if (caller.Principal.FindFirst(UserClaims.Credential)?.Value is not { } id)
        {
            return context.Features.Get<Evidence>() is { } keys && long.TryParse(caller.Principal.FindFirst(UserClaims.Expires)?.Value, NumberStyles.None, CultureInfo.InvariantCulture, out var seconds)
                && seconds <= DateTimeOffset.MaxValue.ToUnixTimeSeconds() - (long)BearerSetup.ClockSkew.TotalSeconds
                ? (keys, DateTimeOffset.FromUnixTimeSeconds(seconds) + BearerSetup.ClockSkew, null)
                : null;
        }

        if (!caller.BySignIn)
        {
            return tokens.Current(id) is var (token, evidence) ? (evidence, token.Token.Expires, token) : null;
        }

        return signIns.Current(id) is var (ticket, read) && RenewedAt(ticket.Properties) is { } renewed && SignIns.EndsAt(ticket.Properties) is { } ends
            ? (read, renewed < ends ? renewed : ends, null)
            : null;
    }

    /// <summary>Half-way to its end the cookie handler gives a sign-in a new one, and sends the cookie again.</summary>
    private static DateTimeOffset? RenewedAt(AuthenticationProperties properties) =>
        properties is { IssuedUtc: { } issued, ExpiresUtc: { } expires } ? issued + ((expires - issued) / 2) : null;

    private Known? Find(in Sent sent)
    {
        var generations = Volatile.Read(ref _generations);
        if (generations.Young.TryGetValue(sent, out var known))
        {
            return known;
        }

        if (generations.Old.TryGetValue(sent, out known))
        {
            Add(sent, known);
        }

        return known;
    }

    /// <summary>Bounded by two generations: when the young one is full it becomes the old one, and what was not used since the last time is forgotten.</summary>
    private void Add(in Sent sent, Known known)
    {
        var generations = Volatile.Read(ref _generations);
        if (generations.IsFull(options.Value.MaximumBelieved))
        {
            Interlocked.CompareExchange(ref _generations, new Generations([], generations.Young), generations);
            generations = Volatile.Read(ref _generations);
        }

        generations.Add(sent, known);
    }

    /// <param name="Caller">Whom it lets in.</param>
    /// <param name="Evidence">What that rests on.</param>
    /// <param name="Until">From then on it is judged anew, if nothing has happened before.</param>
    /// <param name="Decisions">How much operators had decided of anybody.</param>
    /// <param name="Token">Set for a personal token, whose last use is shown to its user.</param>
    private sealed record Known(Caller Caller, Evidence Evidence, DateTimeOffset Until, long Decisions, PersonalTokens.Verified? Token);

    private sealed class Generations(ConcurrentDictionary<Sent, Known> young, ConcurrentDictionary<Sent, Known> old)
    {
        // Counting the dictionary itself takes all of its locks.
        private int _added;

        public ConcurrentDictionary<Sent, Known> Young => young;

        public ConcurrentDictionary<Sent, Known> Old => old;

        public bool IsFull(int most) => Volatile.Read(ref _added) >= Math.Max(1, most / 2);

        public void Add(in Sent sent, Known known)
        {
            if (young.TryAdd(sent, known))
            {
                Interlocked.Increment(ref _added);
            }
            else
            {
                young[sent] = known;
            }
        }
    }

    /// <summary>SHA-256 of the one credential of a request: nobody is signed in by what is kept of it.</summary>
    private readonly record struct Sent(ulong A, ulong B, ulong C, ulong D, bool ByHeader)
    {
        public override int GetHashCode() => (int)A;

        /// <summary>Null: none, or more than one.</summary>
        public static Sent? In(HttpRequest request)
        {
            var headers = request.Headers;
            if (headers.Authorization is { Count: > 0 } authorization)
            {
                return authorization.Count == 1 ? Of(authorization[0], byHeader: true, secure: false) : null;
            }

            return headers.Cookie.Count > 0 && IdentityCookies.Read(request, IdentityCookies.SignInName(request), out var several) is { } cookie && !several ? Of(cookie, byHeader: false, request.IsHttps) : null;
        }

        private static Sent? Of(ReadOnlySpan<char> text, bool byHeader, bool secure)
        {
            if (text.IsEmpty || text.Length > LongestHashed)
            {
                return null;
            }

            // The same text is another credential under another name.
            Span<byte> bytes = stackalloc byte[text.Length + 1];
            bytes[^1] = (byte)((byHeader ? 1 : 0) | (secure ? 2 : 0));
            Span<ulong> hash = stackalloc ulong[4];
            if (Encoding.Latin1.GetBytes(text, bytes) != text.Length)
            {
                return null;
            }

            SHA256.HashData(bytes, MemoryMarshal.AsBytes(hash));
            return new Sent(hash[0], hash[1], hash[2], hash[3], byHeader);
        }
    }
}
