using System.Buffers.Text;
using System.Globalization;
using System.Text;

namespace Gateway.Operations;

/// <summary>What the route list is asked for.</summary>
internal sealed record RouteQuery(string? State, string? User, string? UserPrefix, DateTimeOffset? InactiveSince, int Limit, string? Cursor)
{
    // Marks a cursor as one of ours, so that any other text is refused instead of meaning something.
    private const string CursorMark = "r1.";

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

        if (!TryReadCursor(query["cursor"], out var cursor))
        {
            return (null, "cursor must be the value of next of an earlier answer");
        }

        string? user = query["user"];
        var prefix = user?.EndsWith('*') == true ? user[..^1] : null;
        return (new RouteQuery(query["state"], prefix is null ? user : null, prefix, inactiveSince, limit, cursor), null);
    }

    public static string? WriteCursor(string? next) => next is null ? null : Base64Url.EncodeToString(Encoding.UTF8.GetBytes(CursorMark + next));

    public bool Holds(RouteView route) =>
        (State is null || route.State == State)
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

    private static bool TryReadCursor(string? text, out string? cursor)
    {
        cursor = null;
        if (string.IsNullOrEmpty(text))
        {
            return text is null;
        }

        try
        {
            var inner = Encoding.UTF8.GetString(Base64Url.DecodeFromChars(text));
            cursor = inner.StartsWith(CursorMark, StringComparison.Ordinal) ? inner[CursorMark.Length..] : null;
            return cursor is not null;
        }
        catch (FormatException)
        {
            return false;
        }
    }
}
