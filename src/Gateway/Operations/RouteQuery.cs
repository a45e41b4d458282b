using System.Globalization;
using Gateway.Sessions;

namespace Gateway.Operations;

/// <summary>What the route list is asked for.</summary>
internal sealed record RouteQuery(string? State, string? User, string? UserPrefix, DateTimeOffset? InactiveSince, RouteOrder? Order, int Limit, RoutePlace? After)
{
    /// <summary>The query, or the sentence that says what is wrong with it.</summary>
    public static (RouteQuery? Query, string? Fault) Parse(IQueryCollection query, OperationsOptions options)
    {
        if (!TryReadLimit(query["limit"], options, out var limit))
        {
            return (null, $"limit must be a number from 1 to {options.MaximumPageSize}");
        }

        if (!TryReadTime(query["inactive_since"], out var inactiveSince))
        {
            return (null, "inactive_since must be a time as 2030-01-31T12:00:00Z");
        }

        string? state = query["state"];
        if (state is not null && !RouteState.All.Contains(state))
        {
            return (null, "state must be one of " + string.Join(", ", RouteState.All));
        }

        if (!TryReadOrder(query["sort"], out var order))
        {
            return (null, "sort must be user, last_activity or -last_activity");
        }

        string? user = query["user"];
        var prefix = user?.EndsWith('*') == true ? user[..^1] : null;
        if (!TryReadCursor(query["cursor"], order, prefix, out var after))
        {
            return (null, "cursor must be the value of next of an earlier answer to the same query");
        }

        return (new RouteQuery(state, prefix is null ? user : null, prefix, inactiveSince, order, limit, after), null);
    }

    public bool Holds(RouteView route) =>
        (State is null || route.State == State)
        && (UserPrefix is null || route.User.StartsWith(UserPrefix, StringComparison.Ordinal))
        && (InactiveSince is null || route.LastActivity is null || route.LastActivity <= InactiveSince);

    private static bool TryReadLimit(string? text, OperationsOptions options, out int limit)
    {
        limit = options.PageSize;
        return text is null
            || (int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out limit) && limit >= 1 && limit <= options.MaximumPageSize);
    }

    private static bool TryReadTime(string? text, out DateTimeOffset? time)
    {
        time = null;
        if (text is null)
        {
            return true;
        }

        if (!DateTimeOffset.TryParse(text, CultureInfo.InvariantCulture, DateTimeStyles.AssumeUniversal | DateTimeStyles.AdjustToUniversal, out var parsed))
        {
            return false;
        }

        time = parsed;
        return true;
    }

    private static bool TryReadOrder(string? text, out RouteOrder? order)
    {
        order = text switch
        {
            "user" => RouteOrder.User,
            "last_activity" => RouteOrder.LastActivity,
            "-last_activity" => RouteOrder.LatestActivity,
            _ => null,
        };
        return text is null || order is not null;
    }

    private static bool TryReadCursor(string? text, RouteOrder? order, string? prefix, out RoutePlace? after)
    {
        after = text is null ? null : RoutePlace.Read(text);
        return text is null
            || (after is not null
                && (order is null || order == after.Order)
                && (after.Order is not RouteOrder.User || prefix is null || after.User!.Value.Value.StartsWith(prefix, StringComparison.Ordinal)));
    }
}
