using System.Net;
using System.Net.Sockets;

namespace Gateway.FunctionalTests.Cloud;

/// <summary>
/// Ports for programs that cannot be given port 0. They lie below the range the kernel takes port 0 from, so no other test gets one by chance between
/// being found here and being used.
/// </summary>
internal static class FreePorts
{
    private const int Lowest = 12_000, Count = 18_000;
    private static int _last = Environment.ProcessId * 97;

    public static int[] Take(int count) => Enumerable.Range(0, count).Select(_ => Take()).ToArray();

    public static int Take()
    {
        while (true)
        {
            var port = Lowest + (int)((uint)Interlocked.Increment(ref _last) % Count);
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
    }
}
