using System.Net;
using System.Net.Sockets;

namespace LocalCloud;

/// <summary>Finds taken ports before anything is started, because half a cloud is worse than none.</summary>
internal static class Ports
{
    public static void Require(LocalCloudOptions options)
    {
        var wanted = new List<(int Port, string Name)>
        {
            (options.MachinesPort, nameof(options.MachinesPort)),
            (options.IdentityPort, nameof(options.IdentityPort)),
            (options.PublicPort, nameof(options.PublicPort)),
            (options.Http2Port, nameof(options.Http2Port)),
            (options.OperationsPort, nameof(options.OperationsPort)),
        };
        if (options.RedisUrl is null)
        {
            wanted.Insert(0, (options.RedisPort, nameof(options.RedisPort)));
        }

        var taken = wanted.Where(port => !IsFree(port.Port))
            .Select(port => $"port {port.Port} is taken: stop what listens there or set {LocalCloudOptions.Section}__{port.Name}")
            .ToList();
        if (taken.Count > 0)
        {
            throw new LocalCloudException(string.Join(Environment.NewLine, taken));
        }
    }

    private static bool IsFree(int port) => IsFree(IPAddress.Loopback, port) && (!Socket.OSSupportsIPv6 || IsFree(IPAddress.IPv6Loopback, port));

    private static bool IsFree(IPAddress address, int port)
    {
        try
        {
            using var listener = new TcpListener(address, port);
            listener.Start();
            return true;
        }
        catch (SocketException exception) when (exception.SocketErrorCode != SocketError.AddressAlreadyInUse)
        {
            // No such address here (IPv6 switched off): then nobody else has it either.
            return true;
        }
        catch (SocketException)
        {
            return false;
        }
    }
}
