using System.Threading.Channels;
using Gateway.Identity;
using Gateway.Identity.Access;
using Gateway.Proxying;
using Gateway.Proxying.Sockets;
using Microsoft.Extensions.Options;

namespace Gateway;

/// <summary>
/// Closes sockets, and cuts answers that last, whose credential no longer stands: at once when it was ended by somebody, after the grace when it expired by itself. Looks again whenever
/// something is told to have ended, and for what was not told, when a socket is opened, when its credential should have ended, and every so often.
/// </summary>
internal sealed partial class RevokedSockets(IServiceProvider services, OpenSockets sockets, OpenAnswers answers, TimeProvider time, ILogger<RevokedSockets> logger) : BackgroundService
{
    private const ushort PolicyViolation = 1008;

    // Reads of the store at once, when everything is in doubt.
    private const int MostLooks = 64;

    private static readonly TimeSpan Tick = TimeSpan.FromSeconds(1);

    private readonly Channel<Func<ILasting, bool>> _looks = Channel.CreateUnbounded<Func<ILasting, bool>>(new UnboundedChannelOptions { SingleReader = true });

    private Func<ILasting, bool> _isDue = null!;
    private int _ticking;

    // Settings are read only when the host has started, so that all faults of the configuration are listed together.
    private CredentialStanding _standing = null!;
    private IdentityOptions _options = null!;

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        _isDue = IsDue;
        _standing = services.GetRequiredService<CredentialStanding>();
        _options = services.GetRequiredService<IOptions<IdentityOptions>>().Value;
        services.GetRequiredService<IdentityChanges>().CredentialEnded += id => Look(socket => id is null || socket.Holder.FindFirst(UserClaims.Credential)?.Value == id);
        services.GetRequiredService<UserAccess>().Changed += user => Look(socket => user is null || socket.User == user);
        // The request may have waited long for its machine, and what let it in have ended meanwhile.
        sockets.Added += added => Look(socket => socket == added);
        await Task.WhenAll(LookWhenToldAsync(stoppingToken), LookByTimeAsync(stoppingToken));
    }

    private bool IsDue(ILasting socket) => socket.LookAgainAt <= time.GetUtcNow();

    private void Look(Func<ILasting, bool> which) => _looks.Writer.TryWrite(which);

    private async Task LookWhenToldAsync(CancellationToken stoppingToken)
    {
        await foreach (var which in _looks.Reader.ReadAllAsync(stoppingToken))
        {
            if (which == _isDue)
            {
                Volatile.Write(ref _ticking, 0);
            }

            await LookAtAsync(which, stoppingToken);
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
                Look(_isDue);
            }
        }
    }

    private Task LookAtAsync(Func<ILasting, bool> which, CancellationToken stoppingToken) => Parallel.ForEachAsync(
        sockets.All.Concat<ILasting>(answers.All).Where(which),
        new ParallelOptions { MaxDegreeOfParallelism = MostLooks, CancellationToken = stoppingToken },
        async (socket, _) => await LookAtAsync(socket));

    private async Task LookAtAsync(ILasting socket)
    {
        var standing = await _standing.OfAsync(socket.Holder);
        var now = time.GetUtcNow();
        if (!standing.Known)
        {
            socket.LookAgainAt = now + Tick;
            return;
        }

        if (standing.Stands)
        {
            socket.GoodUntil = standing.Until;
        }

        // What expired by itself is gone from the store as well; that it was due tells it from what was ended.
        var closesAt = socket.GoodUntil is { } until && until <= now ? until + _options.SocketGrace : standing.Stands ? DateTimeOffset.MaxValue : now;
        if (closesAt > now)
        {
            var next = standing.Stands && standing.Until > now ? standing.Until.Value : closesAt;
            socket.LookAgainAt = next < now + _options.BelieveFor ? next : now + _options.BelieveFor;
            return;
        }

        socket.LookAgainAt = DateTimeOffset.MaxValue;
        var reason = standing.Stands ? "Your sign-in or token has expired; please connect again." : standing.Reason;
        Log.SocketClosed(logger, socket.User, reason);
        if (socket is OpenSocket open)
        {
            // Not awaited: a client that does not answer the Close must not hold up the others.
            _ = sockets.CloseAsync(open, PolicyViolation, reason);
        }
        else
        {
            ((LastingAnswer)socket).Cut();
        }
    }

    private static partial class Log
    {
        [LoggerMessage(1020, LogLevel.Information, "A socket or answer of {User} was ended: {Reason}", EventName = "SocketRevoked")]
        public static partial void SocketClosed(ILogger logger, UserId user, string reason);
    }
}
