using System.Collections.Concurrent;
using Microsoft.Extensions.Options;

namespace Gateway.Identity.Tokens;

/// <summary>Personal access tokens: verified ones are believed as sign-ins are, and their use is noted in memory and written once a minute.</summary>
internal sealed partial class PersonalTokens
{
    /// <summary>More are a mistake of a script, and would make the page unreadable.</summary>
    public const int Most = 50;

    private static readonly TimeSpan WriteUsesEvery = TimeSpan.FromMinutes(1);

    private readonly ITokenStore _store;
    private readonly TimeProvider _time;
    private readonly ILogger<PersonalTokens> _logger;
    private readonly Beliefs<Verified> _believed;
    private readonly ConcurrentDictionary<string, Verified> _used = new(StringComparer.Ordinal);

    public PersonalTokens(ITokenStore store, TimeProvider time, IOptions<IdentityOptions> options, ILogger<PersonalTokens> logger)
    {
        (_store, _time, _logger) = (store, time, logger);
        _believed = new(time, options.Value, ReadAsync, static _ => false);
    }

    /// <summary>Null: the user has as many as they may have. The text is nowhere else, and never again.</summary>
    public async Task<string?> MakeAsync(PersonalToken token)
    {
        var text = TokenText.New();
        return await _store.AddAsync(CredentialId.Of(text), token, Most) ? text : null;
    }

    /// <summary>Null and known: no such token, or it has expired.</summary>
    public async ValueTask<(Verified? Token, bool Known)> FindAsync(string id)
    {
        var (verified, known) = await _believed.FindAsync(id);
        return (verified?.Token.Expires > _time.GetUtcNow() ? verified : null, known);
    }

    /// <summary>The token as it is believed now, without asking the store, and what that rests on. Null: nothing is believed.</summary>
    public (Verified Value, Evidence Evidence)? Current(string id) => _believed.Current(id);

    /// <summary>Notes that it was used just now; a warm request writes a field and no more.</summary>
    public void Used(Verified verified)
    {
        verified.LastUsed = _time.GetUtcNow().UtcTicks;
        if (!verified.Noted)
        {
            verified.Noted = true;
            _used[verified.Id] = verified;
        }
    }

    public Task<IReadOnlyList<ListedToken>> ListAsync(UserId user) => _store.ListAsync(user);

    /// <summary>Ends it on every replica. False: the user has no such token.</summary>
    public async Task<bool> RevokeAsync(string id, UserId user)
    {
        if (!await _store.RemoveAsync(id, user))
        {
            return false;
        }

        _believed.End(id);
        return true;
    }

    /// <summary>Another replica revoked it.</summary>
    public void HasEnded(string id) => _believed.HasEnded(id);

    /// <summary>Makes the next use of every token ask the store.</summary>
    public void Unverify() => _believed.Doubt();

    /// <summary>Writes when tokens were last used, until the gateway stops.</summary>
    public async Task KeepUsesAsync(CancellationToken stoppingToken)
    {
        using var timer = new PeriodicTimer(WriteUsesEvery, _time);
        while (await timer.WaitForNextTickAsync(stoppingToken))
        {
            await WriteUsesAsync();
        }
    }

    internal async Task WriteUsesAsync()
    {
        var uses = new List<(UserId, string, DateTimeOffset)>();
        foreach (var (id, verified) in _used)
        {
            _used.TryRemove(id, out _);
            verified.Noted = false;
            uses.Add((new UserId(verified.Token.User), id, new DateTimeOffset(verified.LastUsed, TimeSpan.Zero)));
        }

        try
        {
            await _store.WriteUsesAsync(uses);
        }
        catch (SignInStoreUnavailableException)
        {
            // When a token was last used is a convenience; the next use is written again.
            Log.UsesNotWritten(_logger, uses.Count);
        }
    }

    private async Task<Verified?> ReadAsync(string id) => await _store.ReadAsync(id) is { } token ? new Verified(id, token) : null;

    /// <summary>A token that the store vouched for, with its user ready. <see cref="LastUsed"/> is written by any request, in UTC ticks.</summary>
    internal sealed class Verified(string id, PersonalToken token)
    {
        private long _lastUsed;
        private volatile bool _noted;

        public string Id => id;

        public PersonalToken Token => token;

        public System.Security.Claims.ClaimsPrincipal Principal { get; } = token.ToPrincipal(id);

        public long LastUsed
        {
            get => Volatile.Read(ref _lastUsed);
            set => Volatile.Write(ref _lastUsed, value);
        }

        public bool Noted
        {
            get => _noted;
            set => _noted = value;
        }
    }

    private static partial class Log
    {
        [LoggerMessage(1010, LogLevel.Debug, "The last use of {Count} tokens was not written because Redis does not answer", EventName = "TokenUsesNotWritten")]
        public static partial void UsesNotWritten(ILogger logger, int count);
    }
}
