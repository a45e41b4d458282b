using System.Collections.Concurrent;
using Gateway.Idling;
using Gateway.Sessions;

namespace Gateway.Operations.Costs;

/// <summary>
/// What passes on machines through this replica, a turn of a few seconds at a time: in each a machine is active, attached or neither. Only reads what the request path counts anyway; called by one loop,
/// but for <see cref="Left"/>.
/// </summary>
internal sealed class UseMeter(Visits visits, TimeProvider time)
{
    private const int SecondsOfAMinute = 60;
    private const int MostLeft = 100_000;

    private static readonly int Turns = SecondsOfAMinute / (int)LedgerMonth.Turn.TotalSeconds;

    private readonly ConcurrentQueue<MachineVisits> _left = new();
    private readonly Dictionary<MachineId, Gathered> _gathered = [];
    private Dictionary<MachineVisits, Mark> _marks = [];

    /// <summary>A machine nobody is on any more: it is not among the visits at the next turn, and what passed since the last one is. From any thread.</summary>
    public void Left(MachineVisits machine)
    {
        if (_left.Count < MostLeft)
        {
            _left.Enqueue(machine);
        }
    }

    /// <summary>To be called in the middle of each turn.</summary>
    public void Turn()
    {
        var turn = (int)(time.GetUtcNow().ToUnixTimeSeconds() % SecondsOfAMinute) / (int)LedgerMonth.Turn.TotalSeconds;
        var marks = new Dictionary<MachineVisits, Mark>();
        foreach (var machine in visits.All)
        {
            marks[machine] = Note(machine, _marks.GetValueOrDefault(machine), turn);
        }

        while (_left.TryDequeue(out var machine))
        {
            // It may have left since it was seen a moment ago.
            Note(machine, marks.TryGetValue(machine, out var mark) ? mark : _marks.GetValueOrDefault(machine), turn);
            marks.Remove(machine);
        }

        _marks = marks;
    }

    /// <summary>What was gathered since it was last taken.</summary>
    public IReadOnlyList<MachineUse> Take()
    {
        List<MachineUse> uses = [.. _gathered.Where(static one => one.Value.IsAny).Select(static one => new MachineUse(one.Key, new string(one.Value.Turns), one.Value.Egress, one.Value.Used))];
        _gathered.Clear();
        return uses;
    }

    /// <summary>It could not be written. The turns are lost, the bytes go with those of the next minute.</summary>
    public void PutBack(IReadOnlyList<MachineUse> uses)
    {
        foreach (var use in uses)
        {
            var gathered = Of(use.Machine);
            gathered.Egress += use.Egress;
            gathered.Used |= use.Used;
        }
    }

    private Mark Note(MachineVisits machine, Mark before, int turn)
    {
        var now = new Mark(machine.Counted.BytesToClient + machine.Uncounted.BytesToClient, machine.Counted.LastPassed);
        var used = now.Passed is not null && now.Passed != before.Passed;
        var level = used || machine.Requests > machine.Polls ? '2' : machine.Sockets + machine.Answers > 0 ? '1' : '0';
        if (level != '0' || now.Egress > before.Egress)
        {
            var gathered = Of(machine.Machine);
            gathered.Egress += now.Egress - before.Egress;
            gathered.Used |= used;
            gathered.Turns[turn] = (char)Math.Max(gathered.Turns[turn], level);
        }

        return now;
    }

    private Gathered Of(MachineId machine)
    {
        if (!_gathered.TryGetValue(machine, out var gathered))
        {
            _gathered[machine] = gathered = new Gathered();
        }

        return gathered;
    }

    private readonly record struct Mark(long Egress, DateTimeOffset? Passed);

    private sealed class Gathered
    {
        public char[] Turns { get; } = [.. Enumerable.Repeat('0', UseMeter.Turns)];

        public long Egress { get; set; }

        public bool Used { get; set; }

        public bool IsAny => Egress > 0 || Used || Turns.AsSpan().ContainsAnyExcept('0');
    }
}
