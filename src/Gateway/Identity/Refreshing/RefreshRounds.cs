using System.Security.Cryptography;
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
    IHostApplicationLifetime lifetime,
    IOptions<IdentityOptions> options,
    TimeProvider time,
    ILogger<RefreshRounds> logger)
{
    // As many as a provider that comes down may have taken a token from without our hearing of the next one.
    private const int AtOnce = 8;

    private static readonly TimeSpan LongestPause = TimeSpan.FromSeconds(15);
    private static readonly TimeSpan SendWithin = TimeSpan.FromSeconds(30);
    private static readonly TimeSpan KeepTrying = TimeSpan.FromMinutes(1);
    private static readonly TimeSpan TryAgainAfter = TimeSpan.FromSeconds(2);

    /// <summary>Longer than sending and keeping may take, so that no two replicas send one token.</summary>
    private TimeSpan Lease => SendWithin + options.Value.ProviderTimeout + (2 * KeepTrying);

    /// <summary>
    /// Until the gateway begins to stop: nothing is sent from then on, and what was sent is heard out while requests in progress end. The token that comes
    /// with an answer that nobody hears is lost, and its user signed out.
    /// </summary>
    public async Task KeepUpAsync(CancellationToken stoppingToken)
    {
        if (!tokens.AreKept)
        {
            return;
        }

        using var over = CancellationTokenSource.CreateLinkedTokenSource(stoppingToken, lifetime.ApplicationStopping);
        var every = options.Value.RefreshEvery;
        using var timer = new PeriodicTimer(every < LongestPause ? every : LongestPause, time);
        try
        {
            while (await timer.WaitForNextTickAsync(over.Token))
            {
                await RefreshDueAsync(over.Token);
            }
        }
        catch (OperationCanceledException) when (over.IsCancellationRequested)
        {
            // As it was asked to.
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
                var outcomes = await Task.WhenAll(claimed.Ids.Select(id => RefreshAsync(id, claimed)));
                // One that was not answered may be about one user; if none was, it is the provider.
                if (outcomes.All(static outcome => outcome is RefreshOutcome.Unavailable))
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

    private async Task<Claimed> ClaimAsync()
    {
        var (at, now) = (time.GetTimestamp(), time.GetUtcNow());
        return new Claimed(await tokens.ClaimAsync(AtOnce, Lease), at, now);
    }

    private async Task<RefreshOutcome> RefreshAsync(string id, Claimed claimed)
    {
        var outcome = RefreshOutcome.Faulty;
        try
        {
            outcome = await SettleAsync(id, claimed);
        }
        catch (CryptographicException)
        {
            // Perhaps for the moment only, and the token is good: so it is left for later, and goes by itself with its lifetime.
            Log.Unreadable(logger);
            outcome = RefreshOutcome.Unavailable;
        }
        catch (Exception failure) when (failure is not SignInStoreUnavailableException)
        {
            // A fault with one sign-in must not keep all others from being asked about.
            Log.Failed(logger, failure);
            await tokens.SettleAsync(id);
        }

        metrics.Refreshed(outcome, 1);
        return outcome;
    }

    private async Task<RefreshOutcome> SettleAsync(string id, Claimed claimed)
    {
        var (isKept, signIn) = await signIns.ReadKeptAsync(id);
        if (!isKept || (signIn is not null && signIns.HasEnded(signIn.Properties)) || await tokens.ReadAsync(id) is not { } sent)
        {
            await tokens.ForgetAsync(id);
            return RefreshOutcome.NotAsked;
        }

        // One of a newer version is for gateways of that version. And if this process was asleep meanwhile, or its whole computer, another may have begun.
        if (signIn is null || time.GetElapsedTime(claimed.At) > SendWithin || time.GetUtcNow() - claimed.Now > SendWithin)
        {
            return RefreshOutcome.NotAsked;
        }

        var user = signIn.Principal.GetUserId();
        switch (await grant.AskAsync(sent.Text))
        {
            case RefreshAnswer.Unavailable:
                return RefreshOutcome.Unavailable;
            case RefreshAnswer.Refused when !await tokens.IsKeptAsync(id, sent):
                // Another replica sent it before, and it was good then.
                return RefreshOutcome.NotAsked;
            case RefreshAnswer.Refused refused:
                await EndAsync(id, user, refused.Error);
                return RefreshOutcome.Refused;
            case RefreshAnswer.Faulty faulty:
                await KeepAsync(id, sent, faulty.Token);
                return await PutOffAsync(id, faulty.Why);
            case RefreshAnswer.Granted granted:
                await KeepAsync(id, sent, granted.Token);
                return await ConfirmAsync(id, user, granted);
            default:
                throw new InvalidOperationException("No such answer.");
        }
    }

    private async Task<RefreshOutcome> ConfirmAsync(string id, UserId user, RefreshAnswer.Granted granted)
    {
        switch (granted.User is null ? ClaimsChange.None : await signIns.ChangeClaimsAsync(id, granted.User))
        {
            case ClaimsChange.AnotherUser:
                await EndAsync(id, user, "another-user");
                return RefreshOutcome.Refused;
            case ClaimsChange.Nobody:
                return await PutOffAsync(id, "the identity token has no user claim");
            case ClaimsChange.Changed:
                await tokens.SettleAsync(id);
                return RefreshOutcome.Changed;
            default:
                await tokens.SettleAsync(id);
                return RefreshOutcome.Confirmed;
        }
    }

    /// <summary>What is wrong is wrong for a while, and for all: it is asked again when it would have been.</summary>
    private async Task<RefreshOutcome> PutOffAsync(string id, string why)
    {
        Log.Faulty(logger, why);
        await tokens.SettleAsync(id);
        return RefreshOutcome.Faulty;
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

    /// <param name="Ids">Which are this replica's to ask about.</param>
    /// <param name="At">Since when, by the clock that stands still while the computer sleeps.</param>
    /// <param name="Now">Since when, by the one that does not.</param>
    private sealed record Claimed(IReadOnlyList<string> Ids, long At, DateTimeOffset Now);

    private static partial class Log
    {
        [LoggerMessage(1003, LogLevel.Warning, "A sign-in could not be confirmed at the identity provider: {Why}", EventName = "RefreshFaulty")]
        public static partial void Faulty(ILogger logger, string why);

        [LoggerMessage(1007, LogLevel.Warning, "The refresh token of a sign-in cannot be read: the data-protection keys are not there", EventName = "RefreshUnreadable")]
        public static partial void Unreadable(ILogger logger);

        [LoggerMessage(1008, LogLevel.Error, "A sign-in could not be confirmed at the identity provider", EventName = "RefreshFailed")]
        public static partial void Failed(ILogger logger, Exception failure);

        [LoggerMessage(1004, LogLevel.Warning, "Sign-ins were not confirmed at the identity provider because Redis does not answer", EventName = "RefreshWithoutRedis")]
        public static partial void StoreAway(ILogger logger);
    }
}
