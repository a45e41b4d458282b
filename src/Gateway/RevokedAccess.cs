using System.Threading.Channels;
using Gateway.Identity;
using Gateway.Identity.Access;
using Gateway.Proxying;
using Gateway.Proxying.Sockets;
using Microsoft.Extensions.Options;

namespace Gateway;

/// <summary>
/// Closes sockets, cuts answers that last and ends waits whose credential no longer stands: at once when it was ended by somebody, after the grace when it expired by itself. Looks again
/// whenever something is told to have ended, and for what was not told, when a socket is opened, when its credential should have ended, and every so often.
/// </summary>
internal sealed partial class RevokedAccess(IServiceProvider services, OpenSockets sockets, OpenAnswers answers, OpenWaits waits, TimeProvider time, ILogger<RevokedAccess> logger) : BackgroundService
{
    private const ushort PolicyViolation = 1008;

    // Reads of the store at once, when everything is in doubt.
    private const int MostLooks = 64;

    private static readonly TimeSpan Tick = TimeSpan.FromSeconds(1);

    private readonly Channel<Look> _looks = Channel.CreateUnbounded<Look>(new UnboundedChannelOptions { SingleReader = true });

    private int _ticking;

    // Settings are read only when the host has started, so that all faults of the configuration are listed together.
    private CredentialStanding _standing = null!;
    private IdentityOptions _options = null!;

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        _standing = services.GetRequiredService<CredentialStanding>();
        _options = services.GetRequiredService<IOptions<IdentityOptions>>().Value;
        services.GetRequiredService<IdentityChanges>().CredentialDoubted += id => LookAt(open => id is null || open.Holder.FindFirst(UserClaims.Credential)?.Value == id);
        services.GetRequiredService<UserAccess>().Changed += user => LookAt(open => user is null || open.User == user);
        // The request may have waited long for its machine, and what let it in have ended meanwhile.
        sockets.Added += added => _looks.Writer.TryWrite(new Look(added, null));
        await Task.WhenAll(LookWhenToldAsync(stoppingToken), LookByTimeAsync(stoppingToken));
    }

    private bool IsDue(ILasting open) => open.LookAgainAt <= time.GetUtcNow();

    private void LookAt(Func<ILasting, bool> which) => _looks.Writer.TryWrite(new Look(null, which));

    private async Task LookWhenToldAsync(CancellationToken stoppingToken)
    {
        await foreach (var look in _looks.Reader.ReadAllAsync(stoppingToken))
        {
            stoppingToken.ThrowIfCancellationRequested();
            if (look.One is { } one)
            {
                if (!one.Stream.Ended.IsCompleted)
                {
                    await LookAtAsync(one);
                }
            }
            else if (look.Which is { } which)
            {
                await LookAtAsync(which, stoppingToken);
            }
            else
            {
                Volatile.Write(ref _ticking, 0);
                await LookAtAsync(IsDue, stoppingToken);
            }
        }
    }

    private async Task LookByTimeAsync(CancellationToken stoppingToken)
    {
        using var timer = new PeriodicTimer(Tick, time);
        while (await timer.WaitForNextTickAsync(stoppingToken))
        {
            // In the one queue, so that only one look writes to a socket; behind a slow store it does not pile up.
            if (Interlocked.Exchange(ref _ticking, 1) == 0)
            {
                _looks.Writer.TryWrite(default);
            }
        }
    }

    private Task LookAtAsync(Func<ILasting, bool> which, CancellationToken stoppingToken) => Parallel.ForEachAsync(
        sockets.All.Concat<ILasting>(answers.All).Concat(waits.All).Where(which),
        new ParallelOptions { MaxDegreeOfParallelism = MostLooks, CancellationToken = stoppingToken },
        async (open, _) => await LookAtAsync(open));

    private async Task LookAtAsync(ILasting open)
    {
        var standing = await _standing.OfAsync(open.Holder);
        var now = time.GetUtcNow();
        if (!standing.Known)
        {
            open.LookAgainAt = now + Tick;
            return;
        }

        if (standing.Stands)
        {
            open.GoodUntil = standing.Until;
        }

        // What expired by itself is gone from the store as well; that it was due tells it from what was ended.
        var closesAt = open.GoodUntil is { } until && until <= now ? until + _options.SocketGrace : standing.Stands ? DateTimeOffset.MaxValue : now;
        if (closesAt > now)
        {
            var next = standing.Stands && standing.Until > now ? standing.Until.Value : closesAt;
            // What was only believed may have ended while the store did not answer.
            var atLast = now + (standing.Verified ? _options.BelieveFor : Tick);
            open.LookAgainAt = next < atLast ? next : atLast;
            return;
        }

        open.LookAgainAt = DateTimeOffset.MaxValue;
        var reason = standing.Stands ? "Your sign-in or token has expired; please connect again." : standing.Reason;
        Log.Ended(logger, open.User, reason);
        switch (open)
        {
            case OpenSocket socket:
                // Not awaited: a client that does not answer the Close must not hold up the others.
                _ = sockets.CloseAsync(socket, PolicyViolation, reason);
                break;
            case LastingAnswer answer:
                answer.Cut();
                break;
            case OpenWait wait:
                wait.Cut(reason);
                break;
            default:
                throw new InvalidOperationException($"Nothing ends a {open.GetType().Name}.");
        }
    }

    /// <summary>Neither: at all whose time to look has come.</summary>
    private readonly record struct Look(OpenSocket? One, Func<ILasting, bool>? Which);

    private static partial class Log
    {
        [LoggerMessage(1020, LogLevel.Information, "A socket, answer or wait of {User} was ended: {Reason}", EventName = "AccessRevoked")]
        public static partial void Ended(ILogger logger, UserId user, string reason);
    }
}
