using Gateway.Idling;
using Gateway.Sessions;
using Microsoft.Extensions.Options;

namespace Gateway.Operations;

/// <summary>Puts together all that is known of one route, and explains it.</summary>
internal sealed class RouteDossier(IRouteHistory history, IRouteIndex index, IOptions<IdlingOptions> options, TimeProvider time)
{
    private const int MostShown = 100;

    public async Task<RouteDetail> DetailAsync(FoundRoute route, CancellationToken cancellationToken)
    {
        if (route.Session.Machine is not { } machine)
        {
            return Records(route, []) with { Next = Plan(route, null, []) };
        }

        // Pipelined: each is one short read.
        var visits = history.ReadVisitsAsync(machine, cancellationToken);
        var due = history.ReadDueAsync(machine, cancellationToken);
        var causes = history.ReadCausesAsync(machine, cancellationToken);
        var owners = (await index.UsersOfAsync([machine], null, MostShown, cancellationToken))[0];
        return Records(route, owners) with
        {
            Visits = ViewsOf(await visits),
            Timers = Timers(await due, route.Machine),
            LastWake = (await causes).FirstOrDefault(static cause => cause is { Kind: "wake", Timing: not null }),
            Next = Plan(route, await due, await visits),
        };
    }

    /// <summary>What the records alone say.</summary>
    public RouteDetail Records(FoundRoute route, IReadOnlyList<UserId> owners) => new()
    {
        SessionState = RouteState.Name(route.Session.State),
        SessionChangedAt = route.Session.ChangedAt,
        SessionLease = route.Session.Lease,
        SessionFailure = route.Session.Failure,
        ClosedAt = route.Session.ClosedAt,
        VolumeGb = route.Session.VolumeGb,
        MachineState = route.Machine is { } record ? RouteState.Name(record.State) : null,
        MachineChangedAt = route.Machine?.ChangedAt,
        MachineLease = route.Machine?.Lease,
        MachineFailure = route.Machine?.Failure,
        Make = route.Machine?.Make,
        SharedWith = [.. owners.Where(owner => owner != route.Session.User).Select(RouteId.Of)],
        Timers = Timers(null, route.Machine),
    };

    public async Task<RouteWhy> WhyAsync(FoundRoute route, CancellationToken cancellationToken)
    {
        var why = new RouteWhy { Id = route.Route.Id, State = route.Route.State, Summary = "No machine is assigned yet.", Next = Plan(route, null, []) };
        if (route.Session.Machine is not { } machine)
        {
            return why;
        }

        var visits = history.ReadVisitsAsync(machine, cancellationToken);
        var due = history.ReadDueAsync(machine, cancellationToken);
        var timeline = history.ReadTimelineAsync(machine, time.GetUtcNow().AddDays(-1), cancellationToken);
        var causes = await history.ReadCausesAsync(machine, cancellationToken);
        var blocking = (await visits).Where(Blocks).ToList();
        var next = Plan(route, await due, blocking);
        return why with
        {
            Summary = Summary(route, blocking, next, causes),
            BlockedBy = ViewsOf(blocking),
            Next = next,
            Causes = causes,
            Timeline = await timeline,
        };
    }

    /// <summary>Why, as far as this replica knows while Redis is away: why it is so is kept there.</summary>
    public static RouteWhy KnownHere(RouteView route) => new()
    {
        Id = route.Id,
        State = route.State,
        Summary = $"In state {route.State} when Redis last answered this replica. What keeps or woke it is told when Redis is back.",
        AgeSeconds = route.Detail?.AgeSeconds,
    };

    /// <summary>The rule of the idle stop: any request stands against a stop, and a socket does within its attached time.</summary>
    private bool Blocks(OpenVisits visits) => visits.Requests > 0 || (visits.Sockets > 0 && visits.LastActivity + options.Value.AttachedFor > time.GetUtcNow());

    private PlannedAction? Plan(FoundRoute route, DateTimeOffset? due, IReadOnlyList<OpenVisits> blocking)
    {
        var now = time.GetUtcNow();
        if ((route.Machine?.Lease ?? route.Session.Lease) is { } lease)
        {
            return new PlannedAction("finish", lease.Until, $"{lease.Owner} works on it; past this moment any replica reads the truth and finishes or reverts");
        }

        if ((route.Machine is { State: MachineRecordState.Failed } ? route.Machine.Failure : route.Session.Failure) is { } failure && failure.Until > now)
        {
            return new PlannedAction("wake_allowed", failure.Until, $"it failed ({failure.Reason}), {failure.Times} times in a row, and is not tried before this moment");
        }

        if (route.Machine is not { State: MachineRecordState.Awake } record || due is not { } idle || !options.Value.Enabled)
        {
            return null;
        }

        if (record.PinnedUntil is { } pinned && pinned > now && pinned >= idle)
        {
            return new PlannedAction("stop", pinned, "an operator pinned it until then");
        }

        return new PlannedAction("stop", idle, blocking.Count > 0 ? "visits are open: this moment moves on as long as they are" : "nothing passes, and it sleeps when Idling:IdleAfter is over");
    }

    private static string Summary(FoundRoute route, List<OpenVisits> blocking, PlannedAction? next, IReadOnlyList<RouteCause> causes)
    {
        var wake = causes.FirstOrDefault(static cause => cause.Kind == "wake" && cause.Timing is not null);
        var slept = causes.FirstOrDefault(static cause => cause is { What: "put_to_sleep" } or { Kind: "operator", What: "stopped" or "suspended" });
        return route.Machine?.State switch
        {
            MachineRecordState.Awake when blocking.Count > 0 => $"Awake: {blocking.Sum(static visits => visits.Requests)} requests and {blocking.Sum(static visits => visits.Sockets)} sockets or streams are open.",
            MachineRecordState.Awake when next is not null => $"Awake: {next.Because}.",
            MachineRecordState.Awake => "Awake" + (wake is null ? "." : $": woken by a {wake.What}."),
            MachineRecordState.Asleep => "Asleep" + (slept is null ? "." : $": {slept.Rule}."),
            MachineRecordState.Failed => $"Failed: {route.Machine.Failure?.Reason}.",
            { } state => $"In state {RouteState.Name(state)}.",
            null => "Nothing was written of the machine yet.",
        };
    }

    private RouteTimers Timers(DateTimeOffset? due, MachineRecord? record) =>
        new(options.Value.IdleAfter.TotalSeconds, options.Value.AttachedFor.TotalSeconds, due, record?.PinnedUntil);

    private static IReadOnlyList<OpenVisitsView> ViewsOf(IEnumerable<OpenVisits> visits) =>
        [.. visits.Select(static visit => new OpenVisitsView(visit.Replica, visit.Requests, visit.Sockets, visit.LastActivity, visit.At, visit.BySignIn, visit.ByToken))];
}
