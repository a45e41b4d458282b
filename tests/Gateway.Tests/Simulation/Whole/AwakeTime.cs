using System.Globalization;
using Gateway.Machines;

namespace Gateway.Tests.Simulation.Whole;

/// <summary>
/// What machines were awake for, each moment by one cause, from what truly happened on them; and that none is awake for longer than the idle times allow
/// and one sweep. Only for runs without faults, in which nobody but the gateways starts and stops machines.
/// </summary>
internal sealed class AwakeTime(WholeSystem system)
{
    public const string Boot = "booting";
    public const string Request = "a request in progress";
    public const string Poll = "a poll of a page in progress";
    public const string InUse = "a socket or stream in use";
    public const string Attached = "a socket or stream open, nothing passing";
    public const string Idle = "idle time running";
    public const string Sweep = "waiting for the sweep";
    public const string Stop = "stopping";

    private readonly Dictionary<MachineId, Life> _lives = [];
    private readonly Dictionary<string, long> _causes = new() { [Boot] = 0, [Request] = 0, [Poll] = 0, [InUse] = 0, [Attached] = 0, [Idle] = 0, [Sweep] = 0, [Stop] = 0 };

    /// <summary>The longest that a machine was awake beyond its idle time.</summary>
    public TimeSpan LongestOverdue { get; private set; }

    /// <summary>What the platform counts as awake, from its own events.</summary>
    public TimeSpan Billed { get; private set; }

    public TimeSpan Accounted => TimeSpan.FromTicks(_causes.Values.Sum());

    private bool IsKept => system.Size is { Everyday: true, Faults: 0 };

    public TimeSpan Of(string cause) => TimeSpan.FromTicks(_causes[cause]);

    /// <summary>The platform did something: machines begin and end to be awake by nothing else.</summary>
    public void CarriedOut(string action, string target)
    {
        if (!IsKept)
        {
            return;
        }

        switch (action)
        {
            case "start" or "stop" or "suspend":
                Look(new MachineId(target));
                break;
            case "create":
                var made = system.Machines.Machines.Single(machine => machine.Name == target).Id;
                system.World.After(system.Machines.CreateDelay, () => Look(made));
                break;
        }
    }

    /// <summary>A stop is being decided: a poll in progress now may put it off, though it ends before that is decided.</summary>
    public void Draining(MachineId machine)
    {
        if (IsKept && _lives.TryGetValue(machine, out var life))
        {
            life.IsPolledAtDrain = IsPolled(machine);
        }
    }

    /// <summary>A stop was given up. For a poll in progress that is as it should be, and the machine has until the next sweep.</summary>
    public void WonBack(MachineId machine)
    {
        if (IsKept && _lives.TryGetValue(machine, out var life) && (life.IsPolledAtDrain || IsPolled(machine)))
        {
            life.Sweeps++;
            system.Tally.Count("stop put off by a poll");
        }
    }

    /// <summary>Before anything about the machine changes: what was until now is accounted for.</summary>
    public void Changing(MachineId machine)
    {
        if (!_lives.TryGetValue(machine, out var life) || !life.IsAwake)
        {
            return;
        }

        var (from, now) = (life.At, system.World.Now);
        life.At = now;
        if (!life.IsReady)
        {
            Add(Boot, from, now);
            return;
        }

        var (requests, polls, sockets) = Open(machine);
        var idle = life.LastUse + system.Options.Idling.IdleAfter.Ticks;
        var limit = sockets > 0 ? life.LastUse + system.Options.Idling.AttachedFor.Ticks : Math.Max(idle, life.AttachedUntil);
        if (requests > 0)
        {
            Add(Request, from, now);
            return;
        }

        if (now > limit)
        {
            ExpectInTime(machine, life, TimeSpan.FromTicks(now - limit));
        }

        Add(polls > 0 ? Poll : sockets > 0 ? InUse : Idle, from, Math.Min(now, idle));
        Add(Attached, Math.Max(from, idle), Math.Min(now, limit));
        Add(Sweep, Math.Max(from, limit), now);
    }

    /// <summary>A request or socket began or ended on its machine, or data passed.</summary>
    public void Used(Work work)
    {
        if (!_lives.TryGetValue(work.Machine, out var life))
        {
            return;
        }

        if (!work.Request.IsBackground)
        {
            (life.LastUse, life.Sweeps) = (system.World.Now, 1);
        }
        else if (work.Request.IsStream)
        {
            // Its end begins nothing anew, and each report held for three.
            life.AttachedUntil = Math.Min(system.World.Now + (system.Options.Idling.ReportEvery * 3).Ticks, life.LastUse + system.Options.Idling.AttachedFor.Ticks);
        }
    }

    /// <summary>The end: everything sleeps, and the sum of causes is what the platform counted.</summary>
    public void Close()
    {
        if (!IsKept)
        {
            return;
        }

        Billed = _lives.Keys.Aggregate(TimeSpan.Zero, (sum, machine) => sum + system.Machines.AwakeFor(machine));
        if (Accounted != Billed)
        {
            system.Promises.Break(4, $"{Accounted} are accounted for, and the platform counted {Billed}");
        }
    }

    public override string ToString() => string.Join('\n', _causes
        .Select(cause => string.Create(CultureInfo.InvariantCulture, $"  {cause.Key,-34} {TimeSpan.FromTicks(cause.Value).TotalHours,10:F2} h {100.0 * cause.Value / Math.Max(1, Accounted.Ticks),6:F2} %"))
        .Append(string.Create(CultureInfo.InvariantCulture, $"  {"all, as the platform counts",-34} {Billed.TotalHours,10:F2} h; longest beyond its idle time {LongestOverdue.TotalSeconds:F1} s")));

    private void Look(MachineId machine)
    {
        var life = _lives.TryGetValue(machine, out var known) ? known : _lives[machine] = new Life();
        var state = system.Machines.Find(machine)?.State;
        if (state is PlatformState.Starting && !life.IsAwake)
        {
            (life.IsAwake, life.IsReady, life.At) = (true, false, system.World.Now);
            life.Boot++;
            var boot = life.Boot;
            var resumes = known is { WasSuspended: true };
            system.World.After((resumes ? system.Machines.ResumeDelay : system.Machines.StartDelay) + system.Machines.ReadyDelay, () => Ready(machine, life, boot));
        }
        else if (state is PlatformState.Stopping or PlatformState.Suspending && life.IsAwake)
        {
            Changing(machine);
            (life.IsAwake, life.WasSuspended) = (false, state is PlatformState.Suspending);
            _causes[Stop] += (life.WasSuspended ? system.Machines.SuspendDelay : system.Machines.StopDelay).Ticks;
        }
    }

    private void Ready(MachineId machine, Life life, int boot)
    {
        if (life.Boot == boot && life.IsAwake)
        {
            Changing(machine);
            (life.IsReady, life.LastUse, life.Sweeps) = (true, system.World.Now, 1);
        }
    }

    private bool IsPolled(MachineId machine) =>
        system.Gateways.Any(gateway => gateway.Handles(request => request.IsBackground && system.IsOf(request.User, system.Machines.NameOf(machine))));

    private (int Requests, int Polls, int Sockets) Open(MachineId machine)
    {
        var (requests, polls, sockets) = (0, 0, 0);
        foreach (var work in system.Workspaces.Open)
        {
            if (work.Machine == machine)
            {
                _ = work.Request switch
                {
                    { IsSocket: true } or { IsStream: true } => sockets++,
                    { Habit: Habit.BackgroundPoll } => polls++,
                    _ => requests++,
                };
            }
        }

        return (requests, polls, sockets);
    }

    private void Add(string cause, long from, long until)
    {
        if (until > from)
        {
            _causes[cause] += until - from;
        }
    }

    /// <summary>While people live their days. At the end all leave at once, and are put to sleep at the pace of so many in a sweep.</summary>
    private void ExpectInTime(MachineId machine, Life life, TimeSpan overdue)
    {
        if (system.World.Now > TimeSpan.FromHours(system.Size.Hours).Ticks)
        {
            return;
        }

        LongestOverdue = overdue > LongestOverdue ? overdue : LongestOverdue;
        if (overdue > (system.Options.Idling.SweepEvery * life.Sweeps) + system.Options.Idling.ConsentGrace)
        {
            system.Promises.Break(4, $"{machine} is awake for {overdue} longer than its idle times allow");
        }
    }

    /// <summary>One machine. Ticks of the world.</summary>
    private sealed class Life
    {
        public long At { get; set; }

        public long LastUse { get; set; }

        /// <summary>What a page had open that was no use kept it awake so long.</summary>
        public long AttachedUntil { get; set; }

        public int Boot { get; set; }

        /// <summary>How many sweeps it may take from the end of its idle time.</summary>
        public int Sweeps { get; set; } = 1;

        public bool IsAwake { get; set; }

        public bool IsReady { get; set; }

        public bool WasSuspended { get; set; }

        public bool IsPolledAtDrain { get; set; }
    }
}
