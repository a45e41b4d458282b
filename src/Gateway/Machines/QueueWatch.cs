namespace Gateway.Machines;

/// <summary>
/// Whose work a call of the platform is: where the call has to wait for its turn, the place in the line is seen here. It follows the work through its
/// awaits, so that no call has to be told whom it is made for.
/// </summary>
internal sealed class QueueWatch
{
    private static readonly AsyncLocal<QueueWatch?> Following = new();

    private volatile QueuePlace? _place;

    /// <summary>What all that is called from here on is made for.</summary>
    public static QueueWatch? Current
    {
        get => Following.Value;
        set => Following.Value = value;
    }

    /// <summary>Where it waits, or null while it does not. Written by the rates.</summary>
    public QueuePlace? Place
    {
        get => _place;
        internal set => _place = value;
    }
}

/// <summary>A place in the line for one of the platform's rates.</summary>
internal sealed class QueuePlace(QueueLine line)
{
    /// <summary>How many turns from now, at least 1.</summary>
    public int Position => line.PositionOf(this);

    public TimeSpan ExpectedWait => line.Every * Position;
}

/// <summary>Who waits for one rate, in the order they came, which is the order of the limiter behind it.</summary>
internal sealed class QueueLine(TimeSpan every)
{
    private readonly Lock _lock = new();
    private readonly List<QueuePlace> _waiting = [];

    /// <summary>The time from one turn to the next.</summary>
    public TimeSpan Every => every;

    public QueuePlace Enter()
    {
        var place = new QueuePlace(this);
        lock (_lock)
        {
            _waiting.Add(place);
        }

        return place;
    }

    /// <summary>True: nobody waits any more.</summary>
    public bool Leave(QueuePlace place)
    {
        lock (_lock)
        {
            _waiting.Remove(place);
            return _waiting.Count == 0;
        }
    }

    public int PositionOf(QueuePlace place)
    {
        lock (_lock)
        {
            return Math.Max(1, _waiting.IndexOf(place) + 1);
        }
    }
}
