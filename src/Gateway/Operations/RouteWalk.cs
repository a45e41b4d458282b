using Gateway.Sessions;

namespace Gateway.Operations;

/// <summary>The next users in the list's order, each with the place after them, and where the walk goes on (null: at its end).</summary>
internal sealed record WalkPage(IReadOnlyList<(UserId User, RoutePlace Place)> Users, RoutePlace? Next);

/// <summary>Walks an index from a place, so many users at a time. Every step costs by its length alone.</summary>
internal sealed class RouteWalk(IRouteIndex index)
{
    // After every machine's id: what was last active at the very moment that is asked about is part of the answer.
    private static readonly MachineId AfterAll = new("\uffff");

    /// <summary>The order that comes to an answer with the fewest routes looked at in vain.</summary>
    public async Task<RouteOrder> ChooseAsync(RouteQuery query, CancellationToken cancellationToken)
    {
        if (query.InactiveSince is not { } since)
        {
            return RouteOrder.User;
        }

        if (query.State is null && query.UserPrefix is null)
        {
            return RouteOrder.LastActivity;
        }

        var named = index.CountUsersAsync(query.State, query.UserPrefix ?? "", cancellationToken);
        return await index.CountInactiveAsync(since, cancellationToken) < await named ? RouteOrder.LastActivity : RouteOrder.User;
    }

    /// <summary>Whether every user of the walk is in the answer.</summary>
    public static bool IsExact(RouteQuery query, RouteOrder order) =>
        order is RouteOrder.User ? query.InactiveSince is null : query.State is null && query.UserPrefix is null;

    public Task<WalkPage> NextAsync(RouteQuery query, RouteOrder order, RoutePlace? after, int count, CancellationToken cancellationToken) => order is RouteOrder.User
        ? ByNameAsync(query, after, count, cancellationToken)
        : ByActivityAsync(query, order, after, count, cancellationToken);

    private async Task<WalkPage> ByNameAsync(RouteQuery query, RoutePlace? after, int count, CancellationToken cancellationToken)
    {
        var users = await index.ListUsersAsync(query.State, query.UserPrefix ?? "", after?.User, count + 1, cancellationToken);
        var page = users.Take(count).Select(static user => (user, new RoutePlace(RouteOrder.User, user))).ToList();
        return new WalkPage(page, users.Count > count ? page[^1].Item2 : null);
    }

    private async Task<WalkPage> ByActivityAsync(RouteQuery query, RouteOrder order, RoutePlace? after, int count, CancellationToken cancellationToken)
    {
        var users = new List<(UserId, RoutePlace)>();
        if (after is { User: { } last })
        {
            // The rest of a shared machine's users come before the next machine.
            var rest = await index.UsersOfAsync([after.Machine.Machine], last, count, cancellationToken);
            users.AddRange(rest[0].Select(user => (user, after with { User = user })));
        }

        if (users.Count >= count)
        {
            return new WalkPage(users, users[^1].Item2);
        }

        var place = after?.Machine ?? (order is RouteOrder.LatestActivity && query.InactiveSince is { } since ? new MachineActivity(AfterAll, since) : null);
        var read = await index.ListByActivityAsync(place, order is RouteOrder.LatestActivity, count, cancellationToken);
        var machines = read.Where(machine => machine.At is null || query.InactiveSince is null || machine.At <= query.InactiveSince).ToList();
        var owners = await index.UsersOfAsync([.. machines.Select(static machine => machine.Machine)], null, count, cancellationToken);
        for (var i = 0; i < machines.Count; i++)
        {
            foreach (var user in owners[i])
            {
                users.Add((user, new RoutePlace(order, user, machines[i])));
                if (users.Count == count)
                {
                    return new WalkPage(users, users[^1].Item2);
                }
            }
        }

        return new WalkPage(users, machines.Count < count ? null : new RoutePlace(order, null, machines[^1]));
    }
}
