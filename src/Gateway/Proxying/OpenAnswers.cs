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

    /// <summary>Ends the answers of a machine that have begun, so that none is left on a machine that sleeps. What still waits for its answer is left alone.</summary>
    public void CutMachine(MachineId machine)
    {
        foreach (var answer in All)
        {
            if (answer.Machine == machine && answer.HasBegun)
            {
                answer.Cut();
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

/// <summary>One plain answer in progress, as others than its request see it.</summary>
/// <param name="answer">The object, which carries another request's answer later.</param>
/// <param name="use">Which of its uses is meant.</param>
/// <param name="forward">What is forwarded in that use; its context is not to be touched from here.</param>
internal sealed class LastingAnswer(OpenAnswer answer, long use, in Forward forward) : ILasting
{
    private readonly Traffic _traffic = forward.Traffic;

    public MachineId Machine { get; } = forward.Machine;

    public UserId User { get; } = forward.User;

    public ClaimsPrincipal Holder { get; } = forward.Holder;

    public bool HasBegun => _traffic.IsAnswer;

    public DateTimeOffset? GoodUntil { get; set; }

    public DateTimeOffset LookAgainAt { get; set; }

    public bool IsOf(long other) => use == other;

    /// <summary>Ends the connection, or the stream of it, unless the request has ended.</summary>
    public void Cut() => answer.Cut(use);
}
