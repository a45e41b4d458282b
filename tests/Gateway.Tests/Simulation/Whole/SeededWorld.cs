namespace Gateway.Tests.Simulation.Whole;

/// <summary>
/// One thread, one clock and one source of chance for everything in a simulation. Of what is ready to run the seed picks the next, so every interleaving
/// can happen and each happens again under the same seed; time passes only when nothing is ready. The world itself is the context of what no gateway
/// runs: the network, Redis, the platform and people.
/// </summary>
internal sealed class SeededWorld : SynchronizationContext
{
    private const int MostStepsAtOnce = 100_000;

    private readonly List<Ready> _ready = new(64);
    private readonly PriorityQueue<Due, Moment> _due = new(1024);
    private readonly int _thread = Environment.CurrentManagedThreadId;
    private long _order;
    private SynchronizationContext? _entered;
    private int _stepsNow;
    private volatile string? _left;
    private bool _ended;

    public SeededWorld(int seed)
    {
        Random = new Random(seed);
        Time = new SeededTime(this, this);
    }

    public static DateTimeOffset Beginning { get; } = new(2026, 1, 1, 0, 0, 0, TimeSpan.Zero);

    public Random Random { get; }

    /// <summary>The true time.</summary>
    public SeededTime Time { get; }

    /// <summary>Ticks since the beginning.</summary>
    public long Now { get; private set; }

    public DateTimeOffset UtcNow => Beginning.AddTicks(Now);

    /// <summary>Callbacks run so far.</summary>
    public long Steps { get; private set; }

    /// <summary>Of every choice made and everything noted: equal for equal runs.</summary>
    public ulong Trace { get; private set; } = 14695981039346656037;

    /// <summary>Where notes go as text, when somebody wants to read them.</summary>
    public Action<string>? Reader { get; set; }

    /// <summary>An exception nobody caught.</summary>
    public Action<Exception>? Broken { get; set; }

    /// <summary>Nothing more happens.</summary>
    public bool IsOver { get; set; }

    public static SendOrPostCallback Invoke { get; } = static action => ((Action)action!)();

    public bool Chance(double probability) => Random.NextDouble() < probability;

    public TimeSpan Between(TimeSpan least, TimeSpan most) => least + TimeSpan.FromTicks((long)((most - least).Ticks * Random.NextDouble()));

    public T Pick<T>(IReadOnlyList<T> of) => of[Random.Next(of.Count)];

    /// <summary>Something that happened, for the trace.</summary>
    public void Note(string kind, string what)
    {
        Mix((ulong)kind.Length);
        foreach (var letter in what)
        {
            Mix(letter);
        }

        Reader?.Invoke($"{TimeSpan.FromTicks(Now):hh\\:mm\\:ss\\.fffffff} {kind} {what}");
    }

    public void After(TimeSpan delay, Action action) => Plan(delay.Ticks, new Due(action, null, 0));

    internal void Plan(long delay, SeededTimer timer, int version) => Plan(delay, new Due(null, timer, version));

    public override void Post(SendOrPostCallback d, object? state) => Enqueue(this, d, state);

    public override void Send(SendOrPostCallback d, object? state) => throw new NotSupportedException();

    public override SynchronizationContext CreateCopy() => this;

    internal void Enqueue(SynchronizationContext context, SendOrPostCallback call, object? state)
    {
        if (Environment.CurrentManagedThreadId != _thread)
        {
            // Thrown where it is seen, not where it happened: that thread is somebody else's, and after the end it is the finalizer's.
            _left = _ended ? null : Environment.StackTrace;
            return;
        }

        _ready.Add(new Ready(context, call, state));
    }

    /// <summary>What still comes from now on is of no account.</summary>
    public void End() => _ended = true;

    /// <summary>Lets everything happen that is due within the span.</summary>
    public void Pass(TimeSpan span)
    {
        var before = Current;
        var until = Now + span.Ticks;
        try
        {
            while (!IsOver && Step(until))
            {
            }
        }
        finally
        {
            _entered = null;
            SetSynchronizationContext(before);
        }
    }

    private bool Step(long until)
    {
        if (_left is { } how)
        {
            throw new InvalidOperationException("Something left the simulation's scheduler and came back from another thread: " + how);
        }

        if (_ready.Count > 0)
        {
            RunOne();
            return true;
        }

        if (!_due.TryPeek(out var due, out var when) || when.At > until)
        {
            Now = until;
            return false;
        }

        _due.Dequeue();
        (Now, _stepsNow) = (when.At > Now ? when.At : Now, when.At > Now ? 0 : _stepsNow);
        Enter(this);
        Guarded(due);
        return true;
    }

    private void RunOne()
    {
        if (++_stepsNow > MostStepsAtOnce)
        {
            throw new TimeoutException("Something turns in circles without time passing.");
        }

        var chosen = _ready.Count == 1 ? 0 : Random.Next(_ready.Count);
        var ready = _ready[chosen];
        _ready[chosen] = _ready[^1];
        _ready.RemoveAt(_ready.Count - 1);
        Steps++;
        Mix((ulong)chosen);
        Mix((ulong)Now);
        Enter(ready.Context);
        if (ready.Context is GatewayContext { IsRunning: false } gateway)
        {
            gateway.Post(ready.Call, ready.State);
            return;
        }

        try
        {
            ready.Call(ready.State);
        }
        catch (Exception exception) when (Broken is not null)
        {
            Broken(exception);
        }
    }

    /// <summary>Whatever runs leaves the context as it found it, so the one that is set is known without asking.</summary>
    private void Enter(SynchronizationContext context)
    {
        if (!ReferenceEquals(_entered, context))
        {
            _entered = context;
            SetSynchronizationContext(context);
        }
    }

    private void Guarded(Due due)
    {
        try
        {
            if (due.Timer is { } timer)
            {
                timer.Fire(due.Version);
            }
            else
            {
                due.Action!();
            }
        }
        catch (Exception exception) when (Broken is not null)
        {
            Broken(exception);
        }
    }

    private void Plan(long delay, Due due) => _due.Enqueue(due, new Moment(Now + Math.Max(0, delay), ++_order));

    private void Mix(ulong value) => Trace = (Trace ^ value) * 1099511628211;

    private readonly record struct Ready(SynchronizationContext Context, SendOrPostCallback Call, object? State);

    private readonly record struct Due(Action? Action, SeededTimer? Timer, int Version);

    /// <summary>Compared at every step, so by a method that can be inlined: a tuple of two cannot.</summary>
    private readonly record struct Moment(long At, long Order) : IComparable<Moment>
    {
        public int CompareTo(Moment other) => At != other.At ? At < other.At ? -1 : 1 : Order.CompareTo(other.Order);
    }
}
