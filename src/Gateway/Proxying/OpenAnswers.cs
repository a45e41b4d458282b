using System.Collections.Concurrent;
using System.Security.Claims;

namespace Gateway.Proxying;

/// <summary>What lasts past the moment its credential was looked at. The last two are written by whoever watches over the credential.</summary>
internal interface ILasting
{
    UserId User { get; }

    ClaimsPrincipal Holder { get; }

    /// <summary>When what opened it ends, as last heard.</summary>
    DateTimeOffset? GoodUntil { get; set; }

    DateTimeOffset LookAgainAt { get; set; }
}

/// <summary>
/// The plain requests in progress through this replica: event streams and long downloads must end with their credential as sockets do. Every request passes
/// here, so places are used again and nothing is locked.
/// </summary>
internal sealed class OpenAnswers(TimeProvider time)
{
    /// <summary>What lasts longer is looked at by time as well: its credential may have ended between being checked and being listed here.</summary>
    private static readonly TimeSpan Lasts = TimeSpan.FromSeconds(1);

    private readonly ConcurrentQueue<Place> _free = new();

    // As many as there ever were requests at once; only grows.
    private Place? _last;

    public IEnumerable<OpenAnswer> All
    {
        get
        {
            for (var place = Volatile.Read(ref _last); place is not null; place = place.Previous)
            {
                if (Volatile.Read(ref place.Answer) is { } answer)
                {
                    yield return answer;
                }
            }
        }
    }

    public OpenAnswer Add(UserId user, HttpContext context)
    {
        var place = _free.TryDequeue(out var free) ? free : Grow();
        var answer = new OpenAnswer(user, context, place) { LookAgainAt = time.GetUtcNow() + Lasts };
        Volatile.Write(ref place.Answer, answer);
        return answer;
    }

    /// <summary>After this nothing cuts the connection for it any more, which may carry somebody else's request next. May be called twice.</summary>
    public void Remove(OpenAnswer answer)
    {
        if (answer.TryEnd())
        {
            Volatile.Write(ref answer.Place.Answer, null);
            _free.Enqueue(answer.Place);
        }
    }

    private Place Grow()
    {
        var place = new Place();
        do
        {
            place.Previous = Volatile.Read(ref _last);
        }
        while (Interlocked.CompareExchange(ref _last, place, place.Previous) != place.Previous);
        return place;
    }

    internal sealed class Place
    {
        public OpenAnswer? Answer;

        public Place? Previous;
    }
}

/// <summary>One plain request in progress.</summary>
internal sealed class OpenAnswer(UserId user, HttpContext context, OpenAnswers.Place place) : ILasting
{
    private const int Open = 0;
    private const int Cutting = 1;
    private const int WasCut = 2;
    private const int Ended = 3;

    private int _state;

    public UserId User => user;

    public ClaimsPrincipal Holder { get; } = context.User;

    public DateTimeOffset? GoodUntil { get; set; }

    public DateTimeOffset LookAgainAt { get; set; }

    public OpenAnswers.Place Place => place;

    /// <summary>Ends the connection, or the stream of it, unless the request has ended.</summary>
    public void Cut()
    {
        if (Interlocked.CompareExchange(ref _state, Cutting, Open) == Open)
        {
            context.Abort();
            Volatile.Write(ref _state, WasCut);
        }
    }

    /// <summary>True once. Waits the moment that a cut takes, because the context is another request's afterwards.</summary>
    public bool TryEnd()
    {
        var spin = default(SpinWait);
        int before;
        while ((before = Volatile.Read(ref _state)) == Cutting || (before != Ended && Interlocked.CompareExchange(ref _state, Ended, before) != before))
        {
            spin.SpinOnce();
        }

        return before != Ended;
    }
}
