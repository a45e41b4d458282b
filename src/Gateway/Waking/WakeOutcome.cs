using Gateway.Sessions;

namespace Gateway.Waking;

/// <summary>What made somebody want the machine awake.</summary>
internal enum WakeCause
{
    Navigation,
    Request,
    Socket,
    Background,
    SignIn,
    Operator,
}

/// <summary>A machine to be brought to awake, and for whom.</summary>
internal sealed record WakeRequest(string App, MachineId Machine, UserId? User, WakeCause Cause)
{
    /// <summary>The wake that a user's budget was charged with for this; null: somebody meant it.</summary>
    public WakeCharge? Charge { get; init; }
}

/// <summary>What waiting for a wake came to.</summary>
internal abstract record WakeOutcome
{
    private WakeOutcome()
    {
    }

    /// <summary>The machine answered a probe in this boot.</summary>
    /// <param name="Address">An IP literal, without port.</param>
    /// <param name="Boot">The life it answered in.</param>
    /// <param name="Timing">Where the time went.</param>
    /// <param name="Led">This wait began the wake; otherwise it joined one.</param>
    public sealed record Awake(string Address, long Boot, WakeTiming Timing, bool Led) : WakeOutcome
    {
        /// <summary>Of one that was held: others wait behind it.</summary>
        public HeldPlace? Place { get; init; }

        /// <summary>To be called when the machine's answer has begun, or none is to come: whoever is held behind this one may go.</summary>
        public void Answered() => Place?.Answered();
    }

    /// <summary>It is not awake, for a reason the caller is told, and may be asked for again after a while.</summary>
    public sealed record Refused(WakeRefusal Reason, string Detail, TimeSpan RetryAfter) : WakeOutcome;
}

/// <summary>Why a wake, or the wait for one, did not end with an awake machine.</summary>
internal enum WakeRefusal
{
    /// <summary>The Machines API does not answer.</summary>
    PlatformUnavailable,

    /// <summary>The host that holds the volume has no room.</summary>
    HostFull,

    /// <summary>The platform cannot say how the machine is: its host does not answer.</summary>
    HostUnreachable,

    /// <summary>It started and never gave a good answer.</summary>
    NeverHealthy,

    /// <summary>Its process ended while it booted.</summary>
    Crashed,

    /// <summary>The same, for want of memory.</summary>
    OutOfMemory,

    /// <summary>There is no such machine any more.</summary>
    Gone,

    /// <summary>The token does not allow it.</summary>
    Forbidden,

    /// <summary>The rates of the platform are used up for now.</summary>
    CapacityShort,

    /// <summary>It still boots; the wait is over and the wake goes on.</summary>
    HoldLimit,

    /// <summary>Too many wait already.</summary>
    TooManyHeld,

    /// <summary>The session map does not answer, and the machine is not known here.</summary>
    MapUnavailable,

    /// <summary>It is being updated.</summary>
    Updating,

    /// <summary>It sleeps, and nobody is known to be waiting for it.</summary>
    Asleep,
}

/// <summary>Where the time of a wake went. Zero for what did not happen.</summary>
/// <param name="Map">Reading the session map.</param>
/// <param name="Claim">Winning the right to wake, or waiting for whoever has it.</param>
/// <param name="Start">Until the platform accepted the start.</param>
/// <param name="Boot">From there until the machine took a connection.</param>
/// <param name="Probe">From there until it gave a good answer.</param>
/// <param name="Total">From the first request to the good answer.</param>
internal sealed record WakeTiming(TimeSpan Map, TimeSpan Claim, TimeSpan Start, TimeSpan Boot, TimeSpan Probe, TimeSpan Total)
{
    public static readonly WakeTiming None = new(default, default, default, default, default, default);
}

/// <summary>How reasons of failed wakes are written in records, and what they tell people.</summary>
internal static class WakeRefusals
{
    private static readonly Dictionary<WakeRefusal, (string Name, string Detail)> Known = new()
    {
        [WakeRefusal.PlatformUnavailable] = ("platform_unavailable", "The platform that runs your workspace does not answer right now. Your files are safe; please try again in a moment."),
        [WakeRefusal.HostFull] = ("host_full", "The host that holds your files has no room to start your workspace right now. Your files are safe; trying again later helps, and your operator can see this."),
        [WakeRefusal.HostUnreachable] = ("host_unreachable", "The host that holds your files does not answer the platform. Your files stay where they are; your operator can see this."),
        [WakeRefusal.NeverHealthy] = ("never_healthy", "Your workspace started but never said that it is ready."),
        [WakeRefusal.Crashed] = ("crashed", "The program in your workspace ended while it was starting."),
        [WakeRefusal.OutOfMemory] = ("out_of_memory", "The program in your workspace ran out of memory while it was starting."),
        [WakeRefusal.Gone] = ("gone", "The machine of your workspace no longer exists."),
        [WakeRefusal.Forbidden] = ("forbidden", "The gateway is not permitted to start your workspace. Your operator can see this."),
        [WakeRefusal.CapacityShort] = ("capacity_short", "Many workspaces are starting at once; yours has not had its turn yet."),
        [WakeRefusal.HoldLimit] = ("hold_limit", "Your workspace is still starting. It goes on; please ask again."),
        [WakeRefusal.TooManyHeld] = ("too_many_held", "Too many requests wait for this workspace already."),
        [WakeRefusal.MapUnavailable] = ("map_unavailable", "Where your workspace is cannot be looked up right now."),
        [WakeRefusal.Asleep] = ("asleep", "Your workspace sleeps. A page in the background may wake it only so often; open the page, or send a request that changes something, and it wakes."),
        [WakeRefusal.Updating] = ("updating", "Your workspace is being updated; it will be there in a moment."),
    };

    public static string NameOf(WakeRefusal reason) => Known[reason].Name;

    public static string DetailOf(WakeRefusal reason) => Known[reason].Detail;

    /// <summary>A reason of a newer version reads as the most general one.</summary>
    public static WakeRefusal Parse(string name)
    {
        foreach (var (reason, known) in Known)
        {
            if (known.Name == name)
            {
                return reason;
            }
        }

        return WakeRefusal.NeverHealthy;
    }
}
