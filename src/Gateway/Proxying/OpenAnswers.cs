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
/// The plain answers in progress through this replica: event streams and long downloads must end with their credential as sockets do. Every request passes
/// here, so the objects are used again and nothing is locked.
/// </summary>
internal sealed class OpenAnswers(TimeProvider time)
{
    /// <summary>What lasts longer is looked at by time as well: its credential may have ended between being checked and being listed here.</summary>
    private static readonly TimeSpan Lasts = TimeSpan.FromSeconds(1);

    private readonly ConcurrentQueue<OpenAnswer> _free = new();

    // As many as there ever were requests at once; only grows.
    private OpenAnswer? _last;

    /// <summary>One reader at a time.</summary>
    public IEnumerable<LastingAnswer> All
    {
        get
        {
            var lookAgainAt = time.GetUtcNow() + Lasts;
            for (var answer = Volatile.Read(ref _last); answer is not null; answer = answer.Previous)
            {
                if (answer.Lasting(lookAgainAt) is { } lasting)
                {
                    yield return lasting;
                }
            }
        }
    }

    /// <summary>Takes the place of the context's response body until <see cref="End"/>.</summary>
    public OpenAnswer Begin(in Forward forward)
    {
        var answer = _free.TryDequeue(out var free) ? free : Grow();
        answer.Begin(forward);
        return answer;
    }

    /// <summary>After this nothing cuts the connection for it any more, which may carry somebody else's request next. Once.</summary>
    public void End(OpenAnswer answer)
    {
        answer.End();
        _free.Enqueue(answer);
    }

    private OpenAnswer Grow()
    {
        var answer = new OpenAnswer();
        do
        {
            answer.Previous = Volatile.Read(ref _last);
        }
        while (Interlocked.CompareExchange(ref _last, answer, answer.Previous) != answer.Previous);
        return answer;
    }
}

/// <summary>One plain answer in progress, as whoever watches over its credential sees it.</summary>
/// <param name="answer">The object, which carries another request's answer later.</param>
/// <param name="use">Which of its uses is meant.</param>
/// <param name="user">Whose it is.</param>
/// <param name="holder">Who asked, and by what.</param>
internal sealed class LastingAnswer(OpenAnswer answer, long use, UserId user, ClaimsPrincipal holder) : ILasting
{
    public UserId User => user;

    public ClaimsPrincipal Holder => holder;

    public DateTimeOffset? GoodUntil { get; set; }

    public DateTimeOffset LookAgainAt { get; set; }

    public bool IsOf(long other) => use == other;

    /// <summary>Ends the connection, or the stream of it, unless the request has ended.</summary>
    public void Cut() => answer.Cut(use);
}
