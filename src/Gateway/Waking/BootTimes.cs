using System.Collections.Concurrent;

namespace Gateway.Waking;

/// <summary>
/// How long machines take to come up, learnt from the boots this replica saw, for each image and region: where to probe densely, and what to tell
/// people. Bounded; a replica that has seen nothing yet probes densely all the time.
/// </summary>
internal sealed class BootTimes
{
    private const int MostKinds = 1_000;

    private readonly ConcurrentDictionary<BootKind, Boots> _kinds = new();
    private readonly Boots _all = new();

    /// <summary>A machine of this kind came up.</summary>
    public void Learn(BootKind kind, WakeTiming timing)
    {
        _all.Add(timing);
        if (_kinds.Count >= MostKinds)
        {
            _kinds.Clear();
        }

        _kinds.GetOrAdd(kind, static _ => new Boots()).Add(timing);
    }

    /// <summary>When machines of this kind first took a connection, counted from the accepted start; null: not known well enough.</summary>
    public BootWindow? Expect(BootKind kind) => _kinds.TryGetValue(kind, out var boots) ? boots.Window : null;

    /// <summary>The usual time of a step: the median of what was seen lately, or null.</summary>
    public TimeSpan? Usual(WakeStep step) => _all.Usual(step);

    private sealed class Boots
    {
        private const int Kept = 64;
        private const int Enough = 3;

        private readonly Lock _lock = new();
        private readonly WakeTiming[] _last = new WakeTiming[Kept];
        private int _seen;

        public BootWindow? Window
        {
            get
            {
                var boots = Sorted(static timing => timing.Boot);
                return boots.Length < Enough ? null : new BootWindow(boots[0], boots[^1]);
            }
        }

        public void Add(WakeTiming timing)
        {
            lock (_lock)
            {
                _last[_seen++ % Kept] = timing;
            }
        }

        public TimeSpan? Usual(WakeStep step)
        {
            var times = Sorted(timing => step switch
            {
                WakeStep.Starting => timing.Start,
                WakeStep.Booting => timing.Boot,
                WakeStep.Checking => timing.Probe,
                _ => TimeSpan.Zero,
            });
            return times.Length == 0 ? null : times[times.Length / 2];
        }

        private TimeSpan[] Sorted(Func<WakeTiming, TimeSpan> part)
        {
            lock (_lock)
            {
                var times = _last.Take(Math.Min(_seen, Kept)).Select(part).ToArray();
                Array.Sort(times);
                return times;
            }
        }
    }
}

/// <summary>What boots alike: the image, where, and whether from a suspended memory.</summary>
internal readonly record struct BootKind(string Image, string Region, bool Resumed);

/// <summary>Between which moments after the accepted start machines of a kind took their first connection.</summary>
internal readonly record struct BootWindow(TimeSpan Earliest, TimeSpan Latest);

/// <summary>
/// How densely a boot is probed: sparsely before anybody of its kind was ready, densely around the expected moment, and more sparsely the longer it is
/// overdue. An attempt costs both sides something, and hundreds of machines may boot at once.
/// </summary>
/// <param name="Started">The timestamp of the accepted start.</param>
/// <param name="Expected">What is known of its kind; null: dense from the beginning.</param>
internal readonly record struct ProbePace(long Started, BootWindow? Expected)
{
    private static readonly TimeSpan Dense = TimeSpan.FromMilliseconds(10);
    private static readonly TimeSpan Sparse = TimeSpan.FromMilliseconds(25);
    private static readonly TimeSpan Sparsest = TimeSpan.FromMilliseconds(100);

    /// <summary>A boot may be quicker than all that were seen, and slower.</summary>
    private const double Early = 0.8;
    private const double Late = 1.25;

    /// <summary>What an attempt may come late, as a part of what the boot has taken already.</summary>
    private const double Share = 0.004;

    /// <summary>The time from one attempt to the next, at this moment.</summary>
    public TimeSpan Grid(TimeProvider time)
    {
        var elapsed = time.GetElapsedTime(Started);
        if (Expected is { } window)
        {
            if (elapsed < window.Earliest * Early)
            {
                return Sparse;
            }

            if (elapsed <= window.Latest * Late)
            {
                return Dense;
            }
        }

        var share = elapsed * Share;
        return share < Dense ? Dense : share < Sparsest ? share : Sparsest;
    }
}
