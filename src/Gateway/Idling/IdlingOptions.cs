using Microsoft.Extensions.Options;

namespace Gateway.Idling;

/// <summary>Section <c>Idling</c>: when a machine that nobody uses is put to sleep.</summary>
internal sealed class IdlingOptions
{
    public const string Section = "Idling";

    /// <summary>Whether this replica puts machines to sleep at all. Visits are counted either way.</summary>
    public bool Enabled { get; set; } = true;

    /// <summary>A machine without visits sleeps after this long without activity.</summary>
    public TimeSpan IdleAfter { get; set; } = TimeSpan.FromMinutes(15);

    /// <summary>A machine with open sockets, or answers that have begun, on which nothing passes sleeps after this long. At least <see cref="IdleAfter"/>.</summary>
    public TimeSpan AttachedFor { get; set; } = TimeSpan.FromMinutes(60);

    /// <summary>How often due machines are looked for. 1 s to 10 min.</summary>
    public TimeSpan SweepEvery { get; set; } = TimeSpan.FromSeconds(30);

    /// <summary>How often each replica reports its visits. Well under <see cref="IdleAfter"/>.</summary>
    public TimeSpan ReportEvery { get; set; } = TimeSpan.FromSeconds(10);

    /// <summary>How long a stop waits for the consent of every replica before it is abandoned.</summary>
    public TimeSpan ConsentGrace { get; set; } = TimeSpan.FromSeconds(5);

    /// <summary>How long a replica's word counts after its last heartbeat: its sockets live on when its connection to the map is lost.</summary>
    public TimeSpan ReplicaLease { get; set; } = TimeSpan.FromMinutes(15);

    /// <summary>Suspend instead of stop where the machine allows it (at most 2 GB of memory).</summary>
    public bool Suspend { get; set; } = true;

    /// <summary>A machine that was suspended for so long is stopped: it keeps memory of its host reserved. At least one second.</summary>
    public TimeSpan SuspendedFor { get; set; } = TimeSpan.FromDays(3);

    /// <summary>How long before its sleep those who look at a workspace are warned.</summary>
    public TimeSpan WarnBefore { get; set; } = TimeSpan.FromMinutes(2);

    /// <summary>The longest time a workspace may ask not to be put to sleep at once. It may ask again.</summary>
    public TimeSpan BusyLimit { get; set; } = TimeSpan.FromHours(1);

    /// <summary>How long the platform gives the workspace to end by itself. At most 5 min.</summary>
    public TimeSpan StopGrace { get; set; } = TimeSpan.FromSeconds(10);

    /// <summary>At most this many machines are put to sleep, or stopped in their sleep, in one sweep.</summary>
    public int StopsPerSweep { get; set; } = 50;

    /// <summary>How long after the question a consent is acted on.</summary>
    internal TimeSpan ConsentHolds => ConsentGrace * 2;

    /// <summary>How long after the question the platform may still be asked for the stop.</summary>
    internal TimeSpan StopAskedWithin => ConsentHolds + TimeSpan.FromSeconds(15);

    /// <summary>After this long no stop acts on a consent any more: even the last call has ended, or its lease has.</summary>
    internal TimeSpan GateLapses => StopAskedWithin + TimeSpan.FromSeconds(45);
}

/// <summary>Every fault of the section at once, each by its key.</summary>
internal sealed class IdlingOptionsValidation : IValidateOptions<IdlingOptions>
{
    public ValidateOptionsResult Validate(string? name, IdlingOptions options)
    {
        var faults = new List<string>();
        Check(options.IdleAfter >= TimeSpan.FromSeconds(1), "Idling:IdleAfter must be at least one second, such as 00:15:00.");
        Check(options.WarnBefore >= TimeSpan.Zero && options.WarnBefore <= TimeSpan.FromHours(1), "Idling:WarnBefore must be between 0 and one hour, such as 00:02:00.");
        Check(options.BusyLimit >= TimeSpan.FromMinutes(1) && options.BusyLimit <= TimeSpan.FromDays(1), "Idling:BusyLimit must be between 00:01:00 and one day.");
        Check(options.AttachedFor >= options.IdleAfter, "Idling:AttachedFor must not be shorter than Idling:IdleAfter.");
        Check(options.SweepEvery >= TimeSpan.FromMilliseconds(100) && options.SweepEvery <= TimeSpan.FromMinutes(10), "Idling:SweepEvery must be between 00:00:00.1 and 00:10:00.");
        Check(options.ReportEvery > TimeSpan.Zero && options.ReportEvery < options.IdleAfter, "Idling:ReportEvery must be positive and shorter than Idling:IdleAfter.");
        Check(options.ConsentGrace > TimeSpan.Zero && options.ConsentGrace <= TimeSpan.FromMinutes(1), "Idling:ConsentGrace must be between 0 and 00:01:00.");
        Check(options.ReplicaLease >= options.ReportEvery * 3, "Idling:ReplicaLease must be at least three times Idling:ReportEvery.");
        Check(options.StopGrace > TimeSpan.Zero && options.StopGrace <= TimeSpan.FromMinutes(5), "Idling:StopGrace must be between 0 and 00:05:00, the most the platform waits.");
        Check(options.SuspendedFor >= TimeSpan.FromSeconds(1), "Idling:SuspendedFor must be at least one second, such as 3.00:00:00.");
        Check(options.StopsPerSweep > 0, "Idling:StopsPerSweep must be at least 1.");
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
