using Gateway.Sessions;
using Microsoft.Extensions.Options;

namespace Gateway.Operations.Costs;

/// <summary>Puts the ledger and the prices together. The total costs by days, a user by their machine and volume; only the export looks at all users, a page at a time.</summary>
internal sealed class CostLedger(
    ILedger ledger, LedgerPrices prices, ISessionMap map, IRouteIndex index, IRouteHistory history, IOptions<CostOptions> options, TimeProvider time)
{
    private const int IdleShown = 10;
    private const int IdleLookedAt = 50;
    private const int UsersShown = 3;
    private const int UsersAtOnce = 500;

    /// <summary>A month this young tells nothing of its end.</summary>
    private static readonly TimeSpan TellsFrom = TimeSpan.FromHours(1);

    private static readonly TimeSpan Lately = TimeSpan.FromHours(1);

    /// <summary>The month, with the machines that ran without use.</summary>
    public async Task<MonthCosts> MonthAsync(LedgerMonth month, CancellationToken cancellationToken)
    {
        var idle = IdleAsync(month, cancellationToken);
        return await TotalAsync(month, cancellationToken) with { IdleButAwake = await idle };
    }

    /// <summary>The month without the machines.</summary>
    public async Task<MonthCosts> TotalAsync(LedgerMonth month, CancellationToken cancellationToken)
    {
        var now = time.GetUtcNow();
        var until = month.End < now ? month.End : now;
        var first = DateOnly.FromDateTime(month.First.UtcDateTime);
        var (days, began) = await ledger.ReadDaysAsync(first, DateOnly.FromDateTime(until.AddTicks(-1).UtcDateTime), now, cancellationToken);
        var used = new LedgerSum();
        foreach (var day in days)
        {
            used.Add(day);
        }

        var (money, alwaysOn) = (prices.Of(used), prices.AlwaysOn(used));
        return new MonthCosts(
            month.ToString(), until, began, UseOf(used), money.Rounded(2), decimal.Round(alwaysOn, 2), decimal.Round(alwaysOn - money.Total, 2), Project(month, until, began, money.Total),
            options.Value.MonthPlan > 0 ? options.Value.MonthPlan : null, [.. days.Select((day, i) => new DayCosts(first.AddDays(i), prices.Of(day).Rounded(4), Seconds(day.In(LedgerEntry.Running))))], []);
    }

    public async Task<UserCosts> UserAsync(LedgerMonth month, Session session, CancellationToken cancellationToken) => (await UsersAsync(month, [session], cancellationToken))[0];

    /// <summary>All users in the order of their names, a page at a time.</summary>
    public async IAsyncEnumerable<IReadOnlyList<UserCosts>> AllAsync(LedgerMonth month, [System.Runtime.CompilerServices.EnumeratorCancellation] CancellationToken cancellationToken)
    {
        for (SessionsPage? page = null; page is null or { Next: not null };)
        {
            page = await map.PageAsync(page?.Next, null, UsersAtOnce, cancellationToken);
            yield return await UsersAsync(month, page.Sessions, cancellationToken);
        }
    }

    private async Task<IReadOnlyList<UserCosts>> UsersAsync(LedgerMonth month, IReadOnlyList<Session> sessions, CancellationToken cancellationToken)
    {
        var now = time.GetUtcNow();
        var machines = sessions.Select(static session => session.Machine).OfType<MachineId>().Distinct().ToList();
        var volumes = sessions.Select(static session => session.Volume).OfType<VolumeId>().Distinct().ToList();
        var ofMachines = ledger.ReadMachinesAsync(month, machines, now, cancellationToken);
        var ofVolumes = ledger.ReadVolumesAsync(month, volumes, now, cancellationToken);
        var sharers = ledger.CountSharersAsync(volumes, cancellationToken);
        var owners = await Task.WhenAll(machines.Select(machine => index.CountUsersOfAsync(machine, cancellationToken)));
        var byMachine = machines.Zip(await ofMachines, owners).ToDictionary(static one => one.First, static one => (Used: one.Second, Users: Math.Max(1, one.Third)));
        var byVolume = volumes.Zip(await ofVolumes, await sharers).ToDictionary(static one => one.First, static one => (Used: one.Second, Users: Math.Max(1, one.Third)));
        return [.. sessions.Select(session => Of(month, session, session.Machine is { } machine ? byMachine[machine] : (new LedgerSum(), 1), session.Volume is { } volume ? byVolume[volume] : (new LedgerSum(), 1)))];
    }

    private UserCosts Of(LedgerMonth month, Session session, (LedgerSum Used, long Users) machine, (LedgerSum Used, long Users) volume)
    {
        var (ofMachine, ofVolume) = (prices.Of(machine.Used), prices.Of(volume.Used));
        var money = new CostParts(ofMachine.Running / machine.Users, ofVolume.Volumes / volume.Users, ofMachine.Images / machine.Users, ofMachine.Egress / machine.Users);
        var alwaysOn = (prices.AlwaysOn(machine.Used) / machine.Users) + money.Volumes;
        var used = new LedgerSum();
        used.Add(machine.Used);
        used.Add(volume.Used);
        return new UserCosts(month.ToString(), RouteId.Of(session.User), session.User.Value, session.Machine?.Value, (int)machine.Users, UseOf(used), money.Rounded(4), decimal.Round(alwaysOn, 4), decimal.Round(alwaysOn - money.Total, 4));
    }

    private async Task<IReadOnlyList<IdleMachine>> IdleAsync(LedgerMonth month, CancellationToken cancellationToken)
    {
        var candidates = await ledger.ListIdleAsync(month, IdleLookedAt, cancellationToken);
        var used = await ledger.ReadMachinesAsync(month, candidates, time.GetUtcNow(), cancellationToken);
        var idlest = candidates.Zip(used, static (machine, sum) => (Machine: machine, Used: sum, Idle: sum.In(LedgerEntry.Running) - sum.Active))
            .Where(static one => one.Idle >= TimeSpan.FromMinutes(1)).OrderByDescending(static one => one.Idle).Take(IdleShown).ToList();
        List<MachineId> machines = [.. idlest.Select(static one => one.Machine)];
        var records = map.FindMachinesAsync(machines, cancellationToken);
        var causes = Task.WhenAll(machines.Select(machine => history.ReadCausesAsync(machine, cancellationToken)));
        var owners = await index.UsersOfAsync(machines, null, UsersShown, cancellationToken);
        var (known, why) = (await records, await causes);
        return [.. idlest.Select((one, i) => new IdleMachine(
            one.Machine.Value, [.. owners[i].Select(RouteId.Of)], Seconds(one.Idle), Seconds(one.Used.In(LedgerEntry.Running)), Seconds(one.Used.Attached), one.Used.Wakes, one.Used.Wasted, CauseOf(one.Used, one.Idle, known[i], why[i])))];
    }

    /// <summary>What stands now comes before what the month's figures tell.</summary>
    private string CauseOf(LedgerSum used, TimeSpan idle, MachineRecord? record, IReadOnlyList<RouteCause> causes)
    {
        var now = time.GetUtcNow();
        if (record is { State: MachineRecordState.Awake, PinnedUntil: { } until } && until > now)
        {
            return "an operator pinned it";
        }

        if (record is { State: MachineRecordState.Awake } && causes.FirstOrDefault(cause => cause is { Kind: "decision", What: "kept_awake" or "stop_failed", Rule: not null } && cause.At > now - Lately) is { } kept)
        {
            return kept.Rule!;
        }

        return used switch
        {
            _ when used.Attached >= idle / 2 => "sockets are open on which nothing passes (Idling:AttachedFor)",
            { Wakes: > 0 } when used.Wasted * 2 >= used.Wakes => "it is woken and nobody uses it",
            _ => "what follows each use until it counts as idle (Idling:IdleAfter)",
        };
    }

    private CostUse UseOf(LedgerSum used) => new(
        Seconds(used.In(LedgerEntry.Running)), Seconds(used.Active), Seconds(used.Attached), Seconds(used.In(LedgerEntry.Suspended)), Seconds(used.In(LedgerEntry.Stopped)),
        decimal.Round(prices.VolumeGbMonths(used), 4), decimal.Round(prices.ImageGbMonths(used), 4), used.Egress.Values.Sum(), used.Wakes, used.Wasted);

    /// <summary>As much again for what is left as for what was, from the beginning of the ledger if that is later than the month's.</summary>
    private static decimal? Project(LedgerMonth month, DateTimeOffset until, DateTimeOffset? began, decimal total)
    {
        var since = began > month.First ? began.Value : month.First;
        var known = until - since;
        return began is null || until == month.End || known < TellsFrom ? null : decimal.Round(total + (total / known.Ticks * (month.End - until).Ticks), 2);
    }

    private static long Seconds(TimeSpan span) => (long)Math.Round(span.TotalSeconds);
}
