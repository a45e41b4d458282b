namespace Gateway.Tests.Simulation.Whole;

/// <summary>
/// One thread, one clock and one source of chance for everything in a simulation. Of what is ready to run the seed picks the next, so every interleaving
/// can happen and each happens again under the same seed; time passes only when nothing is ready. The world itself is the context of what no gateway
/// runs: the network, Redis, the platform and people.
/// </summary>
internal sealed class SeededWorld : SynchronizationContext
{
    private const int MostStepsAtOnce = 100_000;

    private readonly Agenda _agenda = new();
    private readonly int _thread = Environment.CurrentManagedThreadId;
    private Ready[] _ready = new Ready[64];
    private int _readyCount;
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

    public void After(TimeSpan delay, Action action) => Plan(delay.Ticks, new Due(Invoke, action, 0));

    /// <summary>The same, for what happens so often that a delegate for each were too much.</summary>
    public void After(TimeSpan delay, SendOrPostCallback call, object what) => Plan(delay.Ticks, new Due(call, what, 0));

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

        if (_readyCount == _ready.Length)
        {
            Array.Resize(ref _ready, _readyCount * 2);
        }

        _ready[_readyCount++] = new Ready(context, call, state);
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

        if (_readyCount > 0)
        {
            RunOne();
            return true;
        }

        if (!_agenda.TryTake(until, out var due, out var at))
        {
            Now = until;
            return false;
        }

        if (at > Now)
        {
            (Now, _stepsNow) = (at, 0);
        }

        Guarded(due);
        return true;
    }

    private void RunOne()
    {
        if (++_stepsNow > MostStepsAtOnce)
        {
            throw new TimeoutException("Something turns in circles without time passing.");
        }

        var chosen = _readyCount == 1 ? 0 : Random.Next(_readyCount);
        var ready = _ready[chosen];
        var last = --_readyCount;
        if (chosen != last)
        {
            _ready[chosen] = _ready[last];
        }

        _ready[last] = default;
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

    private void Guarded(in Due due)
    {
        try
        {
            if (due.Call is { } call)
            {
                Enter(this);
                call(due.What);
            }
            else
            {
                // It only posts, whatever context this is.
                ((SeededTimer)due.What).Fire(due.Version);
            }
        }
        catch (Exception exception) when (Broken is not null)
        {
            Broken(exception);
        }
    }

    private void Plan(long delay, in Due due) => _agenda.Plan(Now + Math.Max(0, delay), due);

    private void Mix(ulong value) => Trace = (Trace ^ value) * 1099511628211;

    private readonly record struct Ready(SynchronizationContext Context, SendOrPostCallback Call, object? State);
}
