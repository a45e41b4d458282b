using System.Collections.Concurrent;
using Gateway.Idling;
using Gateway.Sessions;
using Gateway.Waking;

namespace Gateway.Operations;

/// <summary>
/// Gathers, on this replica, why machines are woken, kept awake and put to sleep. The request path raises a number in memory and no more;
/// <see cref="TrailWriter"/> takes what was gathered to the session map.
/// </summary>
internal sealed class Trail(Replica replica, TimeProvider time)
{
    /// <summary>What comes too fast to be told is not told: an explanation is not worth the memory of a process.</summary>
    private const int MostWaiting = 10_000;

    private static readonly string[] Uses = [.. Enum.GetValues<WakeCause>().Select(static cause => NameOf(cause))];

    private readonly ConcurrentDictionary<(MachineId Machine, string What), Repeated> _repeated = new();
    private readonly ConcurrentQueue<RouteCause> _waiting = new();

    /// <summary>A visit was opened. Called for every request: two reads and an increment once the machine is known.</summary>
    public void Used(MachineId machine, WakeCause cause) => Repeat(machine, "use", Uses[(int)cause], null);

    /// <summary>Something that comes again and again, and is told once a minute with how often.</summary>
    public void Repeat(MachineId machine, string kind, string what, string? rule)
    {
        if (_repeated.TryGetValue((machine, what), out var repeated))
        {
            repeated.Count(time);
        }
        else if (_repeated.Count < MostWaiting)
        {
            _repeated.GetOrAdd((machine, what), _ => new Repeated(kind, rule)).Count(time);
        }
    }

    public void Add(MachineId machine, string kind, string what, string? rule = null, IReadOnlyDictionary<string, double>? timing = null)
    {
        if (_waiting.Count < MostWaiting)
        {
            _waiting.Enqueue(new RouteCause { Machine = machine, At = time.GetUtcNow(), Kind = kind, What = what, Rule = rule, Replica = replica.Name, Timing = timing });
        }
    }

    /// <summary>A wake ended here. One that only found the machine awake is no news.</summary>
    public void Woken(WakeRequest request, WakeOutcome outcome, TimeSpan took)
    {
        switch (outcome)
        {
            case WakeOutcome.Awake { Timing: { } timing } when timing.Start > TimeSpan.Zero || timing.Boot > TimeSpan.Zero:
                Add(request.Machine, "wake", NameOf(request.Cause), "a request, a sign-in or an operator wanted it awake", TimingOf(timing));
                break;
            case WakeOutcome.Refused { Reason: not WakeRefusal.HoldLimit and not WakeRefusal.TooManyHeld } refused:
                Repeat(request.Machine, "wake", WakeRefusals.NameOf(refused.Reason), "the wake for a " + NameOf(request.Cause) + " failed");
                break;
        }
    }

    /// <summary>An attempt to put the machine to sleep came to this.</summary>
    public void Decided(MachineId machine, IdleStopOutcome outcome)
    {
        switch (outcome)
        {
            case IdleStopOutcome.Asleep:
                Add(machine, "decision", "put_to_sleep", "nothing passed for Idling:IdleAfter and every replica consented");
                break;
            case IdleStopOutcome.SnapshotGivenUp:
                Add(machine, "decision", "stopped_in_its_sleep", "it was suspended for Idling:SuspendedFor");
                break;
            case IdleStopOutcome.Abandoned:
                Repeat(machine, "decision", "kept_awake", "a replica has a visit on it, or did not consent within Idling:ConsentGrace");
                break;
            case IdleStopOutcome.Failed:
                Repeat(machine, "decision", "stop_failed", "the platform did not carry the stop out; a later sweep tries again");
                break;
        }
    }

    /// <summary>What there is to write now: all that waits, and what repeats where a minute has passed since it was last told.</summary>
    public IReadOnlyList<RouteCause> Take(TimeSpan repeatAfter)
    {
        var causes = new List<RouteCause>();
        while (_waiting.TryDequeue(out var cause))
        {
            causes.Add(cause);
        }

        foreach (var (key, repeated) in _repeated)
        {
            if (time.GetElapsedTime(repeated.ToldAt) < repeatAfter && repeated.ToldAt != 0)
            {
                continue;
            }

            if (repeated.Take(time) is not (var times and > 0, var first))
            {
                // Nothing came for a whole turn: the next one is news again, and told at once.
                _repeated.TryRemove(key, out _);
                continue;
            }

            causes.Add(new RouteCause { Machine = key.Machine, At = first, Kind = repeated.Kind, What = key.What, Rule = repeated.Rule, Replica = replica.Name, Times = times });
        }

        return causes;
    }

    private static string NameOf(WakeCause cause) => cause is WakeCause.SignIn ? "sign_in" : cause.ToString().ToLowerInvariant();

    private static Dictionary<string, double> TimingOf(WakeTiming timing) => new()
    {
        ["map"] = Seconds(timing.Map),
        ["claim"] = Seconds(timing.Claim),
        ["start"] = Seconds(timing.Start),
        ["boot"] = Seconds(timing.Boot),
        ["probe"] = Seconds(timing.Probe),
        ["total"] = Seconds(timing.Total),
    };

    private static double Seconds(TimeSpan span) => Math.Round(span.TotalSeconds, 3);

    private sealed class Repeated(string kind, string? rule)
    {
        private int _times;
        private long _first;

        public string Kind => kind;

        public string? Rule => rule;

        /// <summary>0: not yet. Of the writer alone.</summary>
        public long ToldAt { get; private set; }

        public void Count(TimeProvider time)
        {
            if (Interlocked.Increment(ref _times) == 1)
            {
                Volatile.Write(ref _first, time.GetUtcNow().UtcTicks);
            }
        }

        public (int Times, DateTimeOffset First) Take(TimeProvider time)
        {
            ToldAt = time.GetTimestamp();
            var first = Volatile.Read(ref _first);
            // Between the first count and its moment there is an instant in which the moment is of the last turn.
            return (Interlocked.Exchange(ref _times, 0), first == 0 ? time.GetUtcNow() : new DateTimeOffset(first, TimeSpan.Zero));
        }
    }
}
