using System.Collections.Concurrent;
using System.Globalization;
using System.Security.Claims;
using System.Threading.Channels;
using Microsoft.Extensions.Options;

namespace Gateway.Identity.Access;

/// <summary>
/// Who may have a workspace now: what operators decided at run time, else the allow-list. The decisions are few, so all of them are held in memory, read
/// again as the change feed tells, and asked by every request without leaving the process.
/// </summary>
internal sealed class UserAccess(IAccessStore store, AllowList list, TimeProvider time, IOptions<IdentityOptions> options)
{
    private static readonly TimeSpan TryAgainAfter = TimeSpan.FromSeconds(1);

    // Users whose decisions are to be read again; null: all of them.
    private readonly Channel<string?> _stale = Channel.CreateUnbounded<string?>(new UnboundedChannelOptions { SingleReader = true });
    private readonly ConcurrentDictionary<string, UserDecision> _decisions = new(StringComparer.Ordinal);
    private readonly ConcurrentDictionary<string, DateTimeOffset> _endedBefore = new(StringComparer.Ordinal);
    private long _read;

    /// <summary>What is decided of the user, or of anybody when null, may be another now.</summary>
    public event Action<UserId?>? Changed;

    /// <summary>Raised after every reading of what was decided: as long as it is the same, whoever was allowed is, and what had not ended has not.</summary>
    public long Decisions => Volatile.Read(ref _read);

    public UserDecision? DecisionOf(UserId user) => _decisions.GetValueOrDefault(user.Value);

    public bool Allows(ClaimsPrincipal user) => user.TryGetUserId(out var id) && (DecisionOf(id) is { } decision ? decision.Allowed : list.Allows(user));

    public bool IsDenied(ClaimsPrincipal user) => user.TryGetUserId(out var id) && DecisionOf(id) is { Allowed: false };

    /// <summary>The credential is from before an operator ended all of the user's. One that does not say when it was issued is.</summary>
    public bool HasEnded(ClaimsPrincipal user) =>
        user.TryGetUserId(out var id)
        && _endedBefore.TryGetValue(id.Value, out var before)
        && !(long.TryParse(user.FindFirst(UserClaims.Issued)?.Value, NumberStyles.None, CultureInfo.InvariantCulture, out var issued) && issued > before.ToUnixTimeMilliseconds());

    public async Task DecideAsync(UserId user, UserDecision? decision)
    {
        await store.WriteAsync(user.Value, decision);
        await ReadAsync(user.Value);
    }

    /// <summary>Ends whatever the user is signed in by, everywhere; they may sign in again.</summary>
    public async Task EndAllAsync(UserId user)
    {
        var longest = options.Value.MaximumTokenLifetime > options.Value.AbsoluteLifetime ? options.Value.MaximumTokenLifetime : options.Value.AbsoluteLifetime;
        await store.EndBeforeAsync(user.Value, time.GetUtcNow(), longest);
        await ReadAsync(user.Value);
    }

    /// <summary>Something was decided of the user elsewhere.</summary>
    public void Hear(string user) => _stale.Writer.TryWrite(user);

    /// <summary>Something may have been decided unheard.</summary>
    public void Unverify() => _stale.Writer.TryWrite(null);

    /// <summary>Reads what is said to be stale until the gateway stops.</summary>
    public async Task KeepUpAsync(CancellationToken stoppingToken)
    {
        Unverify();
        var stale = new HashSet<string?>();
        while (await _stale.Reader.WaitToReadAsync(stoppingToken))
        {
            while (_stale.Reader.TryRead(out var user))
            {
                stale.Add(user);
            }

            while (!await TryReadAsync(stale))
            {
                await Task.Delay(TryAgainAfter, time, stoppingToken);
            }

            stale.Clear();
        }
    }

    private async Task<bool> TryReadAsync(HashSet<string?> stale)
    {
        try
        {
            if (stale.Contains(null))
            {
                await ReadAllAsync();
                return true;
            }

            foreach (var user in stale)
            {
                await ReadAsync(user!);
            }

            return true;
        }
        catch (SignInStoreUnavailableException)
        {
            return false;
        }
    }

    private async Task ReadAsync(string user)
    {
        var (decision, endedBefore) = await store.ReadAsync(user);
        Keep(_decisions, user, decision);
        if (endedBefore is { } before)
        {
            _endedBefore[user] = before;
        }

        Interlocked.Increment(ref _read);
        Changed?.Invoke(new UserId(user));
    }

    private async Task ReadAllAsync()
    {
        var all = await store.ReadAllAsync();
        foreach (var user in _decisions.Keys.Except(all.Access.Keys).ToList())
        {
            _decisions.TryRemove(user, out _);
        }

        foreach (var (user, decision) in all.Access)
        {
            _decisions[user] = decision;
        }

        foreach (var (user, before) in all.EndedBefore)
        {
            _endedBefore[user] = before;
        }

        Interlocked.Increment(ref _read);
        Changed?.Invoke(null);
    }

    private static void Keep(ConcurrentDictionary<string, UserDecision> decisions, string user, UserDecision? decision)
    {
        if (decision is null)
        {
            decisions.TryRemove(user, out _);
        }
        else
        {
            decisions[user] = decision;
        }
    }
}
