using System.Collections.Concurrent;

namespace MachinesSimulator;

/// <summary>What goes wrong on demand. Actions are named <c>list get create update start stop suspend wait lease release metadata destroy</c> and <c>volumes.list …</c>.</summary>
internal sealed class Faults
{
    private readonly Lock _lock = new();
    private readonly List<Planned> _planned = [];

    public ConcurrentDictionary<string, TimeSpan> Latency { get; } = new();

    /// <summary>Regions without room.</summary>
    public ConcurrentDictionary<string, bool> FullRegions { get; } = new();

    /// <summary>The whole API answers 503.</summary>
    public bool Down { get; set; }

    /// <summary>How much later each piece of a connection to a machine arrives.</summary>
    public TimeSpan NetworkDelay { get; set; }

    /// <summary>The next <paramref name="times"/> calls answer so. <paramref name="carriedOut"/>: they are done all the same, and only the answer is lost.</summary>
    public void FailNext(string action, int status, string error, int times = 1, bool carriedOut = false, string? target = null, TimeSpan? retryAfter = null)
    {
        lock (_lock)
        {
            _planned.Add(new Planned(action, target, status, error, carriedOut, retryAfter) { Left = times });
        }
    }

    public void Clear()
    {
        lock (_lock)
        {
            _planned.Clear();
        }

        Latency.Clear();
        FullRegions.Clear();
        Down = false;
        NetworkDelay = TimeSpan.Zero;
    }

    internal Planned? Next(string action, string target)
    {
        lock (_lock)
        {
            var planned = _planned.Find(fault => fault.Action == action && (fault.Target is null || fault.Target == target));
            if (planned is not null && --planned.Left == 0)
            {
                _planned.Remove(planned);
            }

            return planned;
        }
    }

    /// <summary>Status 0: the connection is cut instead of an answer.</summary>
    internal sealed record Planned(string Action, string? Target, int Status, string Error, bool CarriedOut, TimeSpan? RetryAfter)
    {
        public int Left { get; set; }
    }
}
