namespace Gateway.Tests.Simulation.Whole;

/// <summary>
/// What is due, and when; of the same moment what was planned first comes first. A heap of four children each, in which only numbers are moved: what they stand for
/// stays where it was put. Most of what happens plans the next, so what is taken leaves a hole at the root, which the next that is planned fills.
/// </summary>
internal sealed class Agenda
{
    private const int Children = 4;

    private Entry[] _heap = new Entry[256];
    private Due[] _due = new Due[256];
    private int[] _free = new int[256];
    private int _count;
    private int _freeCount;
    private int _used;
    private long _order;
    private bool _hole;

    public void Plan(long at, in Due due)
    {
        var slot = _freeCount > 0 ? _free[--_freeCount] : NewSlot();
        _due[slot] = due;
        var entry = new Entry(at, ++_order, slot);
        if (_hole)
        {
            _hole = false;
            SiftDown(entry);
            return;
        }

        if (_count == _heap.Length)
        {
            Array.Resize(ref _heap, _count * 2);
        }

        SiftUp(entry, _count++);
    }

    /// <summary>Takes the first, unless that is later than <paramref name="until"/>.</summary>
    public bool TryTake(long until, out Due due, out long at)
    {
        if (_hole)
        {
            _hole = false;
            if (--_count > 0)
            {
                SiftDown(_heap[_count]);
            }
        }

        if (_count == 0 || _heap[0].At > until)
        {
            (due, at) = (default, 0);
            return false;
        }

        var first = _heap[0];
        at = first.At;
        due = _due[first.Slot];
        _due[first.Slot] = default;
        _free[_freeCount++] = first.Slot;
        _hole = true;
        return true;
    }

    private int NewSlot()
    {
        if (_used == _due.Length)
        {
            Array.Resize(ref _due, _used * 2);
            Array.Resize(ref _free, _used * 2);
        }

        return _used++;
    }

    private void SiftUp(in Entry entry, int at)
    {
        var heap = _heap;
        while (at > 0)
        {
            var parent = (at - 1) / Children;
            if (!entry.IsBefore(heap[parent]))
            {
                break;
            }

            heap[at] = heap[parent];
            at = parent;
        }

        heap[at] = entry;
    }

    private void SiftDown(in Entry entry)
    {
        var heap = _heap.AsSpan(0, _count);
        var at = 0;
        for (int child; (child = (at * Children) + 1) < heap.Length;)
        {
            var least = child;
            for (var end = Math.Min(child + Children, heap.Length); ++child < end;)
            {
                least = heap[child].IsBefore(heap[least]) ? child : least;
            }

            if (!heap[least].IsBefore(entry))
            {
                break;
            }

            heap[at] = heap[least];
            at = least;
        }

        heap[at] = entry;
    }

    private readonly record struct Entry(long At, long Order, int Slot)
    {
        public bool IsBefore(in Entry other) => At != other.At ? At < other.At : Order < other.Order;
    }
}

/// <summary>A call with what it is about, or without a call a timer as it was set last.</summary>
internal readonly record struct Due(SendOrPostCallback? Call, object What, int Version);
