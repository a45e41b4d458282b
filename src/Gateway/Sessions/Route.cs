namespace Gateway.Sessions;

/// <summary>A session and its machine's record as the request path sees them. Immutable; the same object as long as nothing changed.</summary>
internal sealed record Route(Session Session, MachineRecord? Machine)
{
    /// <summary>Believed awake, at an address.</summary>
    public bool IsAwake => Machine is { State: MachineRecordState.Awake, Address: not null };
}

/// <summary>What the route table knows of a user.</summary>
internal readonly record struct RouteLookup(RouteKnown Known, Route? Route)
{
    public static readonly RouteLookup None = new(RouteKnown.None, null);
    public static readonly RouteLookup Unknown = new(RouteKnown.Unknown, null);

    public static RouteLookup Of(Route route) => new(RouteKnown.Found, route);
}

internal enum RouteKnown
{
    /// <summary>There is a session.</summary>
    Found,

    /// <summary>The map has no session of this user.</summary>
    None,

    /// <summary>The map does not answer, and nothing is believed.</summary>
    Unknown,
}
