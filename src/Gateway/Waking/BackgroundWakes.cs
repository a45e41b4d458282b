using System.Collections.Concurrent;
using Gateway.Sessions;
using Microsoft.Extensions.Options;

namespace Gateway.Waking;

/// <summary>What a request may do to a machine that sleeps.</summary>
internal enum WakeRight
{
    /// <summary>Somebody means it: a navigation, a request that changes something, a program with a token.</summary>
    Freely,

    /// <summary>A page does it by itself: within the user's budget.</summary>
    WithinBudget,

    /// <summary>A monitor.</summary>
    Never,
}

/// <summary>
/// A tab that nobody looks at goes on polling. What it may wake is a budget of each user's, kept in the session, and a wake stays on it only if nobody
/// shows up before the machine sleeps again. A refusal is remembered here for a while, so that the next poll costs nothing.
/// </summary>
internal sealed class BackgroundWakes(ISessionMap map, MachineWaker waker, IOptions<WakingOptions> options, TimeProvider time)
{
    private static readonly TimeSpan Window = TimeSpan.FromHours(1);

    /// <summary>Another replica may have settled a charge meanwhile.</summary>
    private static readonly TimeSpan LookAgainAfter = TimeSpan.FromMinutes(1);

    /// <summary>A user's tabs and replicas may charge at the same moment; after this many tries in a row the poll is refused.</summary>
    private const int MostTries = 5;

    /// <summary>Refusals and settlements remembered; beyond this they are forgotten, and looked up again.</summary>
    private const int MostRemembered = 10_000;

    private readonly ConcurrentDictionary<UserId, (DateTimeOffset LookAgain, DateTimeOffset Room)> _refused = new();
    private readonly ConcurrentDictionary<MachineId, WakeCharge> _settled = new();

    /// <summary>The wake as it may be asked for, or null when this request may not: see <see cref="Refused"/>. Joining a wake of others is free.</summary>
    public async ValueTask<WakeRequest?> PermitAsync(WakeRequest asked, WakeRight right, MachineRecord? believed, CancellationToken cancellationToken)
    {
        if (right is WakeRight.Freely || IsUp(believed) || waker.ProgressOf(asked.Machine) is not null)
        {
            return asked;
        }

        if (right is WakeRight.Never || asked.User is not { } user)
        {
            return null;
        }

        try
        {
            return await TryChargeAsync(user, cancellationToken) is { } charge ? asked with { Charge = charge } : null;
        }
        catch (SessionMapUnavailableException)
        {
            return null;
        }
    }

    public WakeOutcome.Refused Refused(UserId user)
    {
        var left = _refused.TryGetValue(user, out var refused) ? refused.Room - time.GetUtcNow() : TimeSpan.Zero;
        return new(WakeRefusal.Asleep, WakeRefusals.DetailOf(WakeRefusal.Asleep), left > TimeSpan.Zero ? left : LookAgainAfter);
    }

    /// <summary>The machine came awake by somebody else's wish: what was charged for it is given back.</summary>
    public void Unused(WakeRequest wake, WakeOutcome.Awake awake)
    {
        if (wake.Charge is { } charge && !awake.Led)
        {
            _ = GiveBackAsync(charge);
        }
    }

    /// <summary>Somebody is there, in the boot that was charged for: what was charged is given back, once, behind the request's back.</summary>
    public void Settle(MachineRecord awake, bool somebodyIsThere)
    {
        if (!somebodyIsThere || awake.Charge is not { } charge || (_settled.TryGetValue(awake.Machine, out var settled) && settled == charge))
        {
            return;
        }

        Bounded(_settled)[awake.Machine] = charge;
        _ = GiveBackAsync(charge);
    }

    /// <summary>On its way up, or up: no wake of ours, or one of somebody else's.</summary>
    private static bool IsUp(MachineRecord? believed) =>
        believed is { State: MachineRecordState.Waking or MachineRecordState.Awake or MachineRecordState.Draining or MachineRecordState.Updating };

    private async Task<WakeCharge?> TryChargeAsync(UserId user, CancellationToken cancellationToken)
    {
        var now = time.GetUtcNow();
        if (_refused.TryGetValue(user, out var refused) && refused.LookAgain > now)
        {
            return null;
        }

        for (var tries = 0; tries < MostTries && await map.FindSessionAsync(user, cancellationToken) is { } session; tries++)
        {
            var budget = options.Value.BackgroundWakesPerHour;
            var lately = session.BackgroundWakes?.Where(at => at > now - Window).Order().ToList() ?? [];
            if (lately.Count >= budget)
            {
                Bounded(_refused)[user] = (now + LookAgainAfter, (budget == 0 ? now : lately[^budget]) + Window);
                return null;
            }

            if ((await map.WriteAsync(session with { BackgroundWakes = [.. lately, now] }, cancellationToken)).Won)
            {
                return new WakeCharge(user, now);
            }
        }

        return null;
    }

    private async Task GiveBackAsync(WakeCharge charge)
    {
        _refused.TryRemove(charge.User, out _);
        try
        {
            for (var tries = 0; tries < MostTries && await map.FindSessionAsync(charge.User, CancellationToken.None) is { BackgroundWakes: { } wakes } session && wakes.Contains(charge.At); tries++)
            {
                if ((await map.WriteAsync(session with { BackgroundWakes = [.. wakes.Where(at => at != charge.At)] }, CancellationToken.None)).Won)
                {
                    return;
                }
            }
        }
        catch (SessionMapUnavailableException)
        {
            // It stays charged for its hour: a poll may be refused that need not be, and nobody who means it.
        }
    }

    private static ConcurrentDictionary<TKey, TValue> Bounded<TKey, TValue>(ConcurrentDictionary<TKey, TValue> remembered)
        where TKey : notnull
    {
        if (remembered.Count >= MostRemembered)
        {
            remembered.Clear();
        }

        return remembered;
    }
}
