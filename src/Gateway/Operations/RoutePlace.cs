using System.Buffers.Text;
using System.Globalization;
using System.Text;
using Gateway.Sessions;

namespace Gateway.Operations;

/// <summary>What the route list goes by.</summary>
internal enum RouteOrder
{
    /// <summary>By user name.</summary>
    User,

    /// <summary>By last activity, the longest inactive first, and first of all those who never were active.</summary>
    LastActivity,

    /// <summary>By last activity, the latest first.</summary>
    LatestActivity,
}

/// <summary>A place in the route list: just after one route. It stays a place when that route moves or is gone.</summary>
/// <param name="User">By activity it may be null: all users of the machine come before.</param>
internal sealed record RoutePlace(RouteOrder Order, UserId? User, MachineActivity Machine = default)
{
    // Marks a cursor as one of ours, so that any other text is refused instead of meaning something.
    private const string Mark = "r2.";

    public string Write()
    {
        var place = Order is RouteOrder.User
            ? "u" + User!.Value.Value
            : string.Create(CultureInfo.InvariantCulture, $"{(Order is RouteOrder.LastActivity ? 'a' : 'd')}{Machine.At?.ToUnixTimeMilliseconds() ?? 0}|{Machine.Machine.Value}|{User?.Value}");
        return Base64Url.EncodeToString(Encoding.UTF8.GetBytes(Mark + place));
    }

    /// <summary>Null: it is not a cursor.</summary>
    public static RoutePlace? Read(string cursor)
    {
        string text;
        try
        {
            text = Encoding.UTF8.GetString(Base64Url.DecodeFromChars(cursor));
        }
        catch (FormatException)
        {
            return null;
        }

        return !text.StartsWith(Mark, StringComparison.Ordinal) || text.Length == Mark.Length ? null : (text[Mark.Length], text[(Mark.Length + 1)..]) switch
        {
            ('u', { Length: > 0 } user) => new(RouteOrder.User, new UserId(user)),
            ('a', var place) => ReadActivity(RouteOrder.LastActivity, place),
            ('d', var place) => ReadActivity(RouteOrder.LatestActivity, place),
            _ => null,
        };
    }

    private static RoutePlace? ReadActivity(RouteOrder order, string place) =>
        place.Split('|', 3) is [var score, { Length: > 0 } machine, var user]
        && long.TryParse(score, NumberStyles.None, CultureInfo.InvariantCulture, out var at) && at <= DateTimeOffset.MaxValue.ToUnixTimeMilliseconds()
            ? new(order, user.Length == 0 ? null : new UserId(user), new MachineActivity(new MachineId(machine), at == 0 ? null : DateTimeOffset.FromUnixTimeMilliseconds(at)))
            : null;
}
