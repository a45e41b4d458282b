namespace Gateway.Idling;

/// <summary>When a machine may be thought idle, from what one replica sees of it. Pure, so that every rule can be read and tested in one place.</summary>
internal static class IdleDecision
{
    /// <summary>
    /// The earliest moment this replica would agree. A machine in use pushes it a little ahead of now, again and again, rather than far ahead once: what
    /// a replica has reported cannot be taken back, and a terminal that closes must not keep the machine awake for the rest of its attached time.
    /// </summary>
    public static DateTimeOffset NotIdleBefore(MachineVisits visits, DateTimeOffset now, IdlingOptions options)
    {
        var idle = visits.LastActivity + options.IdleAfter;
        var reportedAgainBy = now + (options.ReportEvery * 3);
        if (visits.Requests > visits.Polls)
        {
            return Later(idle, reportedAgainBy);
        }

        if (visits.Sockets == 0)
        {
            return idle;
        }

        var attached = visits.AttachedSince + options.AttachedFor;
        return Later(idle, attached < reportedAgainBy ? attached : reportedAgainBy);
    }

    /// <summary>
    /// Whether the visits of a machine whose gate is closed stand against its stop: any request does, and a socket does within its attached time.
    /// </summary>
    public static bool Objects(MachineVisits visits, DateTimeOffset now, IdlingOptions options) =>
        visits.Requests > 0 || (visits.Sockets > 0 && visits.AttachedSince + options.AttachedFor > now);

    private static DateTimeOffset Later(DateTimeOffset one, DateTimeOffset other) => one > other ? one : other;
}
