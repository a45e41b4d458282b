using Microsoft.Extensions.Options;

namespace Gateway.Identity.Refreshing;

/// <summary>
/// Asks the provider about every sign-in that it gave a refresh token for, once in <see cref="IdentityOptions.RefreshEvery"/> and by one replica: whoever it
/// does not vouch for any more is signed out, and what it says of a user now (groups, roles, e-mail) counts from then on, open sockets included. While it
/// does not answer nobody is signed out.
/// </summary>
internal sealed partial class RefreshRounds(
    RefreshTokens tokens,
    RefreshGrant grant,
    SignIns signIns,
    Provider provider,
    IdentityMetrics metrics,
    Audit audit,
    IOptions<IdentityOptions> options,
    TimeProvider time,
    ILogger<RefreshRounds> logger)
{
    // As many as a provider that comes down may have taken a token from without our hearing of the next one.
    private const int AtOnce = 8;

    private static readonly TimeSpan LongestPause = TimeSpan.FromSeconds(15);
    private static readonly TimeSpan KeepTrying = TimeSpan.FromMinutes(1);
    private static readonly TimeSpan TryAgainAfter = TimeSpan.FromSeconds(2);

    /// <summary>Longer than sending and keeping may take, so that no two replicas send one token.</summary>
    private TimeSpan Lease => SendWithin + options.Value.ProviderTimeout + (2 * KeepTrying);

    private static TimeSpan SendWithin => TimeSpan.FromSeconds(30);

    /// <summary>Until the gateway stops; what was sent by then is still heard out.</summary>
    public async Task KeepUpAsync(CancellationToken stoppingToken)
    {
        if (!tokens.AreKept)
        {
            return;
        }

        var every = options.Value.RefreshEvery;
        using var timer = new PeriodicTimer(every < LongestPause ? every : LongestPause, time);
        while (await timer.WaitForNextTickAsync(stoppingToken))
        {
            await RefreshDueAsync(stoppingToken);
        }
    }

    internal async Task RefreshDueAsync(CancellationToken stoppingToken)
    {
        try
        {
            var reached = false;
            while (!stoppingToken.IsCancellationRequested && await ClaimAsync() is { Ids.Count: > 0 } claimed)
            {
                // Asked for what costs nothing first: a token that is sent to a provider in trouble may be spent and its answer lost.
                if (!reached && !await provider.AnswersAsync())
                {
                    metrics.Refreshed(RefreshOutcome.Unavailable, claimed.Ids.Count);
                    return;
                }

                reached = true;
                var outcomes = await Task.WhenAll(claimed.Ids.Select(id => RefreshAsync(id, claimed.At)));
                if (outcomes.Contains(RefreshOutcome.Unavailable))
                {
                    return;
                }
            }
        }
        catch (SignInStoreUnavailableException)
        {
            // What was claimed is due again when its lease ends.
            Log.StoreAway(logger);
        }
    }

    private async Task<(IReadOnlyList<string> Ids, long At)> ClaimAsync()
    {
        var at = time.GetTimestamp();
        return (await tokens.ClaimAsync(AtOnce, Lease), at);
    }

    private async Task<RefreshOutcome> RefreshAsync(string id, long claimedAt)
    {
        var outcome = await SettleAsync(id, claimedAt);
        metrics.Refreshed(outcome, 1);
        return outcome;
    }

    private async Task<RefreshOutcome> SettleAsync(string id, long claimedAt)
    {
        if (await signIns.ReadAsync(id) is not { } signIn || signIns.HasEnded(signIn.Properties) || await tokens.ReadAsync(id) is not { } sent)
        {
            await tokens.ForgetAsync(id);
            return RefreshOutcome.NotAsked;
        }

        // This process was asleep meanwhile, and another replica may have begun.
        if (time.GetElapsedTime(claimedAt) > SendWithin)
        {
            return RefreshOutcome.NotAsked;
        }

        switch (await grant.AskAsync(sent.Text))
        {
            case RefreshAnswer.Unavailable:
                return RefreshOutcome.Unavailable;
            case RefreshAnswer.Refused refused:
                await EndAsync(id, signIn.Principal.GetUserId(), refused.Error);
                return RefreshOutcome.Refused;
            case RefreshAnswer.Faulty faulty:
                Log.Faulty(logger, faulty.Why);
                await KeepAsync(id, sent, faulty.Token);
                await tokens.SettleAsync(id);
                return RefreshOutcome.Faulty;
            case RefreshAnswer.Granted granted:
                await KeepAsync(id, sent, granted.Token);
                return await ConfirmAsync(id, signIn.Principal.GetUserId(), granted);
            default:
                throw new InvalidOperationException("No such answer.");
        }
    }

    private async Task<RefreshOutcome> ConfirmAsync(string id, UserId user, RefreshAnswer.Granted granted)
    {
        var change = granted.User is null ? ClaimsChange.None : await signIns.ChangeClaimsAsync(id, granted.User);
        if (change == ClaimsChange.AnotherUser)
        {
            await EndAsync(id, user, "another-user");
            return RefreshOutcome.Refused;
        }

        await tokens.SettleAsync(id);
        return change == ClaimsChange.Changed ? RefreshOutcome.Changed : RefreshOutcome.Confirmed;
    }

    private async Task EndAsync(string id, UserId user, string error)
    {
        audit.EndedByProvider(user, error);
        await RepeatAsync(() => signIns.EndAsync(id));
    }

    /// <summary>The old one may be spent, so the new one is not given up for a store that is away for a moment.</summary>
    private Task KeepAsync(string id, RefreshToken sent, string? given) =>
        string.IsNullOrEmpty(given) || given == sent.Text ? Task.CompletedTask : RepeatAsync(() => tokens.ReplaceAsync(id, sent, given));

    private async Task RepeatAsync(Func<Task> write)
    {
        var began = time.GetTimestamp();
        while (true)
        {
            try
            {
                await write();
                return;
            }
            catch (SignInStoreUnavailableException) when (time.GetElapsedTime(began) < KeepTrying)
            {
                await Task.Delay(TryAgainAfter, time);
            }
        }
    }

    private static partial class Log
    {
        [LoggerMessage(1003, LogLevel.Warning, "A sign-in could not be confirmed at the identity provider: {Why}", EventName = "RefreshFaulty")]
        public static partial void Faulty(ILogger logger, string why);

        [LoggerMessage(1004, LogLevel.Warning, "Sign-ins were not confirmed at the identity provider because Redis does not answer", EventName = "RefreshWithoutRedis")]
        public static partial void StoreAway(ILogger logger);
    }
}
