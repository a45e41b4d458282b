using System.Net;
using System.Net.Sockets;

namespace MachinesSimulator;

/// <summary>
/// Ports for programs that cannot be given port 0. The range lies below what the kernel takes port 0 and the ports of outgoing connections from: a program takes a
/// second until it listens, and nobody gets its port by chance meanwhile, to be taken for it.
/// </summary>
/// <param name="lowest">The first port, at least 1024.</param>
/// <param name="count">How many; the last lies below 32,768.</param>
internal sealed class PortRange(int lowest, int count)
{
    // Processes beside each other begin at different ports.
    private int _last = Environment.ProcessId * 97;

    /// <summary>One that nobody listens on now.</summary>
    /// <exception cref="IOException">All of them are taken.</exception>
    public int Take()
    {
        for (var tries = 0; tries < count; tries++)
        {
            var port = lowest + (int)((uint)Interlocked.Increment(ref _last) % count);
            try
            {
                using var listener = new TcpListener(IPAddress.Loopback, port);
                listener.Start();
                return port;
            }
            catch (SocketException)
            {
                // Taken: the next one then.
            }
        }

        throw new IOException($"No port from {lowest} to {lowest + count - 1} is free: end some of the programs that listen there.");
    }
}
