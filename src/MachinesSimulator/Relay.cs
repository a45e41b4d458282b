using System.Net.Sockets;

namespace MachinesSimulator;

/// <summary>
/// Two connections made one, as a network would: bytes as they come, an orderly end of one direction that leaves the other open, and a reset that is a reset
/// on both sides.
/// </summary>
/// <param name="one">Owned from here on.</param>
/// <param name="other">Owned from here on.</param>
/// <param name="delay">How much later each piece arrives now.</param>
internal sealed class Relay(Socket one, Socket other, Func<TimeSpan> delay) : IDisposable
{
    private long _spoke = TimeProvider.System.GetTimestamp();

    /// <summary>For how long nothing has passed.</summary>
    public TimeSpan Silence => TimeProvider.System.GetElapsedTime(Volatile.Read(ref _spoke));

    /// <summary>Until both directions have ended, or either end went away.</summary>
    public async Task RunAsync()
    {
        try
        {
            Task[] copies = [CopyAsync(one, other), CopyAsync(other, one)];
            await await Task.WhenAny(copies);
            await Task.WhenAll(copies);
        }
        catch (Exception exception) when (exception is SocketException or ObjectDisposedException)
        {
            Reset();
        }
        finally
        {
            Dispose();
        }
    }

    /// <summary>Ends both as a broken line does.</summary>
    public void Reset()
    {
        Reset(one);
        Reset(other);
    }

    public void Dispose()
    {
        one.Dispose();
        other.Dispose();
    }

    private async Task CopyAsync(Socket from, Socket to)
    {
        var buffer = new byte[32 * 1024];
        while (await from.ReceiveAsync(buffer) is > 0 and var read)
        {
            Volatile.Write(ref _spoke, TimeProvider.System.GetTimestamp());
            if (delay() is { Ticks: > 0 } pause)
            {
                await Task.Delay(pause, TimeProvider.System);
            }

            for (var sent = 0; sent < read;)
            {
                sent += await to.SendAsync(buffer.AsMemory(sent, read - sent));
            }
        }

        to.Shutdown(SocketShutdown.Send);
    }

    private static void Reset(Socket socket)
    {
        try
        {
            socket.LingerState = new LingerOption(true, 0);
        }
        catch (Exception exception) when (exception is SocketException or ObjectDisposedException)
        {
            // Gone already.
        }

        socket.Dispose();
    }
}
