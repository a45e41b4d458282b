using System.Threading.Channels;
using Gateway.Sessions;

namespace Gateway.Operations;

/// <summary>An event as operators see it.</summary>
/// <param name="Routes">The routes it is about; of a shared machine the first twenty.</param>
internal sealed record EventView(long Number, DateTimeOffset At, string Kind, IReadOnlyList<string> Routes, string? Machine, string? Before, string? State, RouteCause? Cause);

/// <summary>
/// Reads the events of the whole gateway once for all who listen here, when the change feed tells of a change and every two seconds besides. Costs nothing while
/// nobody listens.
/// </summary>
internal sealed partial class EventFeed(IRouteHistory history, IRouteIndex index, RouteSources sources, TimeProvider time, ILogger<EventFeed> logger) : BackgroundService
{
    public const int MostListeners = 100;

    private const int AtOnce = 500;
    private const int MostRoutes = 20;

    private static readonly TimeSpan Poll = TimeSpan.FromSeconds(2);

    private readonly Channel<bool> _changed = Channel.CreateBounded<bool>(new BoundedChannelOptions(1) { FullMode = BoundedChannelFullMode.DropWrite });
    private readonly List<Channel<EventView>> _listeners = [];

    // How far events were passed on; null while nobody listens. Under the lock of the listeners: written by whoever is the first to listen, and then by the loop.
    private long? _last;

    /// <summary>Events from now on; null: too many listen. A listener that does not keep up is let go: it comes back and says how far it got.</summary>
    public async Task<ChannelReader<EventView>?> ListenAsync(CancellationToken cancellationToken)
    {
        // Read before it listens, so that nothing falls between what it reads by itself and what it is passed.
        var (_, newest) = await history.ReadEventRangeAsync(cancellationToken);
        var listener = Channel.CreateBounded<EventView>(1000);
        lock (_listeners)
        {
            if (_listeners.Count == MostListeners)
            {
                return null;
            }

            _last ??= newest;
            _listeners.Add(listener);
        }

        return listener.Reader;
    }

    public void Leave(ChannelReader<EventView>? listener)
    {
        lock (_listeners)
        {
            _listeners.RemoveAll(other => other.Reader == listener);
        }
    }

    /// <summary>What happened after the number given, as far as it is kept.</summary>
    public async Task<IReadOnlyList<EventView>> ReadAsync(long after, CancellationToken cancellationToken)
    {
        var events = await history.ReadEventsAsync(after, AtOnce, cancellationToken);
        var machines = events.Where(static happened => happened.Kind != RedisSessionMap.SessionKind).Select(static happened => new MachineId(happened.Id)).Distinct().ToList();
        var owners = await index.UsersOfAsync(machines, null, MostRoutes, cancellationToken);
        var routes = machines.Zip(owners).ToDictionary(static pair => pair.First.Value, static pair => (IReadOnlyList<string>)[.. pair.Second.Select(RouteId.Of)]);
        return [.. events.Select(happened => happened.Kind == RedisSessionMap.SessionKind
            ? new EventView(happened.Number, happened.At, "state", [RouteId.Of(new UserId(happened.Id))], null, happened.Before, happened.State, null)
            : new EventView(happened.Number, happened.At, KindOf(happened.Cause), routes[happened.Id], happened.Id, happened.Before, happened.State, happened.Cause))];
    }

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        sources.OnChanged(() => _changed.Writer.TryWrite(true));
        while (!stoppingToken.IsCancellationRequested)
        {
            await WaitAsync(stoppingToken);
            try
            {
                await PassOnAsync(stoppingToken);
            }
            catch (SessionMapUnavailableException exception)
            {
                Log.EventsNotRead(logger, exception.Message);
            }
        }
    }

    private async Task WaitAsync(CancellationToken stoppingToken)
    {
        using var bound = new CancellationTokenSource(Poll, time);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(bound.Token, stoppingToken);
        try
        {
            await _changed.Reader.ReadAsync(either.Token);
        }
        catch (OperationCanceledException) when (!stoppingToken.IsCancellationRequested)
        {
            // Nothing was heard: look all the same.
        }
    }

    private async Task PassOnAsync(CancellationToken cancellationToken)
    {
        if (Listening() is not (_, var last))
        {
            return;
        }

        // Read after it was seen how far we are: numbers only grow, so an earlier one is of a map that began anew.
        if ((await history.ReadEventRangeAsync(cancellationToken)).Last < last)
        {
            SendBack();
            return;
        }

        for (IReadOnlyList<EventView> events; (events = await ReadAsync(last, cancellationToken)).Count > 0;)
        {
            if (Listening() is not (var listeners, _))
            {
                return;
            }

            foreach (var listener in listeners)
            {
                PassOn(listener, events);
            }

            last = events[^1].Number;
            lock (_listeners)
            {
                _last = last;
            }
        }
    }

    /// <summary>Who listens, and how far events were passed on; null: nobody.</summary>
    private (Channel<EventView>[] Listeners, long Last)? Listening()
    {
        lock (_listeners)
        {
            if (_listeners.Count == 0)
            {
                _last = null;
                return null;
            }

            return ([.. _listeners], _last!.Value);
        }
    }

    /// <summary>All come back, and are told by their last id that they must read the table again.</summary>
    private void SendBack()
    {
        lock (_listeners)
        {
            _listeners.ForEach(static listener => listener.Writer.TryComplete());
            _listeners.Clear();
            _last = null;
        }
    }

    private static void PassOn(Channel<EventView> listener, IReadOnlyList<EventView> events)
    {
        foreach (var happened in events)
        {
            if (!listener.Writer.TryWrite(happened))
            {
                listener.Writer.TryComplete();
                return;
            }
        }
    }

    private static string KindOf(RouteCause? cause) => cause switch
    {
        null => "state",
        { What: "put_to_sleep" } => "stop",
        { Kind: var kind } => kind,
    };

    private static partial class Log
    {
        [LoggerMessage(9030, LogLevel.Debug, "Events could not be read: {Reason}", EventName = "EventsNotRead")]
        public static partial void EventsNotRead(ILogger logger, string reason);
    }
}
