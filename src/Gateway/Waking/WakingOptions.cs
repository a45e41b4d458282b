using Microsoft.Extensions.Options;

namespace Gateway.Waking;

/// <summary>Section <c>Waking</c>: how machines are woken and requests held meanwhile.</summary>
internal sealed class WakingOptions
{
    public const string Section = "Waking";

    /// <summary>How long a request is held. Under the common idle cut of 60 s in front of us.</summary>
    public TimeSpan HoldLimit { get; set; } = TimeSpan.FromSeconds(50);

    /// <summary>How long a person's navigation is held before the waiting page shows. 0: at once; <see cref="HoldLimit"/> or more: never.</summary>
    public TimeSpan PageAfter { get; set; } = TimeSpan.FromSeconds(4);

    /// <summary>How long one wake may take in all, whoever still waits.</summary>
    public TimeSpan WakeLimit { get; set; } = TimeSpan.FromSeconds(120);

    /// <summary>How long a started machine may take to become healthy.</summary>
    public TimeSpan BootLimit { get; set; } = TimeSpan.FromSeconds(60);

    /// <summary>How long a resumed machine may take to become healthy before it is started cold, in the same wake.</summary>
    public TimeSpan ResumeLimit { get; set; } = TimeSpan.FromSeconds(15);

    /// <summary>How many requests of one user may be held. A busy page asks for a few hundred things.</summary>
    public int MaxHeldPerUser { get; set; } = 400;

    /// <summary>How many requests may be held in all.</summary>
    public int MaxHeld { get; set; } = 10_000;

    /// <summary>The path a workspace answers once it is usable.</summary>
    public string HealthPath { get; set; } = "/api/health";

    /// <summary>The status that says so. 404 is not healthy unless it is named here.</summary>
    public int HealthStatus { get; set; } = 200;

    /// <summary>How many good answers in a row make a machine ready.</summary>
    public int HealthyAnswers { get; set; } = 1;

    /// <summary>A path that must also take a WebSocket before a machine is ready, such as <c>/terminal</c>. Empty: none.</summary>
    public string SocketPath { get; set; } = "";

    /// <summary>How many wakes an hour a user's pages may cause by themselves, with nobody showing up until the next sleep. 0: none.</summary>
    public int BackgroundWakesPerHour { get; set; } = 2;

    /// <summary>Paths, with all below them, that never wake a machine and never count as use: what monitors ask for. Such as <c>/api/health</c>.</summary>
    public string[] MonitorPaths { get; set; } = [];

    /// <summary>How long a failed wake is remembered at first; it doubles with each failure in a row.</summary>
    public TimeSpan FailurePause { get; set; } = TimeSpan.FromSeconds(5);

    /// <summary>The longest such time.</summary>
    public TimeSpan LongestFailurePause { get; set; } = TimeSpan.FromMinutes(5);
}

/// <summary>Every fault of the section at once, each by its key.</summary>
internal sealed class WakingOptionsValidation : IValidateOptions<WakingOptions>
{
    public ValidateOptionsResult Validate(string? name, WakingOptions options)
    {
        var faults = new List<string>();
        Check(options.HoldLimit > TimeSpan.Zero && options.HoldLimit <= TimeSpan.FromMinutes(10), "Waking:HoldLimit must be between 0 and 00:10:00, such as 00:00:50.");
        Check(options.PageAfter >= TimeSpan.Zero, "Waking:PageAfter must not be negative, such as 00:00:04.");
        Check(options.WakeLimit >= options.BootLimit, "Waking:WakeLimit must not be shorter than Waking:BootLimit.");
        Check(options.BootLimit >= TimeSpan.FromSeconds(1), "Waking:BootLimit must be at least one second.");
        Check(options.ResumeLimit >= TimeSpan.FromSeconds(1), "Waking:ResumeLimit must be at least one second, such as 00:00:15.");
        Check(options.MaxHeldPerUser >= 1, "Waking:MaxHeldPerUser must be at least 1.");
        Check(options.MaxHeld >= options.MaxHeldPerUser, "Waking:MaxHeld must not be smaller than Waking:MaxHeldPerUser.");
        Check(options.HealthPath.StartsWith('/'), "Waking:HealthPath must begin with a slash, such as /api/health.");
        Check(options.HealthStatus is >= 100 and <= 599, "Waking:HealthStatus must be an HTTP status, such as 200.");
        Check(options.HealthyAnswers is >= 1 and <= 100, "Waking:HealthyAnswers must be between 1 and 100.");
        Check(options.SocketPath.Length == 0 || options.SocketPath.StartsWith('/'), "Waking:SocketPath must be empty or begin with a slash, such as /terminal.");
        Check(options.BackgroundWakesPerHour is >= 0 and <= 1000, "Waking:BackgroundWakesPerHour must be between 0 and 1000.");
        Check(Array.TrueForAll(options.MonitorPaths, static path => path.StartsWith('/')), "Waking:MonitorPaths: each must begin with a slash, such as /api/health.");
        Check(options.FailurePause > TimeSpan.Zero && options.FailurePause <= options.LongestFailurePause, "Waking:FailurePause must be positive and not longer than Waking:LongestFailurePause.");
        return faults.Count == 0 ? ValidateOptionsResult.Success : ValidateOptionsResult.Fail(faults);

        void Check(bool holds, string fault)
        {
            if (!holds)
            {
                faults.Add(fault);
            }
        }
    }
}
