using System.Collections.Concurrent;
using System.Security.Claims;
using Microsoft.Extensions.Options;

namespace Gateway.Proxying.Sockets;

/// <summary>The sockets open through this replica: to be found by machine or user when they must end, and pinged when they are silent.</summary>
internal sealed class OpenSockets(IOptions<ProxyingOptions> options, TimeProvider time) : BackgroundService
{
    /// <summary>How long a peer has to answer a Close before the connection is cut.</summary>
    private static readonly TimeSpan EchoLimit = TimeSpan.FromSeconds(2);

    // A person's are few, and are asked for whenever that person's session changes, on every replica.
    private readonly ConcurrentDictionary<UserId, OpenSocket[]> _ofUsers = new();

    private int _count;

    public int Count => Volatile.Read(ref _count);

    public IEnumerable<OpenSocket> All
    {
        get
        {
            foreach (var (_, open) in _ofUsers)
            {
                foreach (var socket in open)
                {
                    yield return socket;
                }
            }
        }
    }

    /// <summary>Raised when a socket has opened, on its request's own path: must return at once.</summary>
    public event Action<OpenSocket>? Added;

    public IReadOnlyList<OpenSocket> Of(UserId user) => _ofUsers.GetValueOrDefault(user, []);

    public void Add(OpenSocket socket)
    {
        _ofUsers.AddOrUpdate(socket.User, static (_, added) => [added], static (_, open, added) => [.. open, added], socket);
        Interlocked.Increment(ref _count);
        Added?.Invoke(socket);
    }

    public void Remove(OpenSocket socket)
    {
        while (_ofUsers.TryGetValue(socket.User, out var open) && open.Contains(socket))
        {
            if (open.Length == 1 ? _ofUsers.TryRemove(new(socket.User, open)) : _ofUsers.TryUpdate(socket.User, [.. open.Where(other => other != socket)], open))
            {
                Interlocked.Decrement(ref _count);
                break;
            }
        }

        socket.Stream.End();
    }

    /// <summary>Closes every socket of the machine; answers when all have ended or were cut.</summary>
    public Task CloseMachineAsync(MachineId machine, ushort code, string reason) => CloseAsync(All.Where(socket => socket.Machine == machine), code, reason);

    /// <summary>Closes the user's sockets on all machines but one.</summary>
    public Task CloseUserAsync(UserId user, MachineId? except, ushort code, string reason) => CloseAsync(Of(user).Where(socket => socket.Machine != except), code, reason);

    /// <summary>Closes all, spread over <paramref name="spread"/>, so that their clients do not all come back at once.</summary>
    public async Task CloseAllAsync(ushort code, string reason, TimeSpan spread)
    {
        var all = All.ToList();
        var closing = new List<Task>(all.Count);
        for (var i = 0; i < all.Count; i++)
        {
            closing.Add(CloseAsync(all[i], code, reason));
            if (i + 1 < all.Count && spread > TimeSpan.Zero)
            {
                await Task.Delay(spread / all.Count, time);
            }
        }

        await Task.WhenAll(closing);
    }

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        var after = options.Value.SocketPingAfter;
        if (after == TimeSpan.Zero)
        {
            return;
        }

        using var timer = new PeriodicTimer(after / 5, time);
        while (await timer.WaitForNextTickAsync(stoppingToken))
        {
            foreach (var socket in All)
            {
                await LookAfterAsync(socket, after, stoppingToken);
            }
        }
    }

    /// <summary>Pings a silent client; one that answered neither of two Pings is gone, and its visit must end.</summary>
    private static async Task LookAfterAsync(OpenSocket socket, TimeSpan after, CancellationToken cancellationToken)
    {
        if (!socket.Stream.IsWebSocket)
        {
            return;
        }

        if (socket.Pings >= 2 && socket.Stream.SilenceOfClient > after * 2)
        {
            socket.Cut();
        }
        else if (socket.Stream.Silence >= after)
        {
            socket.Pings = socket.Stream.SilenceOfClient < after ? 1 : socket.Pings + 1;
            using var bound = new CancellationTokenSource(EchoLimit);
            using var either = CancellationTokenSource.CreateLinkedTokenSource(bound.Token, cancellationToken);
            try
            {
                await socket.Stream.PingAsync(either.Token);
            }
            catch (OperationCanceledException) when (!cancellationToken.IsCancellationRequested)
            {
                // Its transport takes nothing any more; the next rounds count on.
            }
        }
    }

    private Task CloseAsync(IEnumerable<OpenSocket> closing, ushort code, string reason) => Task.WhenAll(closing.Select(socket => CloseAsync(socket, code, reason)));

    /// <summary>Answers when it has ended or was cut.</summary>
    public async Task CloseAsync(OpenSocket socket, ushort code, string reason)
    {
        if (await socket.Stream.CloseAsync(code, reason, EchoLimit))
        {
            await Task.WhenAny(socket.Stream.Ended, Task.Delay(EchoLimit, time));
        }

        if (!socket.Stream.Ended.IsCompleted)
        {
            socket.Cut();
        }
    }
}

/// <summary>One open socket. <see cref="Pings"/> is written by the one loop that pings.</summary>
internal sealed class OpenSocket(MachineId machine, UserId user, SocketStream stream, HttpContext context) : ILasting
{
    public MachineId Machine => machine;

    public UserId User => user;

    public SocketStream Stream => stream;

    /// <summary>Who opened it, and by what; the request itself may be gone when it is asked.</summary>
    public ClaimsPrincipal Holder { get; } = context.User;

    /// <summary>When what opened it ends, as last heard, and when to look again; written by whoever watches over that.</summary>
    public DateTimeOffset? GoodUntil { get; set; }

    public DateTimeOffset LookAgainAt { get; set; } = DateTimeOffset.MaxValue;

    public int Pings { get; set; }

    /// <summary>Ends the connection without a word.</summary>
    public void Cut() => context.Abort();
}
