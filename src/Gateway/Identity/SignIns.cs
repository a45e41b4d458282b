using System.Buffers.Text;
using System.Globalization;
using System.Security.Claims;
using System.Security.Cryptography;
using Gateway.Identity.Refreshing;
using Microsoft.AspNetCore.Authentication;
using Microsoft.AspNetCore.Authentication.Cookies;
using Microsoft.Extensions.Options;

namespace Gateway.Identity;

/// <summary>What became of a sign-in's claims when the provider was asked again.</summary>
internal enum ClaimsChange
{
    None,
    Changed,

    /// <summary>The answer names no user by <see cref="IdentityOptions.UserClaim"/>, and so says nothing of one.</summary>
    Nobody,

    /// <summary>The answer is about somebody else, so it is no answer.</summary>
    AnotherUser,
}

/// <summary>
/// The sign-ins behind the cookie's handle: in the store for all replicas, and those verified lately in memory, so that a warm request asks nobody.
/// </summary>
internal sealed partial class SignIns : ITicketStore
{
    /// <summary>The groups that the provider may end it by.</summary>
    public const string SubjectGroupItem = "gateway.subject-group";
    public const string SessionGroupItem = "gateway.session-group";

    /// <summary>The provider's refresh token, on its way to where it is kept; never stored with the sign-in.</summary>
    public const string RefreshTokenItem = "gateway.refresh-token";

    private const string EndsAtItem = "gateway.ends-at";

    // Each time another replica was faster; more than two never write one sign-in at once.
    private const int MostAttempts = 5;

    private readonly ISignInStore _store;
    private readonly RefreshTokens _tokens;
    private readonly TimeProvider _time;
    private readonly IdentityOptions _options;
    private readonly ILogger<SignIns> _logger;
    private readonly Beliefs<AuthenticationTicket> _believed;

    public SignIns(ISignInStore store, RefreshTokens tokens, TimeProvider time, IOptions<IdentityOptions> options, ILogger<SignIns> logger)
    {
        (_store, _tokens, _time, _options, _logger) = (store, tokens, time, options.Value, logger);
        _believed = new(time, _options, ReadAsync, ticket => ticket.Properties.ExpiresUtc <= time.GetUtcNow());
    }

    public int Believed => _believed.Count;

    public async Task<string> StoreAsync(AuthenticationTicket ticket)
    {
        var handle = Base64Url.EncodeToString(RandomNumberGenerator.GetBytes(32));
        var id = CredentialId.Of(handle);
        var endsAt = _time.GetUtcNow() + _options.AbsoluteLifetime;
        ticket.Properties.Items[EndsAtItem] = endsAt.ToUnixTimeSeconds().ToString(CultureInfo.InvariantCulture);
        ticket.Properties.Items.Remove(RefreshTokenItem, out var refreshToken);
        var identity = (ClaimsIdentity)ticket.Principal.Identity!;
        identity.AddClaim(new Claim(UserClaims.Credential, id));
        // By our clock and not the provider's: it is compared with moments of ours.
        identity.TryRemoveClaim(identity.FindFirst(UserClaims.Issued));
        identity.AddClaim(UserClaims.IssuedAt(_time.GetUtcNow()));
        if (LifetimeOf(ticket) is { } lifetime && ticket.Principal.TryGetUserId(out _))
        {
            var heard = _believed.Heard;
            await _store.WriteAsync(id, TicketSerializer.Default.Serialize(ticket), lifetime, GroupsOf(ticket));
            _believed.Set(id, ticket, heard);
            await (refreshToken is null ? Task.CompletedTask : _tokens.KeepAsync(id, refreshToken));
        }

        return handle;
    }

    /// <summary>Called while an answer is on its way to the client, so an unreachable store must not spoil it: the sign-in then keeps its old end.</summary>
    public async Task RenewAsync(string key, AuthenticationTicket ticket)
    {
        try
        {
            // Its times alone: what the sign-in says of its user may have been written by another replica since this one read it.
            await ChangeAsync(CredentialId.Of(key), tells: false, kept =>
            {
                (kept.Properties.IssuedUtc, kept.Properties.ExpiresUtc) = (ticket.Properties.IssuedUtc, ticket.Properties.ExpiresUtc);
                return kept;
            });
        }
        catch (SignInStoreUnavailableException)
        {
            Log.SignInNotRenewed(_logger);
        }
    }

    /// <summary>What the provider says of the user now counts from here on, on every replica; the sign-in ends when it would have.</summary>
    /// <param name="id">The sign-in.</param>
    /// <param name="token">A validated identity token of the provider's.</param>
    public async Task<ClaimsChange> ChangeClaimsAsync(string id, ClaimsPrincipal token)
    {
        var change = ClaimsChange.None;
        var changed = await ChangeAsync(id, tells: true, kept =>
        {
            (change, var updated) = Update(kept, token);
            return updated;
        });
        return change == ClaimsChange.Changed && !changed ? ClaimsChange.None : change;
    }

    public Task<AuthenticationTicket?> RetrieveAsync(string key) => RetrieveAsync(key, onUnknown: null).AsTask();

    public Task<AuthenticationTicket?> RetrieveAsync(string key, HttpContext httpContext, CancellationToken cancellationToken) =>
        RetrieveAsync(key, httpContext).AsTask();

    public Task RemoveAsync(string key) => EndAsync(CredentialId.Of(key));

    public Task RemoveAsync(string key, HttpContext httpContext, CancellationToken cancellationToken) => RemoveAsync(key);

    /// <summary>Ends the sign-in on every replica.</summary>
    public async Task EndAsync(string id)
    {
        // Remembered as gone before the store is told: a read that is under way here must not bring it back.
        _believed.End(id);
        await _store.RemoveAsync(id);
    }

    /// <summary>Another replica ended it.</summary>
    public void HasEnded(string id) => _believed.HasEnded(id);

    /// <summary>The sign-in as it stands; null and known: there is none.</summary>
    public ValueTask<(AuthenticationTicket? Value, bool Known)> FindAsync(string id) => _believed.FindAsync(id);

    /// <summary>The sign-in as it is believed now, without asking the store, and what that rests on. Null: nothing is believed.</summary>
    public (AuthenticationTicket Value, Evidence Evidence)? Current(string id) => _believed.Current(id);

    /// <summary>Another replica changed it.</summary>
    public void Unverify(string id) => _believed.Doubt(id);

    /// <summary>Makes the next use of every sign-in ask the store.</summary>
    public void Unverify() => _believed.Doubt();

    /// <summary>Past its absolute end, whatever use was made of it.</summary>
    public bool HasEnded(AuthenticationProperties properties) => EndsAt(properties) is not { } end || _time.GetUtcNow() >= end;

    /// <summary>Its absolute end; null: it has none, and does not count.</summary>
    public static DateTimeOffset? EndsAt(AuthenticationProperties properties) =>
        properties.Items.TryGetValue(EndsAtItem, out var text) && long.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out var seconds)
            ? DateTimeOffset.FromUnixTimeSeconds(seconds)
            : null;

    private async ValueTask<AuthenticationTicket?> RetrieveAsync(string handle, HttpContext? onUnknown)
    {
        var (ticket, known) = await _believed.FindAsync(CredentialId.Of(handle));
        if (!known)
        {
            onUnknown?.Features.Set(CredentialUnknown.SignIn);
        }

        return ticket;
    }

    /// <summary>The sign-in as the store has it. Not kept: it has ended; kept and null: a newer version wrote it.</summary>
    public async Task<(bool IsKept, AuthenticationTicket? Ticket)> ReadKeptAsync(string id) =>
        await _store.ReadAsync(id) is { } stored ? (true, TicketSerializer.Default.Deserialize(stored)) : (false, null);

    private async Task<AuthenticationTicket?> ReadAsync(string id) => (await ReadKeptAsync(id)).Ticket;

    /// <summary>
    /// Changes what the store has now, and not what this replica remembers. A sign-in that has ended stays so: a sign-out must not be undone by the last
    /// request it crossed.
    /// </summary>
    /// <param name="id">The sign-in.</param>
    /// <param name="tells">Every replica is told.</param>
    /// <param name="change">Null: nothing is to be written.</param>
    /// <returns>It was written.</returns>
    private async Task<bool> ChangeAsync(string id, bool tells, Func<AuthenticationTicket, AuthenticationTicket?> change)
    {
        for (var attempt = 0; attempt < MostAttempts; attempt++)
        {
            var heard = _believed.Heard;
            if (await _store.ReadAsync(id) is not { } before)
            {
                _believed.End(id);
                return false;
            }

            if (TicketSerializer.Default.Deserialize(before) is not { } kept || change(kept) is not { } changed || LifetimeOf(changed) is not { } lifetime)
            {
                return false;
            }

            if (await _store.RewriteAsync(id, before, TicketSerializer.Default.Serialize(changed), lifetime, tells))
            {
                _believed.Set(id, changed, heard);
                return true;
            }
        }

        throw new SignInStoreUnavailableException("A sign-in was written by others each time it was to be changed.");
    }

    private (ClaimsChange Change, AuthenticationTicket? Updated) Update(AuthenticationTicket kept, ClaimsPrincipal token)
    {
        var subject = token.FindFirst("sub")?.Value ?? "";
        if (kept.Properties.Items.TryGetValue(SubjectGroupItem, out var group) && group != BackChannelLogout.GroupOf("subject", subject))
        {
            return (ClaimsChange.AnotherUser, null);
        }

        if (UserClaims.From(token, _options, kept.Principal.Identity!.AuthenticationType!) is not { } now)
        {
            return (ClaimsChange.Nobody, null);
        }

        if (now.GetUserId() != kept.Principal.GetUserId())
        {
            return (ClaimsChange.AnotherUser, null);
        }

        return UserClaims.Updated(kept.Principal, now, token) is { } updated
            ? (ClaimsChange.Changed, new AuthenticationTicket(updated, kept.Properties, kept.AuthenticationScheme))
            : (ClaimsChange.None, null);
    }

    private static List<string> GroupsOf(AuthenticationTicket ticket) =>
        [.. new[] { SubjectGroupItem, SessionGroupItem }.Select(item => ticket.Properties.Items.TryGetValue(item, out var group) ? group : null).OfType<string>()];

    private TimeSpan? LifetimeOf(AuthenticationTicket ticket)
    {
        var now = _time.GetUtcNow();
        var lifetime = (ticket.Properties.ExpiresUtc ?? now + _options.CookieLifetime) - now;
        return lifetime > TimeSpan.Zero ? lifetime : null;
    }

    private static partial class Log
    {
        [LoggerMessage(1002, LogLevel.Warning, "A sign-in was not renewed because Redis does not answer; it keeps its old end", EventName = "SignInNotRenewed")]
        public static partial void SignInNotRenewed(ILogger logger);
    }
}
