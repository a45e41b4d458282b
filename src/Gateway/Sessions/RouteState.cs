namespace Gateway.Sessions;

/// <summary>A route's state by its name: the session's until it is assigned, the machine's from then on, <c>unknown</c> before anything was written of the machine.</summary>
internal static class RouteState
{
    public const string Unknown = "unknown";

    /// <summary>Every state a route can be in.</summary>
    public static IReadOnlyList<string> All { get; } =
    [
        .. Enum.GetValues<MachineRecordState>().Select(Name)
            .Union(Enum.GetValues<SessionState>().Where(static state => state is not SessionState.Assigned).Select(Name)),
    ];

    public static string Of(Session session, MachineRecord? machine) =>
        session.State != SessionState.Assigned ? Name(session.State) : machine is null ? Unknown : Name(machine.State);

    public static string Name(MachineRecordState state) => state.ToString().ToLowerInvariant();

    public static string Name(SessionState state) => state.ToString().ToLowerInvariant();
}
