namespace Gateway.Waking;

/// <summary>The steps of a wake, in their order.</summary>
internal enum WakeStep
{
    Looking,
    Waiting,
    Starting,
    Booting,
    Checking,
    Ready,
}

internal static class WakeSteps
{
    public static string NameOf(WakeStep step) => step switch
    {
        WakeStep.Looking => "look",
        WakeStep.Waiting => "wait",
        WakeStep.Starting => "start",
        WakeStep.Booting => "boot",
        WakeStep.Checking => "check",
        _ => "ready",
    };
}

/// <summary>How far a wake is: each step with the moment it began. Written by the wake, read by whoever shows it.</summary>
internal sealed class WakeProgress(TimeProvider time)
{
    private readonly long _started = time.GetTimestamp();
    private volatile IReadOnlyList<(WakeStep Step, TimeSpan At)> _steps = [(WakeStep.Looking, TimeSpan.Zero)];

    /// <summary>Steps begun, with the time since the wake began.</summary>
    public IReadOnlyList<(WakeStep Step, TimeSpan At)> Steps => _steps;

    public WakeStep Current => _steps[^1].Step;

    public TimeSpan Elapsed => time.GetElapsedTime(_started);

    internal void Reach(WakeStep step)
    {
        if (Current != step)
        {
            _steps = [.. _steps, (step, Elapsed)];
        }
    }

    /// <summary>When the step began, or null.</summary>
    internal TimeSpan? At(WakeStep step)
    {
        foreach (var (reached, at) in _steps)
        {
            if (reached == step)
            {
                return at;
            }
        }

        return null;
    }

    /// <summary>The time between two steps, where both were reached.</summary>
    internal TimeSpan Between(WakeStep from, WakeStep to) =>
        At(from) is { } begun && At(to) is { } ended && ended > begun ? ended - begun : TimeSpan.Zero;
}
