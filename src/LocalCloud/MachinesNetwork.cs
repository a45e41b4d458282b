using System.Net;
using System.Net.Sockets;

namespace LocalCloud;

/// <summary>
/// Which loopback addresses the simulated machines have. Local clouds that run at the same time need different ones, or one would answer for the
/// other's machines; an address that no machine gets is held for as long as a network is in use.
/// </summary>
internal sealed class MachinesNetwork : IDisposable
{
    private const int First = 77, Last = 250, HeldPort = 10_000;
    private readonly Socket _held;

    private MachinesNetwork(string name, Socket held) => (Name, _held) = (name, held);

    /// <summary>The first two numbers of the addresses.</summary>
    public string Name { get; }

    public static MachinesNetwork Claim()
    {
        for (var second = First; second <= Last; second++)
        {
            var held = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
            try
            {
                held.Bind(new IPEndPoint(new IPAddress([127, (byte)second, 255, 254]), HeldPort));
                held.Listen(1);
                return new MachinesNetwork($"127.{second}", held);
            }
            catch (SocketException)
            {
                held.Dispose();
            }
        }

        throw new LocalCloudException("There are too many local clouds and tests on this machine: stop one");
    }

    public void Dispose() => _held.Dispose();
}
