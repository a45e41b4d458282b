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

        if (!IsAttached(visits, now, options))
        {
            return idle;
        }

        var attached = visits.AttachedSince + options.AttachedFor;
        return Later(idle, attached < reportedAgainBy ? attached : reportedAgainBy);
    }

    /// <summary>
    /// The moment from which this replica agrees to a stop: a request that waits for its answer never does (null), a socket and an answer that has begun when
    /// their attached time is over, and what has ended when the idle time is, which others may not have been told of yet.
    /// </summary>
    private static DateTimeOffset? AgreesFrom(MachineVisits visits, IdlingOptions options) => visits switch
    {
        { Requests: > 0 } => null,
        { Lasting: > 0 } => visits.AttachedSince + options.AttachedFor,
        _ => visits.LastActivity + options.IdleAfter,
    };

    /// <summary>
    /// Somebody has something open on which nothing need pass. Of a page's polls, whose answers begin and end all the time, only what lasts is.
    /// </summary>
    public static bool IsAttached(MachineVisits visits, DateTimeOffset now, IdlingOptions options) =>
        visits.Sockets > 0 || visits.Answers > 0 || PollsLast(visits, now, options);

    /// <summary>A page has an event stream open, rather than asking again and again.</summary>
    public static bool PollsLast(MachineVisits visits, DateTimeOffset now, IdlingOptions options) => visits.Uncounted.AnswersSince + (options.ReportEvery * 3) <= now;

    /// <summary>Whether what is seen of a machine whose gate is closed stands against its stop. A clock that was put forward takes nobody's machine.</summary>
    public static bool Objects(MachineVisits visits, DateTimeOffset now, IdlingOptions options) =>
        AgreesFrom(visits, options) is not { } from || from > now || visits.Silence < (visits.Lasting > 0 ? options.AttachedFor : options.IdleAfter);

    private static DateTimeOffset Later(DateTimeOffset one, DateTimeOffset other) => one > other ? one : other;
}
