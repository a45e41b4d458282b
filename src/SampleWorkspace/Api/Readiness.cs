namespace SampleWorkspace.Api;

/// <summary>When this boot could first answer, so that a measurement can tell the boot's share of a wake from the gateway's.</summary>
internal sealed class Readiness
{
    private readonly TimeProvider _time;
    private long _since;

    public Readiness(TimeProvider time, IHostApplicationLifetime lifetime)
    {
        _time = time;
        lifetime.ApplicationStarted.Register(() => _ = AnswerableSince);
    }

    /// <summary>Unix milliseconds. A request may be quicker than the notice that the host has started.</summary>
    public long AnswerableSince
    {
        get
        {
            Interlocked.CompareExchange(ref _since, _time.GetUtcNow().ToUnixTimeMilliseconds(), 0);
            return Interlocked.Read(ref _since);
        }
    }
}
