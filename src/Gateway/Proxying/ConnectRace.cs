using System.Net;
using System.Net.Sockets;

namespace Gateway.Proxying;

/// <summary>How to keep trying to connect to a machine that may be booting.</summary>
/// <param name="Limit">For how long.</param>
/// <param name="Grid">Asked after each attempt: the time until the next.</param>
/// <param name="Connected">Told, once, how long the attempt took that succeeded: a round trip.</param>
internal sealed record ConnectPlan(TimeSpan Limit, Func<TimeSpan> Grid, Action<TimeSpan> Connected);

/// <summary>
/// Connects to a machine that may be booting. Such a machine does not refuse, it is silent: the SYN is lost and the kernel repeats it only after a
/// second, so one attempt that began a moment too early costs a second. Attempts therefore overlap on a dense grid, and the first to connect wins.
/// </summary>
internal static class ConnectRace
{
    /// <summary>How many attempts may be on their way at once; the oldest is given up for a new one.</summary>
    private const int Overlapping = 8;

    /// <exception cref="SocketException">Nothing answered within the plan's limit: the error of the last attempt, or TimedOut.</exception>
    public static async Task<Socket> RunAsync(IPEndPoint endPoint, ConnectPlan plan, TimeProvider time, CancellationToken cancellationToken)
    {
        var attempts = new LinkedList<Attempt>();
        var started = time.GetTimestamp();
        var lastError = SocketError.TimedOut;
        try
        {
            while (true)
            {
                if (attempts.Count == Overlapping)
                {
                    attempts.First!.Value.Abandon();
                    attempts.RemoveFirst();
                }

                attempts.AddLast(Attempt.Begin(endPoint, time.GetTimestamp(), cancellationToken));
                var next = Task.Delay(plan.Grid(), time, cancellationToken);
                while (!next.IsCompleted)
                {
                    await Task.WhenAny([next, .. attempts.Select(static attempt => attempt.Connecting)]);
                    for (var node = attempts.First; node is not null;)
                    {
                        var (attempt, following) = (node.Value, node.Next);
                        if (attempt.Connecting.IsCompletedSuccessfully)
                        {
                            attempts.Remove(node);
                            plan.Connected(time.GetElapsedTime(attempt.Begun));
                            return attempt.Socket;
                        }

                        if (attempt.Connecting.IsCompleted)
                        {
                            lastError = attempt.Error ?? lastError;
                            attempt.Abandon();
                            attempts.Remove(node);
                        }

                        node = following;
                    }

                    if (attempts.Count == 0)
                    {
                        await next;
                    }
                }

                cancellationToken.ThrowIfCancellationRequested();
                if (time.GetElapsedTime(started) >= plan.Limit)
                {
                    throw new SocketException((int)lastError);
                }
            }
        }
        finally
        {
            foreach (var attempt in attempts)
            {
                attempt.Abandon();
            }
        }
    }

    /// <summary>A socket set up as all connections to machines are.</summary>
    public static Socket NewSocket(AddressFamily family)
    {
        var socket = new Socket(family, SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
        // A suspended or vanished machine says nothing; probes of the kernel's find out in under a minute on an idle terminal.
        socket.SetSocketOption(SocketOptionLevel.Socket, SocketOptionName.KeepAlive, true);
        socket.SetSocketOption(SocketOptionLevel.Tcp, SocketOptionName.TcpKeepAliveTime, 30);
        socket.SetSocketOption(SocketOptionLevel.Tcp, SocketOptionName.TcpKeepAliveInterval, 5);
        socket.SetSocketOption(SocketOptionLevel.Tcp, SocketOptionName.TcpKeepAliveRetryCount, 4);
        return socket;
    }

    private sealed class Attempt
    {
        private Attempt(Socket socket, long begun, Task connecting) => (Socket, Begun, Connecting) = (socket, begun, connecting);

        public Socket Socket { get; }

        public long Begun { get; }

        public Task Connecting { get; }

        public SocketError? Error => (Connecting.Exception?.InnerException as SocketException)?.SocketErrorCode;

        public static Attempt Begin(IPEndPoint endPoint, long now, CancellationToken cancellationToken)
        {
            var socket = NewSocket(endPoint.AddressFamily);
            return new Attempt(socket, now, socket.ConnectAsync(endPoint, cancellationToken).AsTask());
        }

        public void Abandon()
        {
            // Observed, so that a late refusal of an abandoned attempt is not an unobserved exception.
            _ = Connecting.ContinueWith(static task => _ = task.Exception, CancellationToken.None, TaskContinuationOptions.OnlyOnFaulted, TaskScheduler.Default);
            Socket.Dispose();
        }
    }
}
